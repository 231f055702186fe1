"""A checkout of this project whose gateway is measured: this one, or one to compare it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from bench.errors import BenchError

ROOT: Final = Path(__file__).parents[1]
# Of one command; a checkout whose programs take longer is of no use here (seconds).
ANSWERED_WITHIN: Final = 60.0
# Whose versions are worth knowing.
LIBRARIES: Final = ("trio", "trio-websocket", "h11", "cattrs", "orjson")

_VERSIONS: Final = """
import json, sys
from importlib.metadata import version
import eyeclaw_trio
print(json.dumps([eyeclaw_trio.__version__, *(version(name) for name in sys.argv[1:])]))
"""


@frozen
class Checkout:
    """Where its files are, and the Python that has its libraries."""

    folder: Path
    python: Path

    @classmethod
    def of_this_bench(cls) -> Checkout:
        """The one that this file is in."""
        return cls(ROOT, Path(sys.executable))

    @classmethod
    def at(cls, folder: Path) -> Checkout:
        """Another one, with its own virtual environment. Raises BenchError when there is none."""
        folder = folder.resolve()
        python = folder / ".venv" / "bin" / "python"
        if not (folder / "eyeclaw_trio").is_dir():
            raise BenchError(f"{folder} is no checkout of eyeclaw-trio")
        if not python.exists():
            raise BenchError(f"{folder} is not installed: call `make .venv/.installed` there")
        return cls(folder, python)

    def command(self, *words: str) -> list[str]:
        """A command line of its `eyeclaw`, to be run in its folder: there Python finds it first."""
        return [str(self.python), "-m", "eyeclaw_trio", *words]

    def run(self, *words: str, environment: Mapping[str, str]) -> str:
        """What that command prints. Raises BenchError when it fails."""
        return self._said(self.command(*words), environment)

    def version(self) -> str:
        """The gateway's and its libraries'. Raises BenchError."""
        words = [str(self.python), "-c", _VERSIONS, *LIBRARIES]
        own, *others = json.loads(self._said(words, {}))
        libraries = ", ".join(f"{n} {v}" for n, v in zip(LIBRARIES, others, strict=True))
        return f"eyeclaw-trio {own}, {libraries}"

    def commit(self) -> str:
        """The commit that it stands at, shortened; its folder's name where there is no git."""
        try:
            return self._said(["git", "rev-parse", "--short", "HEAD"], {}).strip()
        except BenchError:
            return self.folder.name

    def _said(self, words: list[str], environment: Mapping[str, str]) -> str:
        try:
            done = subprocess.run(  # noqa: S603  (our own words)
                words,
                cwd=self.folder,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=ANSWERED_WITHIN,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"{words[0]}: {error}") from None
        if done.returncode != 0:
            raise BenchError(f"{' '.join(words[:4])}: {done.stderr.strip()[-400:]}")
        return done.stdout
