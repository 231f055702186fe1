"""What is measured: the gateway as a user starts it, another checkout's, and the peers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from attrs import define, evolve, field, frozen

from bench.checkout import Checkout
from bench.errors import BenchError
from bench.generator import Target
from bench.house import House, furnish, quiet, serve_arguments, write_bots
from bench.peers import PEERS, Peer
from bench.processes import family_of, free_port, running, wait_until_it_accepts

# How results call the gateway that is compared with, and the one of this checkout.
BASELINE: Final = "against"
GATEWAY: Final = "gateway"


class Server(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def dialect(self) -> str: ...

    @property
    def checkout(self) -> Checkout | None:
        """Of a gateway; None for a peer."""

    def prepare(self) -> str | None:
        """Install what is missing; the reason why it has to be left out, or None."""

    def version(self) -> str:
        """The programs and libraries at work."""

    def serve(self, house: House, core: int | None) -> AbstractContextManager[Target]:
        """Run it, with nothing connected yet. Raises BenchError when it does not start."""


@frozen
class Gateway:
    """The gateway, started as a user starts it, with everything on that is on by default."""

    checkout: Checkout
    name: str = GATEWAY
    title: str = "eyeclaw-trio"
    dialect: str = "cable"

    def prepare(self) -> str | None:
        return None

    def version(self) -> str:
        return self.checkout.version()

    @contextmanager
    def serve(self, house: House, core: int | None) -> Iterator[Target]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            key = furnish(folder, house, self.checkout)
            log = folder / "gateway.log"
            with running(
                self.checkout.command(*serve_arguments(folder)),
                core=core,
                log=log,
                environment=quiet(folder),
                folder=self.checkout.folder,
            ) as process:
                line = process.stdout.readline() if process.stdout is not None else b""
                if not line:
                    said = log.read_text("utf-8", "replace")[-400:]
                    raise BenchError(f"the gateway did not start: {said}")
                ready = json.loads(line)
                port, admin_port = (
                    int(ready[name].rpartition(":")[2]) for name in ("listen", "admin_listen")
                )
                yield Target(
                    port,
                    key,
                    folder / "bots",
                    family_of(process.pid),
                    "cable",
                    house.model_port,
                    admin_port,
                )


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

    @property
    def checkout(self) -> None:
        return None

    def prepare(self) -> str | None:
        return self.peer.prepare(self.cache)

    def version(self) -> str:
        return self.peer.version(self.cache)

    @contextmanager
    def serve(self, house: House, core: int | None) -> Iterator[Target]:
        port = free_port()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_bots(folder / "bots", [(n + 1, f"token-{n}") for n in range(house.bots)])
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

    @property
    def checkout(self) -> Checkout | None:
        return self.server.checkout

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


def this_gateway() -> Gateway:
    """The one of the checkout that this file is in."""
    return Gateway(Checkout.of_this_bench())


def baseline(folder: Path) -> Gateway:
    """The one of another checkout, to be compared with. Raises BenchError."""
    checkout = Checkout.at(folder)
    return Gateway(checkout, BASELINE, f"eyeclaw-trio at {checkout.commit()}")


def all_servers(cache: Path) -> list[Server]:
    """The gateway first, then its peers, which are installed in `cache`."""
    return [this_gateway(), *(PeerServer(peer, cache) for peer in PEERS)]
