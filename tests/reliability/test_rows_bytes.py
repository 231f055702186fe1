"""Rows 20, 21 and 35: bytes that are no text, compressed ones, and those that come early."""

from __future__ import annotations

import json

import pytest
import trio
from cable_fakes import IDENTIFIER, CableGateway
from fakes import OFFLINE, TOKEN, Gateway, assert_whole
from healthy_turn import beside_a_healthy_turn, until
from raw_wire import (
    CLOSE,
    CONTINUATION,
    TEXT,
    close_code,
    exchange,
    frame,
    no_traceback,
    post,
    raw_link,
    receive_to_the_end,
    statuses,
    upgrade,
)
from trio.testing import MockClock

BAD_UTF_8 = {
    "no beginning": b"\x80",
    "overlong": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond the last": b"\xf4\x90\x80\x80",
    "cut off": "你好".encode()[:-1],
    "latin-1": "é".encode("latin-1"),
}


@pytest.mark.parametrize("wrong", BAD_UTF_8.values(), ids=BAD_UTF_8.keys())
@pytest.mark.parametrize("is_split", [False, True])
async def test_row_20_a_frame_that_is_not_utf_8_ends_its_link_with_1007_and_nothing_else(
    wrong: bytes,
    is_split: bool,
    autojump_clock: MockClock,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = CableGateway()
    with no_traceback(capsys, caplog):
        async with beside_a_healthy_turn(gateway), raw_link(gateway) as link:
            sent = b'{"type":"' + wrong + (b"" if wrong == BAD_UTF_8["cut off"] else b'"}')
            if is_split:
                await link.send_all(frame(sent[:10], TEXT, fin=False))
                await link.send_all(frame(sent[10:], CONTINUATION))
            else:
                await link.send_all(frame(sent))
            with trio.fail_after(5):
                assert close_code(await receive_to_the_end(link)) == 1007


async def test_row_20_a_character_that_two_fragments_share_is_no_fault(
    autojump_clock: MockClock,
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), raw_link(gateway) as link:
        sent = '{"type":"你好😀"}'.encode()
        for cut in range(1, len(sent)):
            await link.send_all(frame(sent[:cut], TEXT, fin=False))
            await link.send_all(frame(sent[cut:], CONTINUATION))
        await trio.sleep(1)
        assert gateway.front_door.open_connections == 2


@pytest.mark.parametrize("wrong", BAD_UTF_8.values(), ids=BAD_UTF_8.keys())
async def test_row_20_a_body_that_is_not_utf_8_is_400_and_the_connection_goes_on(
    wrong: bytes, autojump_clock: MockClock
) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway), gateway.glasses() as glasses:
        text = b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"' + wrong
        await glasses.send(text + b'"}]}')
        assert (await glasses.receive_head()).status_code == 400
        assert wrong not in await glasses.receive_body()
        await glasses.send()
        assert (await glasses.receive_head()).status_code == 200
        assert_whole(await glasses.receive_answer(), OFFLINE)


# ---- 21: compressed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate, permessage-bzip2",
    ],
)
async def test_row_21_no_extension_is_negotiated_and_a_compressed_frame_ends_the_link(
    offer: str, autojump_clock: MockClock
) -> None:
    gateway = CableGateway()
    async with beside_a_healthy_turn(gateway), gateway.glasses() as peer:
        await peer.stream.send_all(upgrade(f"Sec-WebSocket-Extensions: {offer}"))
        head = bytes(await peer.stream.receive_some()).partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"sec-websocket-extensions" not in head.lower()
        compressed = bytearray(frame(b"\xaa\x56\x2a\x01\x00"))
        compressed[0] |= 0x40  # RSV1: what follows is deflated
        await peer.stream.send_all(compressed)
        with trio.fail_after(5):
            assert close_code(await receive_to_the_end(peer.stream)) == 1002


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"])
async def test_row_21_a_compressed_request_is_415(coding: str, autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        sent = post(b"\x1f\x8b\x08\x00", f"Content-Encoding: {coding}")
        assert statuses(await exchange(gateway, sent), "POST") == [415]


# ---- 35: early data -----------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [frame(b"x", 3), b"\xff" * 10, frame(b"\x03\xe8", CLOSE)])
@pytest.mark.parametrize("token", [TOKEN, "bt_wrong"])
async def test_row_35_what_comes_with_the_upgrade_is_no_traceback_however_wrong_and_much(
    wrong: bytes, token: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = CableGateway()
    early = frame(b'{"type":"pong"}' + b" " * 60_000) * 2
    with no_traceback(capsys, caplog):
        async with (
            beside_a_healthy_turn(gateway),
            gateway.services_running(),
            gateway.glasses() as peer,
        ):
            await peer.stream.send_all(upgrade(token=token) + early + wrong)
            with trio.fail_after(5):
                received = await receive_to_the_end(peer.stream)
    assert received.startswith(b"HTTP/1.1 101 ")
    assert close_code(received) in (1000, 1002)


async def test_row_35_what_a_good_bot_says_with_its_upgrade_counts() -> None:
    gateway = CableGateway()
    said = {"command": "subscribe", "identifier": IDENTIFIER}
    async with (
        beside_a_healthy_turn(gateway),
        gateway.services_running(),
        gateway.glasses() as peer,
    ):
        await peer.stream.send_all(upgrade() + frame(json.dumps(said).encode()))
        await until(lambda: gateway.switchboard.is_online(1), seconds=5)
