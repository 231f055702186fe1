"""What is logged about one peer: some lines a minute, and how many were left out."""

from __future__ import annotations

import structlog
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from eyeclaw_trio.core.throttle import ADDRESSES, LINES, WINDOW, LineThrottle
from eyeclaw_trio.wire.peer_log import PeerLog


async def test_ten_lines_a_minute_are_written_and_the_rest_is_counted(
    autojump_clock: MockClock,
) -> None:
    log = PeerLog()
    with structlog.testing.capture_logs() as lines:
        for number in range(LINES + 7):
            log.info("192.0.2.1", "gate.refused", number=number)
            await trio.sleep(1)
        log.warning("192.0.2.2", "other", path="/")
        await trio.sleep(WINDOW)
        log.info("192.0.2.1", "gate.refused", number=99)
    assert [line.get("number") for line in lines[:LINES]] == list(range(LINES))
    assert lines[LINES:] == [
        {"event": "other", "log_level": "warning", "peer": "192.0.2.2", "path": "/"},
        {
            "event": "peer.lines_left_out",
            "log_level": "warning",
            "peer": "192.0.2.1",
            "lines": 7,
            "seconds": WINDOW,
        },
        {"event": "gate.refused", "log_level": "info", "peer": "192.0.2.1", "number": 99},
    ]


async def test_a_bug_that_a_peer_has_found_is_told_with_its_traceback_and_not_for_ever() -> None:
    log = PeerLog()
    with structlog.testing.capture_logs() as lines:
        for _ in range(LINES + 5):
            try:
                raise ValueError("a bug")
            except ValueError:
                log.exception("192.0.2.1", "request.bug", path="/")
    assert len(lines) == LINES
    assert lines[0]["exc_info"]
    assert (lines[0]["log_level"], lines[0]["path"]) == ("error", "/")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=200))
def test_every_line_is_either_written_or_counted(said: list[tuple[int, int]]) -> None:
    throttle = LineThrottle()
    now, written, counted = 0.0, 0, 0
    for peer, pause in said:
        now += pause
        counted += sum(lines for _, lines in throttle.close(now))
        written += throttle.admit(str(peer), now)
    counted += sum(lines for _, lines in throttle.close(now + WINDOW))
    assert written + counted == len(said)


def test_peers_are_remembered_in_bounded_memory_and_their_counts_are_not_lost() -> None:
    throttle = LineThrottle()
    for _ in range(LINES + 1):
        throttle.admit("first", 0.0)
    left_out = []
    for number in range(ADDRESSES + 100):
        left_out += throttle.close(1.0)
        throttle.admit(str(number), 1.0)
    assert left_out == [("first", 1)]
    assert len(throttle._windows) == ADDRESSES
