"""Codes that bind a wearer to a bot: made, used once, looked at."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.binding import (
    LIFETIME,
    SECRET_BYTES,
    BindingCode,
    is_in_time,
    read_code,
    read_codes,
    write_code,
)
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.errors import BindingFault, BindingRefused
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.bots import get_bot
from eyeclaw_trio.store.database import transaction, translated

# So long a code is remembered behind its end, so that who comes late is told so.
_REMEMBERED: Final = timedelta(days=1)


@frozen
class CodeState:
    """What has become of a code: who has used it, or whether nobody can any more."""

    used_by: str | None
    is_over: bool


def make_binding_code(db: sqlite3.Connection, bot_id: int, now: datetime) -> BindingCode:
    """Make a code that binds one wearer to this bot within LIFETIME. Nobody can show it again.

    Raises NoSuchRecord and StoreError.
    """
    text = write_code(secrets.token_bytes(SECRET_BYTES))
    with transaction(db):
        bot = get_bot(db, bot_id)
        db.execute("DELETE FROM binding_codes WHERE created_at < ?", (to_stamp(now - _REMEMBERED),))
        db.execute(
            "INSERT INTO binding_codes (digest, bot_id, created_at) VALUES (?, ?, ?)",
            (read_code(text), bot.id, to_stamp(now)),
        )
    return BindingCode(bot.id, text, to_stamp(now + LIFETIME))


def bind_wearer(
    db: sqlite3.Connection,
    texts: Sequence[str],
    user_id: str,
    now: datetime,
    only_bot: int | None = None,
) -> Bot:
    """Bind this wearer to the bot of the first of these codes that is ours, and use it up; one
    transaction, so that of two wearers with one code one is bound. Who was bound to another bot is
    parted from it. With `only_bot` no code of another bot counts.

    Raises BindingRefused with its fault, and StoreError; then nothing has changed.
    """
    if not texts:
        raise BindingRefused(BindingFault.NO_CODE)
    with transaction(db):
        for digest in read_codes(texts):
            row = db.execute(
                "SELECT bot_id, created_at, used_by FROM binding_codes WHERE digest = ?", (digest,)
            ).fetchone()
            if row is not None and only_bot in (None, row[0]):
                return _use(db, digest, row, user_id, now)
        raise BindingRefused(BindingFault.UNKNOWN)


def look_at_code(db: sqlite3.Connection, text: str, now: datetime) -> CodeState:
    """What has become of this code. Raises StoreError."""
    with translated():
        row = db.execute(
            "SELECT used_by, created_at FROM binding_codes WHERE digest = ?", (read_code(text),)
        ).fetchone()
    if row is None:  # its bot is gone
        return CodeState(None, is_over=True)
    return CodeState(row[0], not is_in_time(datetime.fromisoformat(row[1]), now))


def _use(
    db: sqlite3.Connection,
    digest: bytes,
    row: tuple[int, str, str | None],
    user_id: str,
    now: datetime,
) -> Bot:
    bot_id, created_at, used_by = row
    bot = get_bot(db, bot_id)
    if used_by == user_id == bot.rokid_user_id:
        return bot  # a second photo of the same code
    if used_by is not None:
        raise BindingRefused(BindingFault.USED)
    if not is_in_time(datetime.fromisoformat(created_at), now):
        raise BindingRefused(BindingFault.EXPIRED)
    if bot.rokid_user_id not in (None, user_id):
        raise BindingRefused(BindingFault.TAKEN)
    db.execute("UPDATE bots SET rokid_user_id = NULL WHERE rokid_user_id = ?", (user_id,))
    db.execute("UPDATE bots SET rokid_user_id = ? WHERE id = ?", (user_id, bot_id))
    db.execute("UPDATE binding_codes SET used_by = ? WHERE digest = ?", (user_id, digest))
    return get_bot(db, bot_id)
