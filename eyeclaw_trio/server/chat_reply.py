"""The reply that a chat client reads: frames on its WebSocket (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

import trio
from attrs import define, field

from eyeclaw_trio.core.conversation import KEPT_BYTES
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.reply_events import Aside, DeviceAction, FollowUps, KeepAlive, ReplyEvent
from eyeclaw_trio.errors import HungUp, TurnFailed
from eyeclaw_trio.protocol.chat import DONE, ChatFraming, encode_error
from eyeclaw_trio.wire.streams import SLICE
from eyeclaw_trio.wire.websocket import ServerSocket


@define(eq=False)
class ChatReply:
    """Writes one answer; a `relay.turn.Reply`. All writes raise HungUp or SlowReader.

    Who writes waits until it is written: nothing piles up here. The end of the turn cuts no frame
    in two, whoever asks for it: the socket stays good.
    """

    socket: ServerSocket
    framing: ChatFraming
    wording: Wording
    is_ending: bool = False
    """Whether the last word is being written: from then on there is nothing to cancel."""
    _said: list[str] = field(factory=list)
    _said_size: int = 0
    _unsaid: list[str] = field(factory=list)
    _has_left: bool = False
    _on_leave: Callable[[], None] = lambda: None

    @property
    def said(self) -> str:
        """What its reader got of the answer; of a very long one, more than is remembered."""
        return "".join(self._said)

    def leave(self) -> None:
        """Nobody wants (the rest of) the answer any more."""
        self._has_left = True
        self._on_leave()

    async def open(self) -> None:
        """There is nothing to show before the first piece: the socket itself is the sign.
        Cancellation changes nothing."""
        await trio.lowlevel.checkpoint()

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Take these events, for `drain`."""
        for event in events:
            match event:
                case str(text):
                    self._unsaid.append(text)
                case Aside():
                    pass  # a chat client's own display says that it waits
                case KeepAlive():
                    pass  # WebSocket pings are the sign of life
                case DeviceAction() | FollowUps():
                    pass  # a chat client is no pair of glasses, and asks for itself
                case _:
                    assert_never(event)
        return not self._unsaid

    async def drain(self) -> None:
        """Write what was taken. Raises HungUp and SlowReader as the socket does. Cancelled, what
        the socket has already still goes out, in whole frames, and the rest does not."""
        texts, self._unsaid = self._unsaid, []
        await self._write([frame for text in texts for frame in self.framing.text(text)])
        for text in texts:
            if self._said_size <= KEPT_BYTES:
                self._said.append(text)
                self._said_size += len(text)

    async def finish(self) -> None:
        """Write `done`. Raises HungUp when the client has left; cancellation as in `drain`."""
        await self._end(DONE)

    async def apologise(self, failure: TurnFailed) -> None:
        """Write an `error` for this failure; otherwise as `finish`, also when cancelled."""
        await self._end(encode_failure(failure, self.wording))

    def monitor_hangup(
        self, _: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """`leave` is called when the client has gone or has cancelled the answer."""
        self._on_leave = leave
        if self._has_left:
            leave()
        return nullcontext()

    async def _end(self, signal: bytes) -> None:
        if self._has_left:
            raise HungUp  # cancelled in this very moment: one ending is enough
        self.is_ending = True
        await self._write([signal])

    async def _write(self, frames: Sequence[bytes]) -> None:
        for group in _in_slices(frames):
            self.socket.send_nowait(group)
            await self.socket.drain()


def _in_slices(frames: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The frames in order, in groups of at most a slice: what is not begun can be taken back."""
    group: list[bytes] = []
    size = 0
    for frame in frames:
        if group and size + len(frame) > SLICE:
            yield group
            group, size = [], 0
        group.append(frame)
        size += len(frame)
    if group:
        yield group


def encode_failure(failure: TurnFailed, wording: Wording) -> bytes:
    """The `error` that says this failure: a short sentence of the catalogue, a word of ours."""
    return encode_error(wording.chat_apology(failure), failure.code)
