"""The outbox of a link over real sockets: what is put in comes out whole, whoever else writes."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import structlog
import trio
import trio.testing
from attrs import define
from cable_fakes import CableGateway
from fakes import TOKEN
from trio.testing import MockClock
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

from eyeclaw_trio.core.throttle import LINES
from eyeclaw_trio.server.cable_door import LiveLink
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.wire.outbox import OUTBOX_LIMIT

HANDSHAKE = (
    f"GET /cable?sdk_token={TOKEN}&bot_id=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()
WELCOME = '{"type":"welcome"}'
# Much more than a socket takes at once.
LARGE = '"' + "Z" * 200_000 + '"'


@define(eq=False)
class Peer:
    """A link's other end, with a parser that trusts nothing."""

    stream: trio.abc.Stream
    live: LiveLink
    parser: Connection

    async def say(self, *events: Event) -> None:
        await self.stream.send_all(b"".join(map(self.parser.send, events)))

    async def hear(self, count: int) -> list[object]:
        """So many texts and pongs; our own pings are left out, and a wrong byte raises."""
        heard: list[object] = []
        text = ""
        while len(heard) < count:
            data = bytes(await self.stream.receive_some())
            assert data, "it has ended too soon"
            self.parser.receive_data(data)
            for event in self.parser.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        if '"type":"ping"' not in text:
                            heard.append(text)
                        text = ""
                elif not isinstance(event, Ping):
                    heard.append(event)
        return heard


@asynccontextmanager
async def linked(
    gateway: CableGateway, ours: trio.abc.Stream, theirs: trio.abc.Stream
) -> AsyncIterator[Peer]:
    """A link of bot 1 over this pair of streams, behind the welcome."""
    async with ours, gateway.services_running(), trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        await ours.send_all(HANDSHAKE)
        received = b""
        while b"\r\n\r\n" not in received:
            received += await ours.receive_some()
        parser = Connection(ConnectionType.CLIENT, trailing_data=received.split(b"\r\n\r\n")[1])
        await trio.testing.wait_all_tasks_blocked()
        [live] = gateway.links
        yield Peer(ours, live, parser)
        nursery.cancel_scope.cancel()


def socket_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """A connection whose ends take little at once."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    return (
        trio.SocketStream(trio.socket.from_stdlib_socket(ours)),
        trio.SocketStream(trio.socket.from_stdlib_socket(theirs)),
    )


@pytest.mark.parametrize("attempt", range(4))  # which task writes first is for trio to say
async def test_a_pong_never_lands_in_the_middle_of_a_long_text(attempt: int) -> None:
    async with linked(CableGateway(), *socket_pair()) as peer:
        assert await peer.hear(1) == [WELCOME]
        await peer.say(*[Ping(b"%d" % n) for n in range(3)])
        peer.live.socket.enqueue([LARGE.encode()])
        heard = await peer.hear(4)
        assert LARGE in heard
        assert [each for each in heard if each != LARGE] == [Pong(b"%d" % n) for n in range(3)]


async def test_what_is_sent_now_takes_with_it_what_waited_and_wakes_no_other_task() -> None:
    gateway = CableGateway()
    async with linked(gateway, *socket_pair()) as peer:
        assert await peer.hear(1) == [WELCOME]
        flusher, said = gateway.services.flusher, peer.live.socket
        said.send_nowait([b"1", b"2"])
        assert not flusher._due
        said.enqueue([b"3"])
        said.send_nowait([b"4"])
        assert flusher._due == [said]  # which will find that nothing is left to be written
        assert await peer.hear(4) == ["1", "2", "3", "4"]
        said.close(1000)
        said.send_nowait([b"5"])
        await trio.testing.wait_all_tasks_blocked()
        assert await peer.hear(1) == [CloseConnection(1000, "")]


async def test_what_is_put_in_while_a_write_waits_comes_behind_it_and_in_order() -> None:
    async with linked(CableGateway(), *socket_pair()) as peer:
        peer.live.socket.enqueue([LARGE.encode()])
        for n in range(5):
            await trio.testing.wait_all_tasks_blocked()
            peer.live.socket.enqueue([b"%d" % n])
        assert await peer.hear(7) == [WELCOME, LARGE, *map(str, range(5))]


async def test_the_last_word_is_said_behind_all_that_waits() -> None:
    async with linked(CableGateway(), *socket_pair()) as peer:
        peer.live.socket.enqueue([LARGE.encode()])
        await trio.testing.wait_all_tasks_blocked()
        say_disconnect(peer.live.socket, "server_restart", reconnect=True)
        _, large, word, close = await peer.hear(4)
        assert large == LARGE
        assert json.loads(cast(str, word))["reason"] == "server_restart"
        assert close == CloseConnection(1000, "")


async def test_many_long_questions_put_in_at_once_are_no_reader_that_reads_nothing() -> None:
    async with linked(CableGateway(), *socket_pair()) as peer:
        long = b'"' + b"Q" * (OUTBOX_LIMIT // 2) + b'"'
        for _ in range(5):
            peer.live.socket.enqueue([long])
        assert await peer.hear(6) == [WELCOME, *[long.decode()] * 5]


async def test_a_peer_that_reads_nothing_is_let_go_when_too_much_waits_for_it() -> None:
    """The log says it as it says all that peers can cause: so many lines a minute and no more."""
    gateway = CableGateway()
    with structlog.testing.capture_logs() as lines:
        for _ in range(LINES + 2):
            async with linked(gateway, *socket_pair()) as peer:
                peer.live.socket.enqueue([LARGE.encode()])
                await trio.testing.wait_all_tasks_blocked()
                for _ in range(OUTBOX_LIMIT // len(LARGE) + 2):
                    assert gateway.links.count == 1
                    peer.live.socket.enqueue([LARGE.encode()])
                await gateway.links.wait_for_none()
    slow = [line for line in lines if line["event"] == "socket.slow_reader"]
    assert slow == [{"event": "socket.slow_reader", "log_level": "info", "peer": ""}] * LINES


async def test_nothing_follows_a_close_frame_and_the_peer_has_its_time_to_answer(
    autojump_clock: MockClock,
) -> None:
    # In lockstep a write waits for its reader: the close frame is on its way when a ping is due.
    async with linked(CableGateway(), *trio.testing.lockstep_stream_pair()) as peer:
        received = bytes(await peer.stream.receive_some())
        assert WELCOME.encode() in received
        peer.live.socket.close(1000)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(5):  # the ping of WebSocket is one of these
            peer.live.socket.beat(trio.current_time(), is_late=False)
        began = trio.current_time()
        assert await peer.stream.receive_some() == b"\x88\x02" + (1000).to_bytes(2, "big")
        assert await peer.stream.receive_some() == b""
        assert trio.current_time() == began + 1


async def test_a_bot_that_was_reset_is_offline_though_a_write_finds_out_first() -> None:
    gateway = CableGateway()
    async with (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] as listener:
        ours = await trio.testing.open_stream_to_socket_listener(listener)
        theirs = await listener.accept()
    async with linked(gateway, ours, theirs) as peer:
        ours.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ours.socket.close()
        peer.live.socket.enqueue([b"1"])
        peer.live.socket.write_nowait()
        await gateway.links.wait_for_none()


async def test_a_peer_that_takes_a_long_text_slowly_is_not_taken_for_dead(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with linked(gateway, *trio.testing.lockstep_stream_pair()) as peer:
        peer.live.socket.enqueue([LARGE.encode() * 4])
        taken = 0
        while taken < 4 * len(LARGE) - 100_000:
            taken += len(await peer.stream.receive_some(16_384))
            await trio.sleep(2)
            assert gateway.links.count == 1, "it was let go"
        assert trio.current_time() > 60  # pings were due all the time, and could not come through
        # From here on it is dead indeed.
        began = trio.current_time()
        await gateway.links.wait_for_none()
        assert trio.current_time() - began <= 25
