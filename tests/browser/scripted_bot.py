"""A bot beside a browser: an SDK that links by ActionCable and says what it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

import trio
from attrs import define, field
from running_gateway import Gateway
from running_sdk import Sdk

# Longest wait for the link, and for the thread to end (seconds).
_WITHIN: Final = 20.0
# Between two pieces: an answer that is seen growing (seconds).
_APART: Final = 0.15


@define(eq=False)
class _ScriptedBot:
    """Runs in a thread of its own: Playwright's own way here is to block."""

    gateway: Gateway
    bot: dict[str, Any]
    pieces: Sequence[str | dict[str, Any]]
    linked: Future[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = field(factory=Future)
    told: list[dict[str, Any]] = field(factory=list)

    def run(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as error:
            if self.linked.done():
                raise
            self.linked.set_exception(error)

    async def _run(self) -> None:
        with trio.CancelScope() as scope:
            async with self.gateway.sdk(self.bot) as sdk:
                await sdk.link()
                self.linked.set_result((trio.lowlevel.current_trio_token(), scope))
                while True:
                    await self._answer(sdk)

    async def _answer(self, sdk: Sdk) -> None:
        while True:
            frame = await sdk.hear()
            message = frame["message"] if frame is not None else {}
            if message.get("type") == "execute_command":
                break
        self.told.append(message)
        turn = message["metadata"]["session_id"]
        spoken: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                await sdk.chunk(turn, len(spoken), piece)
                spoken.append(piece)
                await trio.sleep(_APART)
            else:
                await sdk.say(session_id=turn, **piece)
        await sdk.end(turn, "".join(spoken), len(spoken))


@contextmanager
def linked_bot(
    gateway: Gateway, bot: dict[str, Any], *pieces: str | dict[str, Any]
) -> Iterator[list[dict[str, Any]]]:
    """A bot that is linked for the length of the block, and answers every question with these
    pieces, and with messages of other kinds (`kind` and their fields) between them. What is
    yielded is what it has been told."""
    scripted = _ScriptedBot(gateway, bot, pieces)
    thread = threading.Thread(target=scripted.run, name="scripted-bot", daemon=True)
    thread.start()
    token, scope = scripted.linked.result(_WITHIN)
    try:
        yield scripted.told
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join(_WITHIN)
