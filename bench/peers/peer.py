"""What the harness knows about a server that it measures beside the gateway."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

# What the load generator speaks: the cable of PROTOCOL 2, or nchan's own publishing.
Dialect = Literal["cable", "nchan"]

# This folder: requirements, applications and templates.
HERE: Final = Path(__file__).parent
HOST: Final = "127.0.0.1"

# An installation that takes longer has failed (seconds).
INSTALLED_WITHIN: Final = 600.0


class Peer(Protocol):
    """A server for the same work as the gateway's, in a process of its own.

    It is ready when its port accepts, ends on SIGTERM, and writes no file outside `cache`. Its
    CPU time and memory are those of the process and its children.
    """

    @property
    def name(self) -> str:
        """How the command line and the results call it."""

    @property
    def title(self) -> str:
        """How tables and plots call it."""

    @property
    def dialect(self) -> Dialect: ...

    def prepare(self, cache: Path) -> str | None:
        """Install into `cache` what is missing; quick when nothing is.

        Returns None, or why this peer has to be left out.
        """

    def command(self, port: int, cache: Path) -> Sequence[str]:
        """What starts the server on `port` of the loopback interface, after `prepare`."""

    def environment(self, port: int) -> Mapping[str, str]:
        """What to add to the environment of that command."""

    def version(self, cache: Path) -> str:
        """The programs and libraries at work, with their versions, after `prepare`."""


class CannotPrepare(Exception):
    """Something that a peer needs is not to be had; the text says what."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run to the end and return what was printed. Raises CannotPrepare with the last error line."""
    words = [str(word) for word in command]
    name = Path(words[0]).name
    try:
        done = subprocess.run(  # noqa: S603  (our own words)
            words, cwd=cwd, capture_output=True, text=True, timeout=INSTALLED_WITHIN, check=True
        )
    except FileNotFoundError:
        raise CannotPrepare(f"{name} is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotPrepare(f"{name} took longer than {INSTALLED_WITHIN:.0f} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        raise CannotPrepare(f"{name}: {said[-1]}") from None
    return done.stdout
