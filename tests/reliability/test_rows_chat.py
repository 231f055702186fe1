"""RELIABILITY 3, 4, 5, 15, 16, 20, 21 and 30 on `/ws/stream/`, each beside a healthy turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from bot_fakes import FakeBot
from chat_fakes import CANCELLED, DONE, ChatGateway
from fakes import KEY, make_key
from healthy_turn import beside_a_healthy_turn
from raw_wire import (
    BINARY,
    CONTINUATION,
    TEXT,
    close_code,
    frame,
    no_traceback,
    post,
    receive_to_the_end,
)
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster

QUESTION = b'{"message":"q"}'


def upgrade(*lines: str) -> bytes:
    """The handshake of a chat client."""
    handshake = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    return post(b"", *handshake, *lines, target="/ws/stream/s", method="GET", length=False)


@asynccontextmanager
async def raw_client(gateway: ChatGateway, *lines: str) -> AsyncIterator[trio.abc.Stream]:
    """A client behind the handshake, without a library on our side."""
    async with gateway.services_running(), gateway.glasses() as peer:
        await peer.stream.send_all(upgrade(*lines))
        with trio.fail_after(5):
            head = bytes(await peer.stream.receive_some())
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-extensions" not in head.lower()
        yield peer.stream


@asynccontextmanager
async def fault(gateway: ChatGateway) -> AsyncIterator[FakeBot]:
    """A provider that answers, and a healthy turn beside it; nothing is left behind them."""
    async with beside_a_healthy_turn(gateway):
        model = gateway.provider()
        with model.station.attached(model):
            yield model
        with trio.fail_after(5):
            await gateway.chat.chats.wait_for_none()


async def begun(stream: trio.abc.Stream, model: FakeBot) -> str:
    """A question has been asked and has a first piece; its turn."""
    await stream.send_all(frame(QUESTION))
    turn = (await model.wait_for_commands())[0].session_id
    model.say(StreamChunk(turn, "半句", 0))
    await model.wait_for_acknowledged(1)
    return turn


@pytest.mark.parametrize("before_the_first_piece", [True, False])
async def test_row_5_a_client_that_is_gone_has_cancelled_its_answer_at_once(
    before_the_first_piece: bool,
) -> None:
    gateway = ChatGateway()
    async with fault(gateway) as model:
        async with raw_client(gateway) as stream:
            if before_the_first_piece:
                await stream.send_all(frame(QUESTION))
                await model.wait_for_commands()
            else:
                await begun(stream, model)
        with trio.fail_after(1):
            await model.wait_for_cancel()
    assert gateway.traces[0].outcome is Outcome.CANCELLED


async def test_row_5_a_cancelled_answer_leaves_nothing_behind() -> None:
    gateway = ChatGateway()
    async with fault(gateway) as model, gateway.client() as client:
        for number in range(20):
            await client.ask("q")
            await model.wait_for_commands(number + 1)
            await client.send({"type": "cancel"})
            assert await client.signal() == CANCELLED
        assert len(model.cancelled) == 20


async def test_row_3_a_half_open_client_is_found_in_25_seconds(autojump_clock: MockClock) -> None:
    gateway = ChatGateway()
    async with fault(gateway) as model, raw_client(gateway) as stream:
        await begun(stream, model)
        start = trio.current_time()
        await model.wait_for_cancel()  # nobody answers the pings
        assert 9 <= trio.current_time() - start <= 25  # three beats to answer a ping


async def test_row_4_a_client_that_takes_nothing_is_let_go_in_write_timeout(
    autojump_clock: MockClock,
) -> None:
    gateway = ChatGateway(patience=Patience(write_timeout=3.0))
    async with fault(gateway) as model, gateway.client(lockstep=True) as client:
        await client.ask("q")
        turn = (await model.wait_for_commands())[0].session_id
        start = trio.current_time()
        for number in range(40):
            model.say(StreamChunk(turn, "x" * 16_000, number))  # less than may wait for it
        await model.wait_for_cancel()
        assert trio.current_time() - start == pytest.approx(3.0, abs=0.1)
    assert gateway.traces[0].outcome is Outcome.SLOW_READER


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b'{"message":"\xff"}'), 1007),
        (frame(b"{" * 1_100_000), 1009),
        (frame(b"{" * 600_000, fin=False) + frame(b"{" * 600_000, CONTINUATION), 1009),
        (frame(b"more", CONTINUATION), 1002),
        (frame(b"{}", 3), 1002),
        (frame(b'{"message":', fin=False) + frame(b"{}", TEXT), 1002),
        (frame(b"[") * 20, 1008),
        (frame(b"\x00", BINARY) * 20, 1008),
        (frame(b'{"message":"\\ud800"}') * 20, 1008),
        (frame(b"[" * 10_000) * 20, 1008),
    ],
)
async def test_rows_15_16_and_20_what_is_wrong_ends_this_connection_with_its_code(
    sent: bytes,
    code: int,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = ChatGateway()
    with no_traceback(capsys, caplog):
        async with fault(gateway), raw_client(gateway) as stream:
            await stream.send_all(sent)
            with trio.fail_after(5):
                received = await receive_to_the_end(stream)
    if code in (1008, 1009):  # with a reason behind the code
        close = received.rfind(b"\x88")
        assert int.from_bytes(received[close + 2 : close + 4], "big") == code
        assert len(received[close + 4 :]) > 10
    else:
        assert close_code(received) == code


async def test_row_21_no_compression_is_negotiated_and_a_compressed_frame_ends_it() -> None:
    gateway = ChatGateway()
    offer = "Sec-WebSocket-Extensions: permessage-deflate"
    async with fault(gateway), raw_client(gateway, offer) as stream:
        compressed = bytearray(frame(b"\xaa\x56\x2a\x01\x00"))
        compressed[0] |= 0x40
        await stream.send_all(compressed)
        with trio.fail_after(5):
            assert close_code(await receive_to_the_end(stream)) == 1002


async def test_row_30_of_two_keys_in_one_session_only_the_revoked_one_is_shown_out() -> None:
    gateway = ChatGateway()
    async with fault(gateway) as model:
        other = make_key("ak_another-key", 7)
        keys = (*gateway.directory.keys, other)
        gateway.directory = attrs.evolve(gateway.directory, keys=keys)
        async with (
            gateway.client(key="ak_another-key") as revoked,
            gateway.client(key=KEY) as kept,
        ):
            await revoked.ask("q")
            await model.wait_for_commands(1)
            await kept.ask("q")
            await model.wait_for_commands(2)
            left = (*keys[:-1], attrs.evolve(other, is_active=False))
            gateway.directory = attrs.evolve(gateway.directory, keys=left)
            roster = Roster(gateway.answers, chats=gateway.chat.chats)
            revocation = Revocation(gateway.switchboard, roster)
            await revocation.enforce(gateway.directory)
            await revoked.error("key_revoked")
            model.answer(model.commands[1].session_id, "好")
            assert await kept.answer() == (["好"], DONE)


async def test_a_bug_in_one_connection_ends_that_one_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = ChatGateway()

    def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    async with fault(gateway) as model, gateway.client("other") as other:
        async with raw_client(gateway) as stream:
            with monkeypatch.context() as broken:
                broken.setattr("eyeclaw_trio.server.reception.relay_turn", fail)
                await stream.send_all(frame(QUESTION))
                with trio.fail_after(5):
                    await receive_to_the_end(stream)
        await other.ask("q")
        model.answer((await model.wait_for_commands())[0].session_id, "好")
        assert await other.answer() == (["好"], DONE)
    assert gateway.traces[0].outcome is Outcome.INTERRUPTED
