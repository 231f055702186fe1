"""What commands read from a data folder and change in it, beside the gateway that may run on it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import Bot, Directory
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store import bots
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database, open_database
from eyeclaw_trio.store.folder_lock import is_folder_held
from eyeclaw_trio.store.running_gateway import RunningGateway, read_running_gateway
from eyeclaw_trio.store.sessions import Presence, list_presence

# Seconds in which a running gateway has seen a change, with room for a busy machine.
NOTICED_WITHIN: Final = 0.6
# Seconds in which a running gateway has described a bot that was just added.
_KNOWN_WITHIN: Final = 2.0
_LOOK_EVERY: Final = 0.05


@frozen
class ListedBot:
    """One bot as commands show it. `reason` is why an embedded one is kept away, if it is;
    `answers_by_default` is true of the only bot too, which need not be marked."""

    bot: Bot
    online: bool
    last_ping_at: str | None
    reason: str | None
    answers_by_default: bool


def read_bots(settings: Settings) -> list[ListedBot]:
    """All bots in the order of their ids, and who of them is there. Raises StoreError."""
    with closing(open_database(settings.data)) as db:
        known, presences = bots.list_bots(db), list_presence(db)
    is_held = is_folder_held(settings.data)
    running = read_running_gateway(settings.data)
    default = _find_default(known)
    listed = []
    for bot in known:
        presence = presences.get(bot.id)
        is_there = _is_there(bot, presence, settings, running)
        reason = None if running is None else running.why_offline(bot.id) or None
        heard = None if presence is None else presence.last_ping_at
        listed.append(ListedBot(bot, is_held and is_there, heard, reason, bot == default))
    return listed


@contextmanager
def changing(folder: Path) -> Iterator[Database]:
    """The database for a change; a gateway that runs on it knows of it when this is left."""
    with closing(open_database(folder)) as db:
        yield db
    if is_folder_held(folder):
        # The gateway looks every quarter of a second. Whoever pastes the next command right
        # behind this one must not be refused with the key that it was just shown.
        time.sleep(NOTICED_WITHIN)


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


def _find_default(known: Iterable[Bot]) -> Bot | None:
    try:
        return choose_default_bot(Directory(bots={bot.id: bot for bot in known}))
    except BotOffline:
        return None


def _is_there(
    bot: Bot, presence: Presence | None, settings: Settings, running: RunningGateway | None
) -> bool:
    """Whether a bot is there, as far as a living gateway has written down."""
    if bot.provider is not None:
        if running is None:  # it has just been started, or has no room on its disk to say it
            return bot.is_configured and bot.provider in settings.providers
        return running.why_offline(bot.id) == ""
    if presence is None or not presence.is_open:
        return False
    heard = datetime.fromisoformat(presence.last_ping_at)
    return read_clock() - heard < timedelta(seconds=settings.patience.presence_timeout)
