"""The commands about who may see the pages: admin password, admin token.

They work whether a gateway runs on the folder or not; a running one obeys at once.
"""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Final

import attrs
import click

from eyeclaw_trio.admin.passwords import LONGEST, fault_of_password, hash_password
from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices, record_id
from eyeclaw_trio.cli.showing import local_minute, show_json, show_table
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database

_COLUMNS: Final = ("id", "name", "prefix", "last_used", "created")
_WHOLE: Final = ("id", "prefix", "last_used", "created")


@click.group()
@common_options
def admin() -> None:
    """The pages: the owner's password, tokens for scripts."""


@admin.command()
@common_options
@pass_choices
def password(choices: Choices) -> None:
    """Set or replace the owner's password.

    Every browser is signed out. It is asked for, or read as one line from stdin.
    """
    given = _read_password()
    fault = fault_of_password(given)
    if fault is not None:
        raise EyeclawError(fault)
    kept = hash_password(given)
    with closing(open_database(choices.load().data)) as db:
        ended = admin_access.set_password(db, kept, now=read_clock())
    if choices.json:
        show_json({"sessions_ended": ended})
    else:
        click.echo(f"The password is set; sessions ended: {ended}.", err=True)


@admin.command()
@click.argument("name", required=False)
@click.option("--list", "is_list", is_flag=True, help="Show all tokens, without their secrets.")
@click.option("--revoke", metavar="ID", type=record_id, help="Make this one worthless for ever.")
@common_options
@pass_choices
def token(choices: Choices, name: str | None, is_list: bool, revoke: int | None) -> None:
    """Make a bearer token for the API of the pages, of this NAME. It is shown this once."""
    if (name is not None) + is_list + (revoke is not None) != 1:
        raise click.UsageError("Say a NAME for a new token, or --list, or --revoke ID.")
    with closing(open_database(choices.load().data)) as db:
        if name is not None:
            made, secret = admin_access.create_token(db, name, now=read_clock())
            if choices.json:
                show_json({"id": made.id, "name": made.name, "token": secret})
                return
            click.echo(f"Token {made.id}, shown this once:", err=True)
            click.echo(secret)
        elif revoke is not None:
            admin_access.revoke_token(db, revoke)
            if choices.json:
                show_json({"id": revoke, "revoked": True})
            else:
                click.echo(f"Token {revoke} is revoked.", err=True)
        else:
            _list(choices, admin_access.list_tokens(db))


def _list(choices: Choices, tokens: list[admin_access.AdminToken]) -> None:
    if choices.json:
        show_json([attrs.asdict(each) for each in tokens])
        return
    rows: list[dict[str, object]] = [
        {
            "id": each.id,
            "name": each.name,
            "prefix": f"{each.prefix}…",
            "last_used": each.last_used_at and local_minute(each.last_used_at),
            "created": local_minute(each.created_at),
        }
        for each in tokens
    ]
    show_table(rows, _COLUMNS, whole=_WHOLE)
    if not tokens:
        click.echo("No tokens yet: `eyeclaw admin token NAME` makes one.", err=True)


def _read_password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    line = sys.stdin.readline(LONGEST + 2)
    return line.removesuffix("\n").removesuffix("\r")
