"""What is shown of a bot and done to it, by a page or by a script."""

from __future__ import annotations

import difflib
from functools import partial

from attrs import frozen

from eyeclaw_trio.admin.office import Office
from eyeclaw_trio.admin.skill import describe_connection
from eyeclaw_trio.core.directory import Bot, Directory
from eyeclaw_trio.core.routing import choose_default_bot
from eyeclaw_trio.errors import BotOffline, NoSuchRecord, RequestRefused
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.store import bots
from eyeclaw_trio.store.sessions import list_presence

_NOT_CONFIGURED = "not_configured"


@frozen
class ShownBot:
    """A bot as it is now. `heard_at` is ISO 8601; `is_default` is true of the only bot too; `why`
    is a word of ours for what keeps it away, "" where nothing is known."""

    bot: Bot
    is_online: bool
    heard_at: str | None
    is_default: bool
    why: str


async def list_shown_bots(office: Office) -> list[ShownBot]:
    """All of them, in the order of their ids. Raises StoreError; cancelled, nothing has
    happened."""
    presences = await office.views.read(list_presence)
    directory = office.views.directory
    default = _find_default(directory)
    shown = []
    for bot in directory.bots.values():
        presence = presences.get(bot.id)
        is_online = office.now.is_online(bot.id)
        why = office.surroundings.why_offline(bot.id) if bot.is_configured else _NOT_CONFIGURED
        shown.append(
            ShownBot(
                bot,
                is_online,
                presence.last_ping_at if presence is not None else None,
                bot == default,
                "" if is_online else why,
            )
        )
    return shown


async def show_bot(office: Office, bot_id: int) -> ShownBot:
    """This one. Raises NoSuchRecord and StoreError; cancelled, nothing has happened."""
    for each in await list_shown_bots(office):
        if each.bot.id == bot_id:
            return each
    raise NoSuchRecord(f"there is no bot {bot_id}")


def check_provider(office: Office, name: str | None) -> str | None:
    """The name, if it is one of the settings; None stays None. Raises RequestRefused (400) that
    names the nearest."""
    known = office.surroundings.provider_names
    if name is None or name in known:
        return name
    nearest = difflib.get_close_matches(name, known, 1)
    why = "provider: not in the settings"
    detail = f"{why}; is it {nearest[0]}?" if nearest else why
    raise RequestRefused(400, "There is no such provider", detail)


async def invite_agent(office: Office, bot_id: int, address: Endpoint) -> str:
    """Make a new token, and a one-time address at which an agent reads how to be this bot.

    Raises NoSuchRecord and StoreError; cancelled, the token may be made, and nobody knows it.
    """
    token = await office.desk.run(partial(bots.new_token, bot_id=bot_id))
    return address.url + office.surroundings.invite(describe_connection(address, bot_id, token))


def _find_default(directory: Directory) -> Bot | None:
    try:
        return choose_default_bot(directory)
    except BotOffline:
        return None
