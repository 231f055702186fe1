"""RELIABILITY 35: whatever somebody sends to the pages without a session, nobody waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from attrs import frozen
from house import House
from stall_meter import MEBIBYTE, PATIENCE, StallMeter, attacked

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

GROWTH = 64 * MEBIBYTE
KEPT = 32 * MEBIBYTE


@frozen
class Flood:
    """So many connections that send these bytes, so many times."""

    connections: int
    sent: bytes
    times: int = 1


def head(line: str, *lines: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: 127.0.0.1", *lines]).encode() + b"\r\n\r\n"


CHUNKS = b"1\r\nx\r\n" * 10_900
CHUNKED = "Transfer-Encoding: chunked"
FORM = "Content-Type: application/x-www-form-urlencoded"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
H2_PINGS = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0, *range(8)]) * 3_500
H2_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) * 7_000
WEBSOCKET = head(
    "GET /admin/",
    *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)
FLOODS = {
    "login in chunks of a byte": Flood(100, head("POST /admin/login", CHUNKED, FORM) + CHUNKS),
    "API in chunks of a byte": Flood(100, head("POST /admin/api/bots", CHUNKED) + CHUNKS),
    "silent": Flood(300, b""),
    "half a head": Flood(250, head("GET /admin/", "X: " + "x" * 15_000)[:-2]),
    "metrics, unread": Flood(50, head("GET /metrics") * 300),
    "pages, unread": Flood(50, head("GET /admin/login") * 300),
    "static files, unread": Flood(50, head("GET /admin/static/style.css") * 300),
    "cookies": Flood(50, head("GET /admin/", "Cookie: eyeclaw_session=" + "x" * 4_000) * 50),
    "tokens": Flood(50, head("GET /admin/api/bots", "Authorization: Bearer x") * 300),
    "a body of a megabyte": Flood(
        50, head("POST /admin/login", "Content-Length: 1000000", FORM) + b"a=b&" * 250_000
    ),
    "passwords": Flood(
        200, head("POST /admin/login", "Content-Length: 10", FORM) + b"password=x", times=2
    ),
    "HTTP/2 pings": Flood(20, PREFACE + H2_PINGS * 3),
    "HTTP/2 settings": Flood(20, PREFACE + H2_SETTINGS * 3),
    "WebSockets": Flood(100, WEBSOCKET + b"\x89\x80\0\0\0\0" * 5_000),
    "junk": Flood(200, b"\x00\x01\x02\r\n\r\n" * 1_000),
}


@asynccontextmanager
async def attack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> AsyncIterator[StallMeter]:
    """The attack goes into the block."""
    async with attacked(House(tmp_path)) as meter:
        yield meter
    with capsys.disabled():
        print(f"\n{what}: {meter}")
    assert meter.turns >= 1
    assert meter.worst < PATIENCE
    assert meter.growth < GROWTH
    assert meter.kept < KEPT


@pytest.mark.parametrize("name", FLOODS)
async def test_row_35_no_flood_of_the_pages_stops_the_others(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flood = FLOODS[name]
    async with attack(tmp_path, capsys, f"pages: {name}") as meter:
        host, _, port = meter.gateway.admin_listen.rpartition(":")
        streams = [await trio.open_tcp_stream(host, int(port)) for _ in range(flood.connections)]
        try:
            with trio.move_on_after(3):
                async with trio.open_nursery() as nursery:
                    for stream in streams:  # all are here before any of them speaks
                        nursery.start_soon(_send, stream, flood)
                await trio.sleep(1)
        finally:
            for stream in streams:
                await trio.aclose_forcefully(stream)


async def _send(stream: trio.SocketStream, flood: Flood) -> None:
    with suppress(trio.BrokenResourceError):
        for _ in range(flood.times):
            await stream.send_all(flood.sent)
