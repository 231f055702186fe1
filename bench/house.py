"""What a gateway is given before it starts: a data folder with bots and a key, and settings.

Of another checkout's gateway too: its own program makes the data folder, and what is entered there
is entered by the names of its columns.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from bench.checkout import Checkout


@frozen
class House:
    """What a server is to know before it starts."""

    bots: int
    settings: str = ""
    """Of the gateway: its eyeclaw.toml."""
    provider: str | None = None
    """Of the gateway: its bots are embedded, with this provider."""
    model_port: int | None = None
    has_links: bool = True
    """False: no bot links, so it is no house to share with those whose bots were there just now."""


def quiet(folder: Path) -> Mapping[str, str]:
    """Nothing of this machine's own settings: neither a file nor an OpenClaw."""
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "OPENCLAW_GATEWAY_TOKEN": ""}


def serve_arguments(folder: Path) -> list[str]:
    """How the gateway of this folder is started."""
    config = ["--config", str(folder / "eyeclaw.toml")]
    listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    return ["serve", "--data", str(folder / "data"), *config, *listen]


def furnish(folder: Path, house: House, checkout: Checkout) -> str:
    """Make the gateway's folder: settings, bots (with their tokens in `bots`); returns a key.

    As `eyeclaw bot add` makes them, but ten thousand at once. Raises BenchError.
    """
    (folder / "eyeclaw.toml").write_text(house.settings, "utf-8")
    data = folder / "data"
    made = checkout.run(
        "key", "create", "bench", "--json", "--data", str(data), environment=quiet(folder)
    )
    with closing(sqlite3.connect(data / "eyeclaw.db")) as db, db:
        bots = _add_bots(db, house)
    write_bots(folder / "bots", bots)
    key: str = json.loads(made)["key"]
    return key


def _add_bots(db: sqlite3.Connection, house: House) -> list[tuple[int, str]]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    tokens = [f"bt_{secrets.token_urlsafe(32)}" for _ in range(house.bots)]
    db.executemany(
        "INSERT INTO bots (name, provider, origin, token_digest, created_at)"
        " VALUES (?, ?, 'command', ?, ?)",
        [
            (
                f"bench-{n}",
                house.provider,
                None if house.provider else hashlib.sha256(token.encode()).digest(),
                now,
            )
            for n, token in enumerate(tokens)
        ],
    )
    ids = [row[0] for row in db.execute("SELECT id FROM bots ORDER BY id")]
    return list(zip(ids, tokens, strict=True))


def write_bots(path: Path, bots: Sequence[tuple[int, str]]) -> None:
    """The file that the load generator reads: id and token of each."""
    path.write_text("".join(f"{number} {token}\n" for number, token in bots), "ascii")
