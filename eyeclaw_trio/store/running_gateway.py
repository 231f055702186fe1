"""What the gateway that runs on a data folder has to say of itself, for commands beside it.

A command has an environment and settings of its own: whether a bot can be asked, only the gateway
knows. It keeps a small file for that, which counts for as long as it holds the folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import asdict, field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import decode
from eyeclaw_trio.store.database import usable
from eyeclaw_trio.store.folder_lock import is_folder_held

FILE_NAME: Final = "gateway.json"
# More than any gateway says of itself (bytes).
_LARGEST: Final = 1_048_576


@frozen
class RunningGateway:
    """Its process, its embedded bots by id: why one cannot be asked, or "" where it can; and where
    its public listener is.

    The reasons are words of ours: `unknown_provider`, `unusable_provider`.
    """

    pid: int
    embedded_bots: Mapping[str, str] = field(factory=dict)
    listen: str = ""

    def why_offline(self, bot_id: int) -> str | None:
        """Why this embedded bot cannot be asked, "" where it can; None: nothing is known of it."""
        return self.embedded_bots.get(str(bot_id))


def write_running_gateway(folder: Path, running: RunningGateway) -> None:
    """Say it, in place of what was said before; whoever reads finds the one or the other, whole.

    Blocks for a small write. The caller holds the folder. Raises StoreError.
    """
    path = folder / FILE_NAME
    new = folder / f".{FILE_NAME}.new"
    with usable(path):
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(asdict(running)).encode())
        new.replace(path)


def forget_running_gateway(folder: Path) -> None:
    """What an earlier gateway has said counts no more. The caller holds the folder."""
    for name in (FILE_NAME, f".{FILE_NAME}.new"):
        with suppress(OSError):
            (folder / name).unlink()


def read_running_gateway(folder: Path) -> RunningGateway | None:
    """What the gateway that runs on this folder says; None where none runs, or it has not yet
    said anything that can be read. Raises StoreError where that cannot be found out."""
    if not is_folder_held(folder):
        return None
    path = folder / FILE_NAME
    with usable(path):
        try:
            with path.open("rb") as file:
                said = file.read(_LARGEST)
        except FileNotFoundError:
            return None
    try:
        return decode(said, RunningGateway)
    except BadMessage:
        return None
