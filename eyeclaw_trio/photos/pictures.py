"""Opens pictures, each in a process of its own (`picture_worker`), and brings back what came."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, Final

import trio
from attrs import define, field

from eyeclaw_trio.errors import BadMessage, PhotoFault, PhotoRefused
from eyeclaw_trio.photos import picture_worker
from eyeclaw_trio.photos.turns import Turns
from eyeclaw_trio.protocol.decoding import encode, read_json

# The longest side of a JPEG for a model (pixels): no model that we know looks at more.
LONGEST_SIDE: Final = 1568
# Bytes of that JPEG. As base64 within JSON it fits into a message of 1 MiB with what is around it.
LARGEST_JPEG: Final = 600_000
# Pixels that a picture may open to. Phones write up to 50 million.
MOST_PIXELS: Final = 51_000_000
# Processes at the same time. Each may need some hundred megabytes for a moment. One key has two at
# the most: what it sends may take all the time there is.
WORKERS: Final = 3
# What a program that was packed into one file is called with to be the worker.
WORKER_WORD: Final = "picture-worker"

_MOST_SAID: Final = LARGEST_JPEG + 65_536
# Of the environment as much as Python needs to find its libraries, and no secret. A program in one
# file names there where it was unpacked: a worker that unpacks it again would leave that behind
# when it is killed.
_UNPACKED: Final = ("_PYI_ARCHIVE_FILE", "_PYI_APPLICATION_HOME_DIR", "_PYI_PARENT_PROCESS_LEVEL")
_KEPT: Final = (
    *("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV"),
    *_UNPACKED,
)


def worker_command() -> tuple[str, ...]:
    """What starts a worker."""
    if getattr(sys, "frozen", False):
        return (sys.executable, WORKER_WORD)
    return (sys.executable, "-P", str(picture_worker.__file__))


@define(eq=False)
class Pictures:
    """Opens pictures, a few at the same time; the others wait, and keys have their turns."""

    command: Sequence[str] = field(factory=worker_command)
    _turns: Turns = field(factory=lambda: Turns.of(WORKERS), init=False)

    async def make_jpeg(self, data: bytes, key_id: Hashable = None) -> bytes:
        """This picture as a JPEG that models take, upright, without anything beside the picture.
        It came with this key.

        Raises PhotoRefused. Cancelled, its process is killed, and gone when this returns.
        """
        order = {"do": "jpeg", "side": LONGEST_SIDE, "bytes": LARGEST_JPEG, "pixels": MOST_PIXELS}
        _, jpeg = await self._open(order, data, key_id)
        return jpeg

    async def read_codes(self, data: bytes, key_id: Hashable = None) -> tuple[str, ...]:
        """The texts of the QR codes in this picture, which came with this key; none where none can
        be read.

        Raises PhotoRefused; cancelled as `make_jpeg`.
        """
        head, _ = await self._open({"do": "codes", "pixels": MOST_PIXELS}, data, key_id)
        codes = head.get("codes")
        return tuple(map(str, codes)) if isinstance(codes, list) else ()

    async def _open(
        self, order: dict[str, Any], data: bytes, key_id: Hashable
    ) -> tuple[dict[str, Any], bytes]:
        async with self._turns.one(key_id):
            said = await self._run(encode(order) + b"\n", data)
        head, _, body = said.partition(b"\n")
        try:
            answer = read_json(head)
        except BadMessage:
            answer = None
        if not isinstance(answer, dict):
            raise PhotoRefused(PhotoFault.NO_IMAGE, "what opens pictures has ended over it")
        if "fault" in answer:
            raise PhotoRefused(PhotoFault(answer["fault"]), str(answer.get("why", "")))
        return answer, body

    async def _run(self, order: bytes, data: bytes) -> bytes:
        """All that the process says, empty where it crashed."""
        said = bytearray()
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(
                partial(
                    trio.run_process,
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    check=False,
                    deliver_cancel=_kill,
                    start_new_session=True,  # Ctrl-C in the terminal lets running answers finish
                    env={name: os.environ[name] for name in _KEPT if name in os.environ},
                )
            )
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("a process without its pipes")
            nursery.start_soon(_feed, process.stdin, (order, data))
            async for piece in process.stdout:
                said += piece
                if len(said) > _MOST_SAID:
                    said.clear()
                    break
            nursery.cancel_scope.cancel()  # it has said all, and nobody waits for its goodbye
        return bytes(said)


async def _feed(stdin: trio.abc.SendStream, parts: Sequence[bytes]) -> None:
    async with stdin:
        try:
            for part in parts:
                await stdin.send_all(part)
        except trio.BrokenResourceError:
            pass  # it has answered, or crashed, without reading all


async def _kill(process: trio.Process) -> None:
    process.kill()
