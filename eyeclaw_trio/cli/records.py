"""The commands about what is in the data folder: key, bot.

They work whether a gateway runs on the folder or not; a running one obeys within a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices, record_id
from eyeclaw_trio.cli.kept_away import wait_until_known, warn_if_kept_away
from eyeclaw_trio.cli.showing import show_json, show_table
from eyeclaw_trio.core.directory import AccessKey, Bot
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store import bots, keys
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import Database, open_database
from eyeclaw_trio.store.folder_lock import is_folder_held
from eyeclaw_trio.store.running_gateway import RunningGateway, read_running_gateway
from eyeclaw_trio.store.sessions import Presence, list_presence

Record = dict[str, object]
# Seconds in which a running gateway has seen a change, with room for a busy machine.
NOTICED_WITHIN: Final = 0.6


@click.group()
@common_options
def key() -> None:
    """Access keys: what glasses, workers and chats show to be let in."""


@key.command("create")
@click.argument("name")
@click.option("--bot", "bot_id", metavar="ID", type=record_id, help="Opens this bot only.")
@common_options
@pass_choices
def create_key(choices: Choices, name: str, bot_id: int | None) -> None:
    """Make an access key. It is shown this once."""
    with _changing(choices.load().data) as db:
        made, secret = keys.create_key(db, name, bot_id, now=read_clock())
    if choices.json:
        show_json({"id": made.id, "name": made.name, "key": secret, "bot_id": made.bot_id})
        return
    click.echo(f"Access key {made.id}, shown this once; keep it in EYECLAW_KEY:", err=True)
    click.echo(secret)


@key.command("list")
@common_options
@pass_choices
def list_keys(choices: Choices) -> None:
    """All access keys, without what is secret in them."""
    with closing(open_database(choices.load().data)) as db:
        records = [_key_record(each) for each in keys.list_keys(db)]
    if choices.json:
        show_json(records)
        return
    show_table(records, list(_KEY_COLUMNS))
    if not records:
        click.echo("No keys yet: `eyeclaw key create NAME` makes one.", err=True)


@key.command("revoke")
@click.argument("key_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def revoke_key(choices: Choices, key_id: int) -> None:
    """Lock a key out; its answers and links end within two seconds."""
    with _changing(choices.load().data) as db:
        changed = keys.revoke_key(db, key_id)
    _show_key(choices, changed, "revoked")


@key.command("restore")
@click.argument("key_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def restore_key(choices: Choices, key_id: int) -> None:
    """Let a revoked key in again."""
    with _changing(choices.load().data) as db:
        changed = keys.restore_key(db, key_id)
    _show_key(choices, changed, "restored")


@click.group()
@common_options
def bot() -> None:
    """Bots: who answers."""


@bot.command("add")
@click.argument("name")
@click.option("--provider", metavar="NAME", help="It answers by this provider; else by a link.")
@common_options
@pass_choices
def add_bot(choices: Choices, name: str, provider: str | None) -> None:
    """Add a bot. Its token is shown this once; with a provider it needs none."""
    settings = choices.load()
    if provider is not None:
        settings.require_provider(provider)
    with _changing(settings.data) as db:
        made, token = bots.add_bot(db, name, provider, now=read_clock())
    reason = wait_until_known(settings.data, made) if provider is not None else None
    if choices.json:
        embedded = {} if provider is None else {"provider": provider}
        if reason is not None:
            embedded["reason"] = reason
        show_json({"id": made.id, "name": made.name, "token": token, **embedded})
    elif token is None:
        click.echo(f"Bot {made.id} answers by {provider}.", err=True)
    else:
        _show_token(made.id, token)
    warn_if_kept_away(made.id, provider, reason)


@bot.command("list")
@common_options
@pass_choices
def list_bots(choices: Choices) -> None:
    """All bots, and who of them is there."""
    records = _read_bots(choices)
    if choices.json:
        show_json(records)
        return
    show_table(records, [name for name in _BOT_COLUMNS if name != "reason"])
    for record in records:
        warn_if_kept_away(record["id"], record["provider"], record["reason"])
    if not records:
        click.echo("No bots yet: `eyeclaw bot add NAME` adds one.", err=True)


@bot.command("default")
@click.argument("bot_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def make_default(choices: Choices, bot_id: int) -> None:
    """Have a bot answer whoever asks for no other."""
    folder = choices.load().data
    with _changing(folder) as db:
        bots.make_default(db, bot_id)
        bot = next(each for each in bots.list_bots(db) if each.id == bot_id)
    _show_bot(choices, bot_id, "is the default")
    if bot.provider is not None:
        warn_if_kept_away(bot.id, bot.provider, wait_until_known(folder, bot))


@bot.command("token")
@click.argument("bot_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def new_token(choices: Choices, bot_id: int) -> None:
    """Make a new token. It is shown this once; the old one is of no use from now on."""
    with _changing(choices.load().data) as db:
        token = bots.new_token(db, bot_id)
        name = next(each.name for each in bots.list_bots(db) if each.id == bot_id)
    if choices.json:
        show_json({"id": bot_id, "name": name, "token": token})
    else:
        _show_token(bot_id, token)


@bot.command("unbind")
@click.argument("bot_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def unbind_bot(choices: Choices, bot_id: int) -> None:
    """Part a bot from its wearer."""
    with _changing(choices.load().data) as db:
        bots.unbind_bot(db, bot_id)
    _show_bot(choices, bot_id, "is bound to nobody")


@bot.command("remove")
@click.argument("bot_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def remove_bot(choices: Choices, bot_id: int) -> None:
    """Take a bot out, with its token."""
    record = next((each for each in _read_bots(choices) if each["id"] == bot_id), {})
    with _changing(choices.load().data) as db:
        bots.remove_bot(db, bot_id)
    if choices.json:
        show_json({**record, "online": False})
    else:
        click.echo(f"Bot {bot_id} is removed.", err=True)


_KEY_COLUMNS = ("id", "name", "prefix", "bot_id", "is_active", "last_used_at", "created_at")
_BOT_COLUMNS = (
    "id",
    "name",
    "provider",
    "online",
    "last_ping_at",
    "rokid_user_id",
    "created_at",
    "origin",
    "is_default",
    "reason",
)


@contextmanager
def _changing(data: Path) -> Iterator[Database]:
    """The database for a change; a gateway that runs on it knows of it when this is left."""
    with closing(open_database(data)) as db:
        yield db
    if is_folder_held(data):
        # The gateway looks every quarter of a second. Whoever pastes the next command right
        # behind this one must not be refused with the key that it was just shown.
        time.sleep(NOTICED_WITHIN)


def _key_record(each: AccessKey) -> Record:
    return {name: getattr(each, name) for name in _KEY_COLUMNS}


def _show_key(choices: Choices, changed: AccessKey, what: str) -> None:
    if choices.json:
        show_json(_key_record(changed))
    else:
        click.echo(f"Key {changed.id} ({changed.name}) is {what}.", err=True)


def _show_bot(choices: Choices, bot_id: int, what: str) -> None:
    if choices.json:
        show_json(next(each for each in _read_bots(choices) if each["id"] == bot_id))
    else:
        click.echo(f"Bot {bot_id} {what}.", err=True)


def _show_token(bot_id: int, token: str) -> None:
    click.echo(f"Token of bot {bot_id}, shown this once; keep it in EYECLAW_TOKEN:", err=True)
    click.echo(token)


def _read_bots(choices: Choices) -> list[Record]:
    settings = choices.load()
    with closing(open_database(settings.data)) as db:
        known, presence = bots.list_bots(db), list_presence(db)
    is_held = is_folder_held(settings.data)
    running = read_running_gateway(settings.data)
    records = []
    for each in known:
        reason = None if running is None else running.why_offline(each.id) or None
        online = is_held and _is_online(each, presence, settings, running)
        records.append(_bot_record(each, presence.get(each.id), online, reason))
    return records


def _bot_record(bot: Bot, presence: Presence | None, online: bool, reason: str | None) -> Record:
    last_ping_at = None if presence is None else presence.last_ping_at
    extra = {"online": online, "last_ping_at": last_ping_at, "reason": reason}
    return {name: extra[name] if name in extra else getattr(bot, name) for name in _BOT_COLUMNS}


def _is_online(
    bot: Bot,
    presences: Mapping[int, Presence],
    settings: Settings,
    running: RunningGateway | None,
) -> bool:
    """Whether a bot is there, as far as a living gateway has written down."""
    if bot.provider is not None:
        if running is None:  # it has just been started, or has no room on its disk to say it
            return bot.is_configured and bot.provider in settings.providers
        return running.why_offline(bot.id) == ""
    presence = presences.get(bot.id)
    if presence is None or not presence.is_open:
        return False
    heard = datetime.fromisoformat(presence.last_ping_at)
    return read_clock() - heard < timedelta(seconds=settings.patience.presence_timeout)
