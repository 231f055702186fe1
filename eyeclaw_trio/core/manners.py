"""How each bot is asked on behalf of wearers: what the settings say of it, and of its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.core.asides import Company
from eyeclaw_trio.core.beginnings import Conversation
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.spoken import Speech
from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.core.voice import Manner
from eyeclaw_trio.core.wearer import WearerSettings

# Sources of turns, as traces have them.
_GLASSES: Final = frozenset({"rokid"})
_HEARD: Final = frozenset({"rokid", "trigger"})


@frozen
class BotManners:
    """Of one bot. `needs_history`: its model keeps none of what was said, so it is told again.
    `speaks_clean`: what it says is cleaned for speech."""

    conversation: Conversation = "shared"
    needs_history: bool = False
    wearer: WearerSettings = field(factory=WearerSettings)
    speaks_clean: bool = False
    _known: dict[tuple[str, Language], Manner] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def for_source(self, source: str, language: Language = "zh") -> Manner:
        """How its answers reach whoever asked there, in this language: only who wears glasses can
        be told to do something, and sees what may be asked next. A worker's wearer only hears."""
        known = self._known.get((source, language))  # each answer asks, and there are a few
        if known is None:
            known = self._known[source, language] = self._make(source, language)
        return known

    def _make(self, source: str, language: Language) -> Manner:
        wearer = self.wearer
        speech = Speech(self.speaks_clean, wearer.emoji, wearer.longest)
        if source not in _HEARD:
            return Manner(speech)
        company = Company(
            wearer.filler, wearer.filler_after, language if wearer.status_words else None
        )
        if source not in _GLASSES:
            return Manner(speech, company=company)
        return Manner(speech, wearer.actions, wearer.follow_ups, company)


@frozen
class Manners:
    """Of all bots: by the name that the settings have, else by the provider that answers for them,
    else as usual."""

    usual: BotManners = field(factory=BotManners)
    of_bots: Mapping[str, BotManners] = field(factory=dict)
    of_providers: Mapping[str, BotManners] = field(factory=dict)

    def of(self, bot: Bot) -> BotManners:
        """Those of this bot."""
        known = self.of_bots.get(bot.name)
        if known is not None:
            return known
        return self.of_providers.get(bot.provider or "", self.usual)
