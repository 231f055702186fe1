"""Every text of the pages, in English and in Chinese: one module for each page, whose keys begin
with its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from eyeclaw_trio.admin.words import (
    backup,
    bots,
    common,
    entry,
    health,
    keys,
    log,
    overview,
    providers,
    reasons,
    sessions,
    settings,
    traces,
    try_it,
    wearers,
)
from eyeclaw_trio.protocol.harmless import visible

Language = Literal["en", "zh"]

# English and Chinese; `{name}` stands for a value.
CATALOGUE: Final[Mapping[str, tuple[str, str]]] = {
    **common.WORDS,
    **entry.WORDS,
    **overview.WORDS,
    **bots.WORDS,
    **keys.WORDS,
    **wearers.WORDS,
    **sessions.WORDS,
    **traces.WORDS,
    **try_it.WORDS,
    **providers.WORDS,
    **settings.WORDS,
    **health.WORDS,
    **log.WORDS,
    **reasons.WORDS,
    **backup.WORDS,
}


def say(language: Language, key: str, **values: object) -> str:
    """The text of this key. Raises KeyError for one that is not there, or a value that is needed.

    Values are put in harmlessly; whoever puts the text into a page escapes it.
    """
    english, chinese = CATALOGUE[key]
    text = chinese if language == "zh" else english
    if not values and "{" not in text:
        return text
    return text.format_map({name: visible(str(value)) for name, value in values.items()})
