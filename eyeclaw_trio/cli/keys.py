"""The commands about access keys: key create, list, revoke, restore, rotate.

They work whether a gateway runs on the folder or not; a running one obeys within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import Final

import click

from eyeclaw_trio.app.data_folder import changing
from eyeclaw_trio.cli.choices import (
    Choices,
    common_options,
    pass_choices,
    read_duration,
    record_id,
)
from eyeclaw_trio.cli.showing import local_minute, show_json, show_table, shown
from eyeclaw_trio.core.directory import AccessKey
from eyeclaw_trio.store import keys
from eyeclaw_trio.store.bots import find_bot, list_bots
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database

_FIELDS: Final = ("id", "name", "prefix", "bot_id", "is_active", "last_used_at", "created_at")
_COLUMNS: Final = ("id", "name", "prefix", "opens", "state", "last_used", "created")
_WHOLE: Final = ("id", "prefix", "state", "last_used", "created")


@click.group()
@common_options
def key() -> None:
    """Access keys, which let glasses, workers and chats in."""


@key.command("create")
@click.argument("name")
@click.option("--bot", metavar="BOT", help="Opens this bot only, named by its id or name.")
@common_options
@pass_choices
def create_key(choices: Choices, name: str, bot: str | None) -> None:
    """Make an access key. It is shown this once."""
    with changing(choices.load().data) as db:
        bot_id = find_bot(db, bot).id if bot is not None else None
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
        found = keys.list_keys(db)
        names = {bot.id: bot.name for bot in list_bots(db)}
    if choices.json:
        show_json([_record(each) for each in found])
        return
    show_table([_row(each, names) for each in found], _COLUMNS, whole=_WHOLE)
    if not found:
        click.echo("No keys yet: `eyeclaw key create NAME` makes one.", err=True)


@key.command("revoke")
@click.argument("key_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def revoke_key(choices: Choices, key_id: int) -> None:
    """Lock a key out; its answers and links end within two seconds."""
    with changing(choices.load().data) as db:
        changed = keys.revoke_key(db, key_id)
    _show(choices, changed, "revoked")


@key.command("restore")
@click.argument("key_id", metavar="ID", type=record_id)
@common_options
@pass_choices
def restore_key(choices: Choices, key_id: int) -> None:
    """Let a revoked key in again."""
    with changing(choices.load().data) as db:
        changed = keys.restore_key(db, key_id)
    _show(choices, changed, "restored")


@key.command("rotate")
@click.argument("key_id", metavar="ID", type=record_id)
@click.option(
    "--grace",
    metavar="DURATION",
    type=read_duration,
    default="7d",
    show_default=True,
    help="How long the old key opens still: a number with s, m, h or d.",
)
@common_options
@pass_choices
def rotate_key(choices: Choices, key_id: int, grace: timedelta) -> None:
    """Make a new key in place of an old one.

    It is shown this once. The old one opens for a while still, and then is revoked.
    """
    with changing(choices.load().data) as db:
        made = keys.rotate_key(db, key_id, grace, now=read_clock())
    until = made.old.open_until or ""
    if choices.json:
        new = made.key
        show_json(
            {
                "id": new.id,
                "name": new.name,
                "key": made.secret,
                "bot_id": new.bot_id,
                "old_id": made.old.id,
                "old_until": until,
            }
        )
        return
    click.echo(
        f"Access key {made.key.id} is in place of {made.old.id}, which opens until "
        f"{local_minute(until)}. Shown this once; keep it in EYECLAW_KEY:",
        err=True,
    )
    click.echo(made.secret)


def _record(key: AccessKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in _FIELDS}


def _row(key: AccessKey, names: Mapping[int, str]) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": f"{key.prefix}…",
        "opens": "all bots" if key.bot_id is None else names.get(key.bot_id, key.bot_id),
        "state": _state(key),
        "last_used": key.last_used_at and local_minute(key.last_used_at),
        "created": local_minute(key.created_at),
    }


def _state(key: AccessKey) -> str:
    if not key.is_active:
        return "revoked"
    return "active" if key.open_until is None else f"until {local_minute(key.open_until)}"


def _show(choices: Choices, changed: AccessKey, what: str) -> None:
    if choices.json:
        show_json(_record(changed))
    else:
        click.echo(f"Key {changed.id} ({shown(changed.name)}) is {what}.", err=True)
