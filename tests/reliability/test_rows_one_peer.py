"""RELIABILITY 35 and 36: whatever one peer sends over HTTP, nobody else waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from house import House
from stall_meter import BEHIND_ONE_PROXY, MEBIBYTE, PATIENCE, StallMeter, attacked, send

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

# One attacker may take so much, and has to leave nearly all of it (bytes).
GROWTH = 64 * MEBIBYTE
KEPT = 32 * MEBIBYTE


def post(body: bytes, *lines: str, key: str, length: int | None = None) -> bytes:
    """A question as bytes."""
    size = len(body) if length is None else length
    head = [
        "POST /sse/rokid HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Authorization: Bearer {key}",
        *(lines or [f"Content-Length: {size}"]),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


CHUNKED = "Transfer-Encoding: chunked"


def asking(entries: bytes, fields: bytes = b"") -> bytes:
    return b'{"message_id":"1","agent_id":"1"%s,"message":[%s]}' % (fields, entries)


def assert_unharmed(meter: StallMeter, capsys: pytest.CaptureFixture[str], what: str) -> None:
    with capsys.disabled():
        print(f"\n{what}: {meter}")
    assert meter.turns >= 1
    assert meter.worst < PATIENCE
    assert max(meter.near) < BEHIND_ONE_PROXY
    assert meter.growth < GROWTH
    assert meter.kept < KEPT


ONE = b'{"role":"user","content":"x"}'
BODIES = {
    "empty entries": asking(b",".join([b"{}"] * 340_000)),
    "good entries": asking(b",".join([ONE] * 33_000)),
    "faulty entries within the limit": asking(b",".join([b'{"role":1,"type":2}'] * 200)),
    "metadata of empty objects": asking(
        ONE, b',"metadata":{"x":[' + b",".join([b"{}"] * 340_000) + b"]}"
    ),
    "metadata of empty arrays": asking(
        ONE, b',"metadata":{"x":[' + b",".join([b"[]"] * 340_000) + b"]}"
    ),
    "metadata of keys": asking(
        ONE, b',"metadata":{' + b",".join([b'"%06x":0' % n for n in range(90_000)]) + b"}"
    ),
    "metadata without end": asking(ONE, b',"metadata":' + b'{"x":' * 200_000),
    "escapes": asking(b'{"role":"user","content":"' + b'\\",' * 330_000 + b'"}'),
    "a language of a megabyte": asking(ONE, b',"metadata":{"lang":"' + b"-" * 1_000_000 + b'"}'),
    "a text of a megabyte": asking(b'{"role":"user","content":"' + b"x" * 1_000_000 + b'"}'),
}


async def test_row_35_no_body_of_a_megabyte_stops_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, each three times in one instant; three are more than a second core
    can make up for."""
    async with attacked(House(tmp_path)) as meter:
        for name, body in BODIES.items():
            before = len(meter.waits)
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    sent = post(
                        body,
                        "Connection: close",
                        f"Content-Length: {len(body)}",
                        key=meter.gateway.key,
                    )
                    nursery.start_soon(_expect_a_short_answer, meter, sent)
            await trio.sleep(0.05)
            worst = max(meter.waits[before:], default=0)
            assert worst < PATIENCE, f"{name}: {worst:.2f} s"
    assert_unharmed(meter, capsys, "bodies of a megabyte")


async def _expect_a_short_answer(meter: StallMeter, sent: bytes) -> None:
    with trio.move_on_after(1):  # an echo of a megabyte takes longer
        received = await send(meter.gateway, sent)
        assert received.startswith(b"HTTP/1.1 ")
        if not received.startswith(b"HTTP/1.1 200 "):
            assert len(received) < 4_000


PIECES = {
    "one byte": b"1\r\nx\r\n",
    "extensions": b"1;" + b"e" * 8_000 + b"\r\nx\r\n",
}


@pytest.mark.parametrize("piece", PIECES)
async def test_row_35_a_body_in_many_pieces_gives_way(
    piece: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a good key, over twenty connections."""
    async with attacked(House(tmp_path)) as meter:
        sent = post(b"", CHUNKED, key=meter.gateway.key)
        much = PIECES[piece] * (2_000_000 // len(PIECES[piece]))
        with trio.move_on_after(2):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(send, meter.gateway, sent + much)
    assert_unharmed(meter, capsys, f"bodies in pieces: {piece}")


async def test_row_35_a_refused_body_in_many_pieces_is_not_parsed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with attacked(House(tmp_path)) as meter:
        sent = post(PIECES["one byte"] * 10_900, CHUNKED, key="ak_wrong")
        streams: Sequence[trio.SocketStream] = [
            await trio.open_tcp_stream(meter.gateway.host, meter.gateway.port) for _ in range(240)
        ]
        try:
            async with trio.open_nursery() as nursery:
                for stream in streams:  # all of them are here before any of them speaks
                    nursery.start_soon(_send_quietly, stream, sent)
            await trio.sleep(1)
        finally:
            for stream in streams:
                await trio.aclose_forcefully(stream)
    assert_unharmed(meter, capsys, "240 refused bodies in one instant")


async def _send_quietly(stream: trio.SocketStream, sent: bytes) -> None:
    try:
        await stream.send_all(sent)
    except trio.BrokenResourceError:
        return


@pytest.mark.parametrize("name", ["silent", "half a head", "half a body", "unread"])
async def test_row_35_a_crowd_without_a_key_is_small_however_many_come(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """600 connections, of which 256 live at a time."""
    async with attacked(House(tmp_path)) as meter:
        gateway = meter.gateway
        sent = {
            "silent": b"",
            "half a head": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 16_000,
            "half a body": post(b"x" * 60_000, key="ak_wrong", length=900_000),
            "unread": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1_500,
        }[name]
        streams: list[trio.SocketStream] = []
        try:
            for _ in range(600):
                with trio.move_on_after(1):
                    streams.append(await trio.open_tcp_stream(gateway.host, gateway.port))
                    await _send_quietly(streams[-1], sent)
            files = Path(f"/proc/{gateway.process.pid}/fd")
            with trio.fail_after(5):  # all have been looked at
                while len(list(files.iterdir())) >= 256 + 100:
                    await trio.sleep(0.02)
        finally:
            for stream in streams:
                await trio.aclose_forcefully(stream)
    assert_unharmed(meter, capsys, f"a crowd: {name}")


async def test_row_35_junk_behind_good_requests_is_answered_or_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk = (b"\x00\x01\x02", b"GET", b"POST /sse/rokid HTTP/9.9\r\n\r\n", b"\r\n" * 9_000, b"")
    async with attacked(House(tmp_path)) as meter, trio.open_nursery() as nursery:
        for method in (b"HEAD", b"GET", b"OPTIONS", b"DELETE"):
            for each in junk:
                head = b"%s /health HTTP/1.1\r\nHost: x\r\n\r\n" % method
                for _ in range(10):
                    nursery.start_soon(send, meter.gateway, head + each + b"\r\n\r\n")
    assert_unharmed(meter, capsys, "200 times junk behind a request")


async def test_row_35_guessing_fills_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with attacked(House(tmp_path)) as meter:
        sent = post(b"{}", key="ak_wrong") * 50
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(send, meter.gateway, sent[:-1])
    assert_unharmed(meter, capsys, "1,000 wrong keys")
