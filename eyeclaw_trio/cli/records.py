"""The commands about what is in the data folder: key, bot.

They work whether a gateway runs on the folder or not; a running one obeys within a second.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import click
from attrs import frozen

from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, show_table
from eyeclaw_trio.core.directory import AccessKey, Bot
from eyeclaw_trio.store import bots, keys
from eyeclaw_trio.store.bots import Presence
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.folder_lock import is_folder_held

Record = dict[str, object]


class _Name(click.ParamType):
    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A name that fits on a line. No control characters: lists show it on terminals."""
        name = value.strip()
        if not 0 < len(name) <= 100 or not name.isprintable():
            self.fail("a name is 1 to 100 printable characters", param, ctx)
        return name


NAME = _Name()
ID = click.IntRange(1, 2**63 - 1)  # what SQLite can hold


@click.group()
@common_options
def key() -> None:
    """Access keys: what glasses and workers show to be let in."""


@key.command("create")
@click.argument("name", type=NAME)
@click.option("--bot", "bot_id", metavar="ID", type=ID, help="Opens this bot only.")
@common_options
@pass_choices
def create_key(choices: Choices, name: str, bot_id: int | None) -> None:
    """Make an access key. It is shown this once."""
    with closing(open_database(choices.load().data)) as db:
        made, secret = keys.create_key(db, name, bot_id, now=_now())
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
@click.argument("key_id", metavar="ID", type=ID)
@common_options
@pass_choices
def revoke_key(choices: Choices, key_id: int) -> None:
    """Lock a key out; its answers and links end within two seconds."""
    with closing(open_database(choices.load().data)) as db:
        changed = keys.revoke_key(db, key_id)
    _show_key(choices, changed, "revoked")


@key.command("restore")
@click.argument("key_id", metavar="ID", type=ID)
@common_options
@pass_choices
def restore_key(choices: Choices, key_id: int) -> None:
    """Let a revoked key in again."""
    with closing(open_database(choices.load().data)) as db:
        changed = keys.restore_key(db, key_id)
    _show_key(choices, changed, "restored")


@click.group()
@common_options
def bot() -> None:
    """Bots: who answers."""


@bot.command("add")
@click.argument("name", type=NAME)
@click.option("--provider", metavar="NAME", help="It answers by this provider; else by a link.")
@common_options
@pass_choices
def add_bot(choices: Choices, name: str, provider: str | None) -> None:
    """Add a bot. Its token is shown this once; with a provider it needs none."""
    settings = choices.load()
    if provider is not None:
        settings.require_provider(provider)
    with closing(open_database(settings.data)) as db:
        made, token = bots.add_bot(db, name, provider, now=_now())
    if choices.json:
        embedded = {} if provider is None else {"provider": provider}
        show_json({"id": made.id, "name": made.name, "token": token, **embedded})
    elif token is None:
        click.echo(f"Bot {made.id} answers by {provider}.", err=True)
    else:
        _show_token(made.id, token)


@bot.command("list")
@common_options
@pass_choices
def list_bots(choices: Choices) -> None:
    """All bots, and who of them is there."""
    records = _read_bots(choices)
    if choices.json:
        show_json(records)
        return
    show_table(records, list(_BOT_COLUMNS))
    if not records:
        click.echo("No bots yet: `eyeclaw bot add NAME` adds one.", err=True)


@bot.command("token")
@click.argument("bot_id", metavar="ID", type=ID)
@common_options
@pass_choices
def new_token(choices: Choices, bot_id: int) -> None:
    """Make a new token, shown this once; the old one is of no use from now on."""
    with closing(open_database(choices.load().data)) as db:
        token = bots.new_token(db, bot_id)
        name = next(each.name for each in bots.list_bots(db) if each.id == bot_id)
    if choices.json:
        show_json({"id": bot_id, "name": name, "token": token})
    else:
        _show_token(bot_id, token)


@bot.command("unbind")
@click.argument("bot_id", metavar="ID", type=ID)
@common_options
@pass_choices
def unbind_bot(choices: Choices, bot_id: int) -> None:
    """Part a bot from its wearer."""
    with closing(open_database(choices.load().data)) as db:
        bots.unbind_bot(db, bot_id)
    _show_bot(choices, bot_id, "is bound to nobody")


@bot.command("remove")
@click.argument("bot_id", metavar="ID", type=ID)
@common_options
@pass_choices
def remove_bot(choices: Choices, bot_id: int) -> None:
    """Take a bot out, with its token."""
    record = next((each for each in _read_bots(choices) if each["id"] == bot_id), {})
    with closing(open_database(choices.load().data)) as db:
        bots.remove_bot(db, bot_id)
    if choices.json:
        show_json({**record, "online": False})
    else:
        click.echo(f"Bot {bot_id} is removed.", err=True)
