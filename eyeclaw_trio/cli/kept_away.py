"""What keeps an embedded bot away, as the running gateway knows it and a command does not.

A command has an environment of its own: a key that is in it is of no use to a gateway that was
started without it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.providers.ready_made import READY_MADE
from eyeclaw_trio.store.running_gateway import read_running_gateway

# Seconds in which a running gateway has described a bot that was just added.
_KNOWN_WITHIN: Final = 2.0
_LOOK_EVERY: Final = 0.05


def wait_until_known(folder: Path, bot: Bot) -> str | None:
    """What keeps this embedded bot away from the gateway that runs on the folder; None: nothing,
    or no gateway runs, or it does not say. Blocks for at most two seconds, mostly not at all."""
    deadline = time.monotonic() + _KNOWN_WITHIN
    while (running := read_running_gateway(folder)) is not None:
        reason = running.why_offline(bot.id)
        if reason is not None or not bot.is_configured or time.monotonic() > deadline:
            return reason or None
        time.sleep(_LOOK_EVERY)
    return None


def warn_if_kept_away(bot_id: object, provider: object, reason: object) -> None:
    """Say on stderr what is missing for this bot, if anything is, and how to mend it."""
    if reason is not None:
        click.echo(f"Bot {bot_id} is offline: {_explain(str(provider), str(reason))}", err=True)


def _explain(provider: str, reason: str) -> str:
    if reason != "unknown_provider":
        return f"the running gateway cannot use its provider {provider} ({reason}): see its log."
    what = f"the running gateway knows no provider {provider}"
    if provider in READY_MADE:
        variables = " or ".join(READY_MADE[provider].key_variables)
        return f"{what}: restart it with {variables} set in its environment."
    return f"{what}: add [providers.{provider}] to its settings, and restart it."
