"""What waits for peers: how much of one, and of all that one owner has."""

from __future__ import annotations

import sys
from typing import cast

import pytest
import trio
import trio.testing

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import HungUp
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.outbox import OUTBOX_LIMIT, OWN, UNTRIED, Outbox

BIG = b"x" * 100_000


class Line:
    """A stream whose peer takes what it `takes`, and the rest when it is told to."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.written = b""
        self.goes_on = trio.Event()

    def write_nowait(self, data: bytes) -> bool:
        self.written += data
        return self.takes

    async def send_all(self, data: bytes) -> None:
        await self.goes_on.wait()
        self.written += data


class Cut(Line):
    """One whose peer is gone."""

    def write_nowait(self, data: bytes) -> bool:
        raise trio.BrokenResourceError


def stream(line: Line) -> FrameStream:
    return cast(FrameStream, line)


def opened(shares: Shares, owner: str = "bot") -> Outbox:
    outbox = Outbox(OUTBOX_LIMIT, shares.portion(owner))
    outbox.open()
    return outbox


async def test_what_is_small_is_not_counted_and_what_is_written_takes_nothing() -> None:
    shares, line = Shares(1_000_000), Line()
    outbox = opened(shares)
    assert outbox.put([b"x" * OWN])
    assert shares.taken == 0
    assert outbox.put([BIG])
    assert shares.of("bot") == len(BIG)
    assert outbox.write_nowait(stream(line), parting=False)
    assert shares.taken == 0
    assert line.written == b"x" * OWN + BIG


async def test_what_is_on_its_way_to_a_slow_peer_is_counted_until_it_is_out() -> None:
    shares, line = Shares(1_000_000), Line(takes=False)
    outbox = opened(shares)
    assert outbox.put([BIG])
    assert not outbox.write_nowait(stream(line), parting=False)
    assert shares.of("bot") == len(BIG)
    assert outbox.put([BIG])
    assert shares.of("bot") == 2 * len(BIG)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.write_rest, stream(line))
        await trio.testing.wait_all_tasks_blocked()
        assert shares.of("bot") == 2 * len(BIG)
        line.goes_on.set()
    assert shares.taken == 0


async def test_all_sockets_of_one_owner_share_and_another_owner_has_his_part() -> None:
    shares = Shares(10 * len(BIG))
    mine = [opened(shares) for _ in range(6)]
    assert [outbox.put([BIG]) for outbox in mine] == [True] * 5 + [False]
    assert opened(shares, "other").put([BIG])
    for outbox in mine:
        outbox.end()
    assert shares.of("bot") == 0
    with pytest.raises(HungUp):
        await mine[0].drain()


async def test_one_socket_may_have_some_times_its_limit_within_a_moment_and_no_more() -> None:
    outbox = opened(Shares(100 * OUTBOX_LIMIT))
    assert outbox.put([b"x" * UNTRIED * OUTBOX_LIMIT])
    assert not outbox.put([b"x"])


async def test_a_socket_that_has_ended_keeps_nothing_of_what_waited() -> None:
    """A bot's place remembers its link for a minute, and with it all that the link was told."""
    outbox, frame = opened(Shares(1_000_000)), bytes(100_000)
    before = sys.getrefcount(frame)
    outbox.put([frame])
    assert sys.getrefcount(frame) > before
    outbox.end()
    assert sys.getrefcount(frame) == before


async def test_what_could_not_be_written_is_not_waited_for_in_vain_nor_taken_for_written() -> None:
    outbox = opened(Shares(1_000_000))
    assert outbox.put([b"x"])
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(HungUp):
                await outbox.drain()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            outbox.write_nowait(stream(Cut()), parting=False)
    with pytest.raises(HungUp):
        await outbox.drain()
