"""What the gateway makes for itself at its start, so that it answers at once (CLI, "First start").

Bots of the configuration are entered by name. Where there is no bot at all, a first one is made;
where there is no access key, one is made and shown this once, on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog

from eyeclaw_trio.core.directory import Origin
from eyeclaw_trio.providers.openclaw import NAME as OPENCLAW
from eyeclaw_trio.providers.openclaw import is_openclaw_there
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import ConfiguredBotSettings
from eyeclaw_trio.store.bots import ConfiguredBot, add_bot, enter_configured_bots
from eyeclaw_trio.store.keys import create_key
from eyeclaw_trio.store.store import Store

log = structlog.get_logger(__name__)

DEMO = "demo"


async def enter_bots_and_keys(
    store: Store,
    configured: Sequence[ConfiguredBotSettings],
    providers: Mapping[str, ProviderSettings],
) -> None:
    """Make the data folder ready for the first question. Raises StoreError.

    Cancellation leaves what was made, and may leave a key that was not shown.
    """
    now = datetime.now(UTC)
    bots = [ConfiguredBot(bot.name, bot.provider, bot.default) for bot in configured]
    await store.run(lambda db: enter_configured_bots(db, bots, now=now))
    if not store.directory.bots:
        name, provider = DEMO, "echo"
        if OPENCLAW in providers and await is_openclaw_there():
            name, provider = OPENCLAW, OPENCLAW
        # The stand-in steps aside for the first real bot; an OpenClaw is a real one.
        origin: Origin = "demo" if name == DEMO else "command"
        await store.run(lambda db: add_bot(db, name, provider, origin=origin, now=now))
        log.info("bot.first", name=name, provider=provider)
    if not store.directory.keys:
        _, secret = await store.run(lambda db: create_key(db, "first", now=now))
        sys.stderr.write(
            f"No access key yet: this one was made, and is shown this once.\n\n    {secret}\n\n"
            "Enter it as the AK on Rokid's platform; `eyeclaw key create NAME` makes more.\n"
        )
        sys.stderr.flush()
