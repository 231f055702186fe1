"""What has begun and is not there to its end: counted, bounded, and the oldest makes room."""

from __future__ import annotations

from attrs import define

from eyeclaw_trio.wire.unfinished import COUNTED_FROM, Unfinished


@define(eq=False)
class Begun:
    """A socket on which a message has begun."""

    is_aborted: bool = False

    def abort(self) -> None:
        self.is_aborted = True


async def test_the_one_that_began_longest_ago_makes_room_however_it_grew() -> None:
    unfinished = Unfinished(limit=10 * COUNTED_FROM)
    oldest, other, newest = Begun(), Begun(), Begun()
    unfinished.note(oldest, COUNTED_FROM)
    unfinished.note(other, 6 * COUNTED_FROM)
    unfinished.note(oldest, 4 * COUNTED_FROM)
    assert not oldest.is_aborted
    unfinished.note(newest, COUNTED_FROM)
    assert [each.is_aborted for each in (oldest, other, newest)] == [True, False, False]
    assert unfinished.total == 7 * COUNTED_FROM


async def test_what_is_whole_or_small_counts_for_nothing() -> None:
    unfinished = Unfinished(limit=10 * COUNTED_FROM)
    sockets = [Begun() for _ in range(100)]
    for socket in sockets:
        unfinished.note(socket, COUNTED_FROM - 1)
        unfinished.note(socket, 2 * COUNTED_FROM)
        unfinished.note(socket, 0)
    assert unfinished.total == 0
    assert not any(socket.is_aborted for socket in sockets)


async def test_one_that_is_too_large_by_itself_makes_room_for_nobody() -> None:
    unfinished = Unfinished(limit=COUNTED_FROM)
    socket = Begun()
    unfinished.note(socket, 2 * COUNTED_FROM)
    assert socket.is_aborted
    assert unfinished.total == 0
