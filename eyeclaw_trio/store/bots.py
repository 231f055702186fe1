"""Bots: added by command, entered from the configuration, removed together with their keys."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import Bot, Directory, Origin, digest
from eyeclaw_trio.errors import NoSuchRecord, StoreError
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.columns import check_name
from eyeclaw_trio.store.database import transaction, translated

TOKEN_PREFIX: Final = "bt_"  # noqa: S105  (how a token begins, not one)
TOKEN_BYTES: Final = 32


@frozen
class ConfiguredBot:
    """One embedded bot of the configuration, as far as the data folder needs to know it."""

    name: str
    provider: str | None
    is_default: bool = False


def add_bot(
    db: sqlite3.Connection,
    name: str,
    provider: str | None = None,
    origin: Origin = "command",
    *,
    is_default: bool = False,
    now: datetime,
) -> tuple[Bot, str | None]:
    """Add a bot; the token that is returned with it is None when it has a provider.

    Nobody can show the token again. A new default takes the place of the one before. Raises
    StoreError for a name that is taken, blank or longer than 128 characters.
    """
    name = check_name(name)
    token = _make_token() if provider is None else None
    with transaction(db):
        _refuse_taken_name(db, name)
        if is_default:
            db.execute("UPDATE bots SET is_default = 0")
        cursor = db.execute(
            "INSERT INTO bots (name, provider, origin, is_default, token_digest, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, provider, origin, is_default, _digest_of(token), to_stamp(now)),
        )
        return get_bot(db, cursor.lastrowid), token


def list_bots(db: sqlite3.Connection) -> tuple[Bot, ...]:
    """All bots in the order of their ids."""
    with translated():
        rows = db.execute(
            "SELECT id, name, provider, origin, is_default, is_configured, token_digest,"
            " rokid_user_id, created_at FROM bots ORDER BY id"
        ).fetchall()
    return tuple(
        Bot(
            id=row[0],
            name=row[1],
            provider=row[2],
            origin=row[3],
            is_default=bool(row[4]),
            is_configured=bool(row[5]),
            token_digest=row[6],
            rokid_user_id=row[7],
            created_at=row[8],
        )
        for row in rows
    )


def get_bot(db: sqlite3.Connection, bot_id: int | None) -> Bot:
    """The bot with this id. Raises NoSuchRecord."""
    # Bots are few: one way of reading them is worth more than a faster second one.
    for bot in list_bots(db):
        if bot.id == bot_id:
            return bot
    raise NoSuchRecord(f"there is no bot {bot_id}")


def find_bot(db: sqlite3.Connection, name: str) -> Bot:
    """The bot whose id or name this is; an id comes first. Raises NoSuchRecord."""
    known = {bot.id: bot for bot in list_bots(db)}
    bot = Directory(bots=known).find_bot_named(name)
    if bot is None:
        raise NoSuchRecord(f"there is no bot {name}")
    return bot


def new_token(db: sqlite3.Connection, bot_id: int) -> str:
    """Give a linked bot a new token; the one before is worthless from then on.

    Raises NoSuchRecord, and StoreError for an embedded bot: it has no link to protect.
    """
    token = _make_token()
    with transaction(db):
        bot = get_bot(db, bot_id)
        if bot.provider is not None:
            raise StoreError(
                f"bot {bot_id} is embedded: its provider answers within the gateway, "
                "so it needs no token"
            )
        db.execute("UPDATE bots SET token_digest = ? WHERE id = ?", (digest(token), bot_id))
    return token


def unbind_bot(db: sqlite3.Connection, bot_id: int) -> Bot:
    """Take the bot from its wearer; of a bot that has none nothing changes. Raises NoSuchRecord."""
    with transaction(db):
        bot = get_bot(db, bot_id)
        db.execute("UPDATE bots SET rokid_user_id = NULL WHERE id = ?", (bot.id,))
        return get_bot(db, bot_id)


def make_default(db: sqlite3.Connection, bot_id: int) -> Bot:
    """Make this bot the one that answers whoever asks for no other. Raises NoSuchRecord.

    A configuration that marks a bot has the last word at each start.
    """
    with transaction(db):
        bot = get_bot(db, bot_id)
        db.execute("UPDATE bots SET is_default = (id = ?)", (bot.id,))
        return get_bot(db, bot_id)


def rename_bot(db: sqlite3.Connection, bot_id: int, name: str) -> Bot:
    """Give a bot another name; its id, token, keys and wearer stay.

    Raises NoSuchRecord, and StoreError for a name as `add_bot`, and for a bot of the
    configuration: that knows it by its name.
    """
    name = check_name(name)
    with transaction(db):
        bot = get_bot(db, bot_id)
        if bot.origin == "config" and bot.is_configured:
            raise StoreError(f"bot {bot_id} stands in the configuration: rename it there")
        if name != bot.name:
            _refuse_taken_name(db, name)
        db.execute("UPDATE bots SET name = ? WHERE id = ?", (name, bot_id))
        return get_bot(db, bot_id)


def change_provider(db: sqlite3.Connection, bot_id: int, provider: str) -> Bot:
    """Have another provider answer for an embedded bot.

    Raises NoSuchRecord, and StoreError for a linked bot and for one of the configuration.
    """
    with transaction(db):
        bot = get_bot(db, bot_id)
        if bot.provider is None:
            raise StoreError(f"bot {bot_id} is linked: what answers is at the other end")
        if bot.origin == "config" and bot.is_configured:
            raise StoreError(f"bot {bot_id} stands in the configuration: change it there")
        db.execute("UPDATE bots SET provider = ? WHERE id = ?", (provider, bot_id))
        return get_bot(db, bot_id)


def remove_bot(db: sqlite3.Connection, bot_id: int) -> None:
    """Remove a bot, the keys that open only it, its sessions, and what was said to
    it. Raises NoSuchRecord.

    A bot of the configuration comes back at the next start, with another id.
    """
    with transaction(db):
        bot = get_bot(db, bot_id)
        # Keys and sessions go with it (schema.sql, ON DELETE CASCADE).
        db.execute("DELETE FROM bots WHERE id = ?", (bot.id,))
        db.execute("DELETE FROM exchanges WHERE bot_id = ?", (bot.id,))


def enter_configured_bots(
    db: sqlite3.Connection, configured: Sequence[ConfiguredBot], now: datetime
) -> tuple[Bot, ...]:
    """Enter the bots of the configuration by name; returns them, in its order. One without a
    provider is a linked bot, which is known already or will be: nothing is made for it.

    A bot that is known keeps its id, its keys and its wearer (CLI, "Which bot answers"). One of
    that name that came by command becomes the configuration's, and a token it had stops working.
    Bots of an earlier configuration that are no longer in it stay, not configured. One transaction:
    all or, with StoreError for a name that is unusable or there twice, nothing.
    """
    names = [check_name(bot.name) for bot in configured]
    if len(set(names)) < len(names):
        raise StoreError("two bots of the configuration have the same name: rename one")
    with transaction(db):
        db.execute("UPDATE bots SET is_configured = 0, is_default = 0 WHERE origin = 'config'")
        if any(bot.is_default for bot in configured):
            db.execute("UPDATE bots SET is_default = 0")
        for name, bot in zip(names, configured, strict=True):
            if bot.provider is None:
                if bot.is_default:
                    db.execute("UPDATE bots SET is_default = 1 WHERE name = ?", (name,))
                continue
            db.execute(
                "INSERT INTO bots (name, provider, origin, is_default, created_at)"
                " VALUES (?, ?, 'config', ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET provider = excluded.provider,"
                " origin = 'config', is_configured = 1, is_default = excluded.is_default,"
                " token_digest = NULL",
                (name, bot.provider, bot.is_default, to_stamp(now)),
            )
        known = {bot.name: bot for bot in list_bots(db)}
        return tuple(known[name] for name in names if name in known)


def _refuse_taken_name(db: sqlite3.Connection, name: str) -> None:
    other = next((bot for bot in list_bots(db) if bot.name == name), None)
    if other is not None:
        raise StoreError(
            f"the name is taken by bot {other.id}: choose another one, or remove that bot first"
        )


def _make_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def _digest_of(token: str | None) -> bytes | None:
    return digest(token) if token is not None else None
