"""What is measured: the gateway as a user starts it, and its peers by their registry."""

from __future__ import annotations

import json
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

from attrs import define, evolve, field, frozen

from bench.errors import BenchError
from bench.generator import Target
from bench.peers import PEERS, Peer
from bench.processes import family_of, free_port, running, wait_until_it_accepts
from eyeclaw_trio.core.directory import digest
from eyeclaw_trio.store.columns import to_stamp
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.keys import create_key

PROGRAM: Final = (sys.executable, "-m", "eyeclaw_trio")


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


class Server(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def dialect(self) -> str: ...

    def prepare(self) -> str | None:
        """Install what is missing; the reason why it has to be left out, or None."""

    def version(self) -> str:
        """The programs and libraries at work."""

    def serve(self, house: House, core: int | None) -> AbstractContextManager[Target]:
        """Run it, with nothing connected yet. Raises BenchError when it does not start."""


@frozen
class Gateway:
    """The gateway, started as a user starts it, with everything on that is on by default."""

    name: str = "gateway"
    title: str = "eyeclaw-trio"
    dialect: str = "cable"

    def prepare(self) -> str | None:
        return None

    def version(self) -> str:
        names = ("trio", "trio-websocket", "h11", "cattrs", "orjson")
        libraries = ", ".join(f"{name} {version(name)}" for name in names)
        return f"eyeclaw-trio {version('eyeclaw-trio')}, {libraries}"

    @contextmanager
    def serve(self, house: House, core: int | None) -> Iterator[Target]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            key = furnish(folder, house)
            log = folder / "gateway.log"
            command = [*PROGRAM, *serve_arguments(folder)]
            with running(command, core=core, log=log, environment=quiet(folder)) as process:
                line = process.stdout.readline() if process.stdout is not None else b""
                if not line:
                    said = log.read_text("utf-8", "replace")[-400:]
                    raise BenchError(f"the gateway did not start: {said}")
                port = int(json.loads(line)["listen"].rpartition(":")[2])
                pids = family_of(process.pid)
                yield Target(port, key, folder / "bots", pids, "cable", house.model_port)


def quiet(folder: Path) -> Mapping[str, str]:
    """Nothing of this machine's own settings: neither a file nor an OpenClaw."""
    return {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "OPENCLAW_GATEWAY_TOKEN": ""}


def serve_arguments(folder: Path) -> list[str]:
    """How the gateway of this folder is started."""
    config = ["--config", str(folder / "eyeclaw.toml")]
    listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    return ["serve", "--data", str(folder / "data"), *config, *listen]


def furnish(folder: Path, house: House) -> str:
    """Make the gateway's folder: settings, bots (with their tokens in `bots`); returns a key.

    As `eyeclaw bot add` and `key create` do it, but ten thousand at once.
    """
    (folder / "eyeclaw.toml").write_text(house.settings, "utf-8")
    with closing(open_database(folder / "data")) as db:
        bots = _add_bots(db, house)
        _, key = create_key(db, "bench", now=datetime.now(UTC))
    _write_bots(folder / "bots", bots)
    return key


def _add_bots(db: sqlite3.Connection, house: House) -> list[tuple[int, str]]:
    now = to_stamp(datetime.now(UTC))
    tokens = [f"bt_{secrets.token_urlsafe(32)}" for _ in range(house.bots)]
    with transaction(db):
        db.executemany(
            "INSERT INTO bots (name, provider, origin, token_digest, created_at)"
            " VALUES (?, ?, 'command', ?, ?)",
            [
                (f"bench-{n}", house.provider, None if house.provider else digest(token), now)
                for n, token in enumerate(tokens)
            ],
        )
        ids = [row[0] for row in db.execute("SELECT id FROM bots ORDER BY id")]
    return list(zip(ids, tokens, strict=True))


def _write_bots(path: Path, bots: Sequence[tuple[int, str]]) -> None:
    path.write_text("".join(f"{number} {token}\n" for number, token in bots), "ascii")


@frozen
class PeerServer:
    """A peer: it takes any key and any token."""

    peer: Peer
    cache: Path

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def title(self) -> str:
        return self.peer.title

    @property
    def dialect(self) -> str:
        return self.peer.dialect

    def prepare(self) -> str | None:
        return self.peer.prepare(self.cache)

    def version(self) -> str:
        return self.peer.version(self.cache)

    @contextmanager
    def serve(self, house: House, core: int | None) -> Iterator[Target]:
        port = free_port()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _write_bots(folder / "bots", [(n + 1, f"token-{n}") for n in range(house.bots)])
            command = self.peer.command(port, self.cache)
            environment = self.peer.environment(port)
            log = folder / "log"
            with running(command, core=core, log=log, environment=environment) as process:
                try:
                    wait_until_it_accepts(process, port)
                except BenchError as error:
                    said = log.read_text("utf-8", "replace")[-400:]
                    raise BenchError(f"{self.name}: {error}; {said}") from None
                pids = family_of(process.pid)
                yield Target(port, "key", folder / "bots", pids, self.dialect)


@define
class Kept:
    """A server that goes on running between measurements that need the same house.

    For a smoke run, whose time would be spent on starting it. Leaving the block ends all of them.
    """

    server: Server
    bots: int
    """So many are made whatever is asked for, so that houses are alike."""
    _open: dict[House, Target] = field(factory=dict)
    _stack: ExitStack = field(factory=ExitStack)

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def title(self) -> str:
        return self.server.title

    @property
    def dialect(self) -> str:
        return self.server.dialect

    def prepare(self) -> str | None:
        return self.server.prepare()

    def version(self) -> str:
        return self.server.version()

    @contextmanager
    def serve(self, house: House, core: int | None) -> Iterator[Target]:
        house = evolve(house, bots=self.bots)
        if house not in self._open:
            self._open[house] = self._stack.enter_context(self.server.serve(house, core))
        yield self._open[house]

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def all_servers(cache: Path) -> list[Server]:
    """The gateway first, then its peers, which are installed in `cache`."""
    return [Gateway(), *(PeerServer(peer, cache) for peer in PEERS)]
