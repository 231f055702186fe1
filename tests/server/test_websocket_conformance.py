"""RFC 6455 case by case, as the sections 1 to 7 and 9 of the usual conformance suite go through
it, on every door that speaks WebSocket, with the frame shortcut and without.

A door here does not echo messages: whether one came through is seen by what the door answers to
the ping of its own protocol behind it. The judge of what comes back is wsproto's client side.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import field, frozen
from cable_fakes import CableGateway
from chat_fakes import ChatGateway
from fakes import KEY, TOKEN
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
DATA = {"command": "message", "identifier": '{"channel":"BotChannel","bot_id":1}'}
DOORS = {
    "/cable": json.dumps({**DATA, "data": '{"type":"ping"}'}).encode(),
    "/ws/stream/s": b'{"type":"ping"}',
}


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> bytes:
    size, key = len(payload), b"\x37\xfa\x21\x3d"
    first = fin << 7 | rsv << 4 | opcode
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + size.to_bytes(8, "big")
    mask = (key * (size // 4 + 1))[:size]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + key + plain.to_bytes(size, "big")


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(b"" if code is None else code.to_bytes(2, "big") + reason, CLOSE)


def START(data: bytes) -> bytes:  # noqa: N802 (a word of the table)
    return frame(data, TEXT, fin=False)


def MIDDLE(data: bytes) -> bytes:  # noqa: N802
    return frame(data, CONTINUATION, fin=False)


def END(data: bytes) -> bytes:  # noqa: N802
    return frame(data, CONTINUATION)


def _all(pongs: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(pongs)


@frozen
class Case:
    """What is sent, and what becomes of it: the pongs that answer, and the code of the end where
    it ends the connection (None: it lives on)."""

    sent: Sequence[bytes]
    code: int | None = None
    pongs: tuple[bytes, ...] = field(default=(), converter=_all)


LONG = b"\x00\xff\xfe\xfd" * 31 + b"x"  # 125 bytes
GREEK = "Hello-µ@ßöäüàá-κόσμε-UTF-8!!".encode()
SURROGATE = b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"

DIGITS = [b"%d" % n for n in range(10)]

FRAMING = {
    f"1.{1 if opcode == TEXT else 2}: {size}": Case([frame(b"*" * size, opcode)])
    for opcode in (TEXT, BINARY)
    for size in (0, 125, 126, 127, 128, 65_535, 65_536)
}
PINGS = {
    "2.1 empty": Case([frame(b"", PING)], pongs=[b""]),
    "2.2 text": Case([frame(b"Hello", PING)], pongs=[b"Hello"]),
    "2.3 binary": Case([frame(LONG[:10], PING)], pongs=[LONG[:10]]),
    "2.4 125 bytes": Case([frame(LONG, PING)], pongs=[LONG]),
    "2.5 126 bytes": Case([frame(LONG + b"x", PING)], 1002),
    "2.7 a pong that nobody asked for": Case([frame(b"", PONG)]),
    "2.8 one with a payload": Case([frame(b"unsolicited", PONG)]),
    "2.9 a ping behind it": Case([frame(b"p", PONG), frame(b"q", PING)], pongs=[b"q"]),
    "2.10 ten": Case(
        [frame(b"%d" % n, PING) for n in range(10)], pongs=[b"%d" % n for n in range(10)]
    ),
}
RESERVED = {
    **{f"3.{rsv} bits": Case([frame(b"x", rsv=rsv)], 1002) for rsv in range(1, 8)},
    "3 behind a good one": Case([frame(b"x"), frame(b"x", rsv=4), frame(b"", PING)], 1002),
    "3 of a ping": Case([frame(b"", PING, rsv=1)], 1002),
    "3 of a close": Case([frame(b"", CLOSE, rsv=7)], 1002),
    **{
        f"4 opcode {opcode}": Case([frame(b"x"), frame(b"", opcode)], 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
}
FRAGMENTS = {
    "5.1 a ping in two": Case([frame(b"a", PING, fin=False), END(b"b")], 1002),
    "5.2 a pong in two": Case([frame(b"a", PONG, fin=False), END(b"b")], 1002),
    "5.3 two parts": Case([START(b"a"), END(b"b")]),
    "5.6 a ping between": Case([START(b"a"), frame(b"p", PING), END(b"b")], pongs=[b"p"]),
    "5.9 an end of nothing": Case([END(b"x"), frame(b"y")], 1002),
    "5.11 a middle of nothing": Case([MIDDLE(b"x"), frame(b"y")], 1002),
    "5.15 an end too many": Case([START(b"a"), END(b"b"), END(b"c")], 1002),
    "5.18 a text within a text": Case([START(b"a"), frame(b"b")], 1002),
    "5.19 pings between": Case(
        [START(b"a"), MIDDLE(b"b"), frame(b"1", PING), MIDDLE(b"c"), frame(b"2", PING), END(b"d")],
        pongs=[b"1", b"2"],
    ),
    "6.1 empty parts": Case([START(b""), MIDDLE(b""), END(b"")]),
    "6.1 empty parts around": Case([START(b""), MIDDLE(b"x"), END(b"")]),
}
UTF_8 = {
    "6.2 valid": Case([frame(GREEK)]),
    "6.2 valid in two": Case([START(GREEK[:12]), END(GREEK[12:])]),
    "6.2 valid byte by byte": Case(
        [START(GREEK[:1]), *[MIDDLE(GREEK[n : n + 1]) for n in range(1, len(GREEK))], END(b"")]
    ),
    "6.3 a surrogate": Case([frame(SURROGATE)], 1007),
    "6.3 a surrogate in parts": Case(
        [START(SURROGATE[:1]), *[MIDDLE(SURROGATE[n : n + 1]) for n in range(1, 8)], END(b"")], 1007
    ),
    "6.4 at the earliest": Case([START(b"\xce\xba\xf4\x90"), frame(b"", PING)], 1007),
    **{
        f"6 {name}": Case([frame(data)])
        for name, data in {
            "NUL": b"\x00",
            "the highest": b"\xf4\x8f\xbf\xbf",
            "a noncharacter": b"\xef\xbf\xbf",
            "the last before surrogates": b"\xed\x9f\xbf",
            "the first behind them": b"\xee\x80\x80",
        }.items()
    },
    **{
        f"6 {name}": Case([frame(data)], 1007)
        for name, data in {
            "cut": b"\xce\xba\xe1\xbd",
            "over the highest": b"\xf4\x90\x80\x80",
            "five bytes": b"\xf8\x88\x80\x80\x80",
            "six bytes": b"\xfc\x84\x80\x80\x80\x80",
            "a lone continuation": b"\x80",
            "FE": b"\xfe",
            "FF": b"\xff",
            "an overlong slash": b"\xc0\xaf",
            "an overlong slash in three": b"\xe0\x80\xaf",
            "an overlong NUL": b"\xc0\x80",
            "a low surrogate": b"\xed\xbf\xbf",
            "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
        }.items()
    },
}
GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
CLOSES = {
    "7.1 a close": Case([close(1000)], 1000),
    "7.1 a text behind it": Case([close(1000), frame(b"x")], 1000),
    "7.1 a ping behind it": Case([close(1000), frame(b"", PING)], 1000),
    "7.1 in the middle of a message": Case([START(b"a"), close(1000), END(b"b")], 1000),
    "7.3 without a code": Case([close()], 1005),
    "7.3 half a code": Case([frame(b"\x03", CLOSE)], 1002),
    "7.3 a reason": Case([close(1000, b"Hello")], 1000),
    "7.3 the longest reason": Case([close(1000, b"*" * 123)], 1000),
    "7.3 too long a reason": Case([close(1000, b"*" * 124)], 1002),
    "7.5 a reason that is not UTF-8": Case([close(1000, SURROGATE)], 1007),
    **{f"7.7 code {code}": Case([close(code)], code) for code in (*GOOD_CODES, 4999)},
    "7.7 code 1014": Case([close(1014)], 1000),
    "7.7 code 1014 with a reason": Case([close(1014, b"bad gateway")], 1000),
    **{f"7.9 code {code}": Case([close(code)], 1002) for code in BAD_CODES},
}
K = 1_024
LIMITS = {
    **{f"9.1 {size} K": Case([frame(b"*" * size * K)]) for size in (64, 256, 1_024)},
    "9.1 more than the limit": Case([frame(b"*" * (1_024 * K + 1))], 1009),
    **{
        f"9.3 64 K in parts of {size}": Case(
            [START(b"*" * size), *[MIDDLE(b"*" * size)] * (64 * K // size - 2), END(b"*" * size)]
        )
        for size in (64, 256, K, 4 * K, 16 * K)
    },
    "9.3 more than the limit in parts": Case(
        [START(b"*" * 256 * K), *[MIDDLE(b"*" * 256 * K)] * 3, END(b"*")], 1009
    ),
    "empty parts without end": Case([START(b""), *[MIDDLE(b"")] * 100], 1008),
}
CASES = FRAMING | PINGS | RESERVED | FRAGMENTS | UTF_8 | CLOSES | LIMITS


@asynccontextmanager
async def opened(door: str, *, shortcut: bool) -> AsyncIterator[trio.abc.Stream]:
    """A client's end behind the handshake."""
    gateway = (CableGateway if door == "/cable" else ChatGateway)(has_shortcut=shortcut)
    query = f"?sdk_token={TOKEN}" if door == "/cable" else f"?access_key={KEY}"
    head = (
        f"GET {door}{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with gateway.services_running(), gateway.glasses() as peer:
        await peer.stream.send_all(head.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += await peer.stream.receive_some()
        assert received.startswith(b"HTTP/1.1 101 ")
        yield peer.stream  # what is behind the head is the welcome, which nobody misses


async def outcome(door: str, pieces: Sequence[bytes], *, shortcut: bool, pongs_due: int) -> Case:
    """What comes back: pongs, and the code of the end; None where the door still answers, whose
    own pong may come before those that the library says."""
    judge, pongs, text = Connection(ConnectionType.CLIENT), list[bytes](), ""
    is_alive = False
    async with opened(door, shortcut=shortcut) as stream, trio.open_nursery() as nursery:

        async def send() -> None:
            for piece in [*pieces, frame(DOORS[door])]:
                try:
                    await stream.send_all(piece)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return

        nursery.start_soon(send)
        with trio.fail_after(10):
            while True:
                data = await stream.receive_some()
                if not data:
                    return Case((), 1006, pongs)
                judge.receive_data(bytes(data))
                for event in judge.events():
                    if isinstance(event, Pong):
                        pongs.append(bytes(event.payload))
                    elif isinstance(event, CloseConnection):
                        nursery.cancel_scope.cancel()
                        return Case((), int(event.code), pongs)
                    elif isinstance(event, TextMessage):
                        text += event.data
                        if event.message_finished:
                            said, text = text, ""
                            is_alive = is_alive or '"pong"' in said
                    else:
                        assert isinstance(event, Ping)
                if is_alive and len(pongs) >= pongs_due:
                    nursery.cancel_scope.cancel()
                    return Case((), None, pongs)
    raise AssertionError


@pytest.mark.parametrize("shortcut", [True, False], ids=["shortcut", "library"])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", CASES)
async def test_the_door_does_what_the_standard_says(name: str, door: str, shortcut: bool) -> None:
    case = CASES[name]
    due = len(case.pongs)
    found = await outcome(door, case.sent, shortcut=shortcut, pongs_due=due)
    assert found == Case((), case.code, case.pongs)


CHOPPED = {name: case for name, case in CASES.items() if sum(map(len, case.sent)) < 2_000}


@pytest.mark.parametrize("shortcut", [True, False], ids=["shortcut", "library"])
@pytest.mark.parametrize("name", CHOPPED)
async def test_it_does_the_same_with_one_byte_after_the_other(name: str, shortcut: bool) -> None:
    case = CHOPPED[name]
    data = b"".join(case.sent)
    pieces = [data[n : n + 1] for n in range(len(data))]
    due = len(case.pongs)
    found = await outcome("/cable", pieces, shortcut=shortcut, pongs_due=due)
    assert found == Case((), case.code, case.pongs)
