"""A bot's link on its own: when it writes what it has to say."""

from __future__ import annotations

from typing import cast

from attrs import define, field
from cable_fakes import Sessions

from eyeclaw_trio.protocol.to_bot import Cancel
from eyeclaw_trio.relay.seam import LinkSide
from eyeclaw_trio.server.bot_channel import BotLink
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.websocket import ServerSocket


@define
class Socket:
    """Remembers when it was asked to write."""

    waiting: int = 0
    written: list[int] = field(factory=list)

    def enqueue(self, payloads: list[bytes]) -> None:
        self.waiting += len(payloads)

    def send_nowait(self, payloads: list[bytes]) -> None:
        self.written.append(self.waiting + len(payloads))
        self.waiting = 0


@define
class Side:
    """The relay's side, where others may have something to read."""

    bot_id: int = 1
    is_quiet: bool = True


async def test_acknowledgements_are_written_now_when_nobody_has_anything_to_read() -> None:
    socket, side = Socket(), Side()
    lines = PeerLog().about("bot 1")
    link = BotLink(cast(ServerSocket, socket), cast(LinkSide, side), Sessions(), lines)
    link.acknowledge("turn", [0])
    assert socket.written == [1]
    side.is_quiet = False  # the readers of others come first, and what they have to say
    link.acknowledge("turn", [1])
    assert (socket.written, socket.waiting) == ([1], 1)
    side.is_quiet = True
    link.acknowledge("turn", [2, 3])
    assert socket.written == [1, 3]


async def test_a_question_is_written_now_when_nobody_has_anything_to_read() -> None:
    socket, side = Socket(), Side()
    lines = PeerLog().about("bot 1")
    link = BotLink(cast(ServerSocket, socket), cast(LinkSide, side), Sessions(), lines)
    link.send(Cancel("turn"))
    assert socket.written == [1]
    side.is_quiet = False
    link.send(Cancel("other"))
    assert (socket.written, socket.waiting) == ([1], 1)
