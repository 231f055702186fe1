"""HTTP as no honest client would speak it, over the front door: every peer gets an answer or an
end, nothing stops the others, nothing is kept."""

from __future__ import annotations

import json
import random
import time
from typing import Any, Final

import h11
import pytest
import structlog
import trio
import trio.testing
from fakes import KEY, Gateway, question
from fuzzing import fuzz_rounds
from json_grammar import as_bytes, spoilt
from trio.testing import MockClock

# Promised is a twentieth of a second; a collection of garbage may fall into it (seconds).
PATIENCE: Final = 0.1

METHODS: Final = (b"POST", b"GET", b"HEAD", b"OPTIONS", b"PUT", b"get", b"", b"P\x00ST", b"X" * 999)
TARGETS: Final = (
    b"/sse/rokid",
    b"/metis/agent/api/sse",
    b"/health",
    b"*",
    b"http://x/sse/rokid",
    b"http://[",
    b"/" * 5_000,
    b"/sse/rokid?" + b"a=b&" * 2_000,
    b"/\xff",
    b"",
    b"/sse/rokid?%zz=%",
)
VERSIONS: Final = (
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/9.99",
    b"",
)
HEADERS: Final = (
    b"Host: x",
    b"Host: y",
    b"Expect: 100-continue",
    b"Connection: close",
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: websocket",
    b"Content-Type: text/plain",
    b"Content-Type: application/json; charset=\xff",
    b"Content-Encoding: gzip",
    b"Origin: https://evil.example",
    b"Content-Length: 3",
    b"Content-Length: +3",
    b"Content-Length: 99999999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: \x0bchunked",
    b"X: " + b"x" * 9_000,
    b"X" * 300 + b": y",
    b": empty",
    b" folded: x",
    b"No colon",
    b"Null: \x00",
    b"Authorization: Basic eA==",
)
ENDS: Final = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n")


def any_request(dice: random.Random) -> bytes:
    """A request that is good, or spoilt in a few places."""
    body = as_bytes(dice, spoilt(dice, question()))
    is_chunked = dice.random() < 0.4
    lines = [b"POST /sse/rokid HTTP/1.1", b"Host: x", b"Authorization: Bearer " + KEY.encode()]
    if dice.random() < 0.3:
        parts = (dice.choice(METHODS), dice.choice(TARGETS), dice.choice(VERSIONS))
        lines[0] = b" ".join(parts)
    lines += [dice.choice(HEADERS) for _ in range(dice.choice((0, 0, 1, 2, 8)))]
    if is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
        body = chunked(dice, body)
    elif dice.random() < 0.95:
        lines.append(b"Content-Length: %d" % (len(body) + dice.choice((0, 0, 0, 0, 1, -1))))
    if dice.random() < 0.1:
        dice.shuffle(lines)
    end = dice.choice(ENDS) if dice.random() < 0.2 else b"\r\n"
    return end.join(lines) + end * 2 + body


def chunked(dice: random.Random, body: bytes, *, is_good: bool = False) -> bytes:
    """This body in chunks, of which one may be wrong."""
    size = dice.choice((1, 7, 100, 10_000))
    wrong = -1 if is_good else dice.randrange(200)
    pieces = []
    for number, start in enumerate(range(0, len(body), size)):
        piece = body[start : start + size]
        extension = b";" + b"e" * dice.choice((1, 8_000)) if dice.random() < 0.02 else b""
        head = b"%x%s\r\n" % (len(piece), extension)
        if number == wrong:
            head = dice.choice((b"-1\r\n", b"g\r\n", b"ffffffffffffffffffffff\r\n", b"\r\n", b"1;"))
        pieces.append(head + piece + b"\r\n")
    trailers = (
        b""
        if is_good
        else dice.choice((b"", b"", b"X: y\r\n", b"Content-Length: 5\r\n", b"X: " + b"x" * 9_999))
    )
    return b"".join(pieces) + b"0\r\n" + trailers + b"\r\n"


class LongestStep(trio.abc.Instrument):
    """How long the loop was at work without giving way (seconds of this thread)."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._began = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if "eyeclaw_trio" in task.name:  # and not one of the test itself
            self.worst = max(self.worst, time.thread_time() - self._began)


async def talk(gateway: Gateway, dice: random.Random, sent: bytes) -> bytes:
    """What comes back for these bytes, in pieces of any size, until the gateway ends it."""
    received = b""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)

        async def send() -> None:
            size = dice.choice((1, 50, 1_000, 100_000)) if len(sent) < 5_000 else 65_536
            try:
                for start in range(0, len(sent), size):
                    await ours.send_all(sent[start : start + size])
                    if dice.random() < 0.05:
                        await trio.sleep(dice.random())
                if dice.random() < 0.5:
                    await ours.send_eof()
            except trio.BrokenResourceError:
                return

        nursery.start_soon(send)
        while data := await ours.receive_some():
            received += data
        nursery.cancel_scope.cancel()
    return received


def assert_responses(received: bytes) -> None:
    """Nothing but whole responses, or one that was cut off at the end of the connection."""
    client = h11.Connection(h11.CLIENT)
    client.receive_data(received)
    client.receive_data(b"")
    while True:
        client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        event: Any = None
        while not isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            event = client.next_event()
            if isinstance(event, h11.Response) and event.status_code >= 400:
                assert dict(event.headers).get(b"content-type") == b"application/json"
        if client.their_state is not h11.DONE or not client.trailing_data[0]:
            return
        client.start_next_cycle()


@pytest.mark.fuzz
async def test_whatever_is_sent_gets_answers_or_an_end_and_stops_nobody(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    steps = LongestStep()
    trio.lowlevel.add_instrument(steps)
    with structlog.testing.capture_logs() as lines:
        for dice in fuzz_rounds("requests"):
            sent = b"".join(any_request(dice) for _ in range(dice.choice((1, 1, 2, 5))))
            with trio.fail_after(1_000):
                received = await talk(gateway, dice, sent)
            if b"HEAD" not in sent:  # an answer to that has no body, which is not told from here
                assert_responses(received)
            assert steps.worst < PATIENCE, sent[:300]
            assert not [line for line in lines if line["log_level"] == "error"], sent[:300]
            lines.clear()
            gateway.traces.clear()
    trio.lowlevel.remove_instrument(steps)
    assert gateway.front_door.open_connections == 0
    assert len(gateway.front_door.newcomers) == 0
    assert gateway.reception.questions.taken == 0
    assert gateway.switchboard.open_turns == 0


async def test_a_good_request_of_this_grammar_is_answered(autojump_clock: MockClock) -> None:
    body = json.dumps(question()).encode()
    for sent_body, line in (
        (body, b"Content-Length: %d" % len(body)),
        (chunked(random.Random(2), body, is_good=True), b"Transfer-Encoding: chunked"),
    ):
        head = b"POST /sse/rokid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += b"Authorization: Bearer %s\r\n%s\r\n\r\n" % (KEY.encode(), line)
        received = await talk(Gateway(), random.Random(3), head + sent_body)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert_responses(received)
