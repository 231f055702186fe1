"""What keeps an embedded bot away, as the running gateway knows it and a command does not.

A command has an environment of its own: a key that is in it is of no use to a gateway that was
started without it.
"""

from __future__ import annotations

import click

from eyeclaw_trio.cli.showing import shown
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.providers.ready_made import READY_MADE


def warn_if_kept_away(bot: Bot, reason: str | None) -> None:
    """Say on stderr what is missing for this bot, if anything is, and how to mend it."""
    if reason is not None:
        why = _explain(bot.provider or "", reason)
        click.echo(f"Bot {bot.id} ({shown(bot.name)}) is offline: {why}", err=True)


def _explain(provider: str, reason: str) -> str:
    if reason != "unknown_provider":
        return f"the running gateway cannot use its provider {provider} ({reason}): see its log."
    what = f"the running gateway knows no provider {provider}"
    if provider in READY_MADE:
        variables = " or ".join(READY_MADE[provider].key_variables)
        return f"{what}: restart it with {variables} set in its environment."
    return f"{what}: add [providers.{provider}] to its settings, and restart it."
