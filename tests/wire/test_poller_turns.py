"""A poller leaves everybody their turns, and how it ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count, pairwise

import pytest
import trio
import trio.testing
from passes import Passes
from polled_pairs import Receiver, Taken, is_watching, leave_all, pairs, running, settle
from socket_pairs import pair

from eyeclaw_trio.wire import poller as poller_module
from eyeclaw_trio.wire.poller import SOCKET_END, Poller, Watch
from eyeclaw_trio.wire.streams import EagerStream


async def looks_while(is_unfinished: Callable[[], bool], count: Callable[[], int]) -> list[int]:
    """What a task that never waits sees of a count each time that it has a turn."""
    seen = [count()]
    while is_unfinished():
        await trio.lowlevel.checkpoint()
        seen.append(count())
    return seen


async def test_a_flood_on_one_socket_leaves_other_tasks_their_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller_module, "FIRST_SIZE", 100)
    poller, taken = Poller(clock_of(0.002)), Taken()
    async with pair() as (ours, theirs), running(poller) as nursery:
        await theirs.send_all(b"x" * 10_000)
        nursery.start_soon(poller.receive, ours, taken)
        seen = await looks_while(lambda: len(taken.pieces) < 100, lambda: len(taken.pieces))
    # Which of two tasks comes first is for trio to say: at most two reads lie between two looks.
    assert max(b - a for a, b in pairwise(seen)) <= 2


def clock_of(step: float) -> Callable[[], float]:
    """Each look at it is so many seconds later than the one before."""
    return count(step=step).__next__


async def pieces_of(size: int, poller: Poller) -> list[int]:
    """The sizes in which so many bytes of one socket are read."""
    taken = Taken()
    async with pair() as (ours, theirs), running(poller) as nursery:
        await theirs.send_all(b"x" * size)
        nursery.start_soon(poller.receive, ours, taken)
        while sum(map(len, taken.pieces)) < size:
            await trio.lowlevel.checkpoint()
    return [len(piece) for piece in taken.pieces]


async def test_who_fills_what_was_asked_for_and_costs_little_is_read_in_larger_portions() -> None:
    sizes = await pieces_of(200_000, Poller(clock_of(0.0001)))
    assert sizes[:3] == [16_384, 32_768, 65_536]
    assert max(sizes) == 65_536


async def test_whose_bytes_cost_much_is_read_in_smaller_portions() -> None:
    sizes = await pieces_of(60_000, Poller(clock_of(0.005)))
    assert sizes[:4] == [16_384, 8_192, 4_096, 4_096]


async def test_others_have_a_turn_when_reading_has_taken_long() -> None:
    poller, taken = Poller(clock_of(0.009)), Taken()
    async with pairs(30) as lines, trio.open_nursery() as nursery:
        for ours, peer in lines:
            nursery.start_soon(poller.receive, ours, taken)
            await peer.send_all(b"x" * 100)
        await settle()
        async with running(poller):
            seen = await looks_while(lambda: len(taken.pieces) < 30, lambda: len(taken.pieces))
        nursery.cancel_scope.cancel()
    assert max(b - a for a, b in pairwise(seen)) <= 2 * 1


async def test_others_have_a_turn_between_many_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "AT_A_TIME", 3)
    poller, taken = Poller(), Taken()
    async with pairs(30) as lines, trio.open_nursery() as nursery:
        for ours, peer in lines:
            nursery.start_soon(poller.receive, ours, taken)
            await peer.send_all(b"x")
        await settle()
        async with running(poller):
            seen = await looks_while(lambda: len(taken.pieces) < 30, lambda: len(taken.pieces))
        nursery.cancel_scope.cancel()
    assert max(b - a for a, b in pairwise(seen)) <= 2 * 3


async def test_others_have_a_turn_between_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "BYTES_AT_A_TIME", 250)
    poller, taken = Poller(), Taken()
    async with pairs(30) as lines, trio.open_nursery() as nursery:
        for ours, peer in lines:
            nursery.start_soon(poller.receive, ours, taken)
            await peer.send_all(b"x" * 100)
        await settle()
        async with running(poller):
            seen = await looks_while(lambda: len(taken.pieces) < 30, lambda: len(taken.pieces))
        nursery.cancel_scope.cancel()
    assert max(b - a for a, b in pairwise(seen)) <= 2 * 3


async def test_bytes_that_are_left_count_as_those_that_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller_module, "BYTES_AT_A_TIME", 250)
    poller, taken = Poller(), Taken(until=b"x" * 100)
    async with pairs(30) as lines, trio.open_nursery() as nursery:
        for ours, peer in lines:
            nursery.start_soon(poller.receive, ours, taken)
            await peer.send_all(b"x" * 100)
        await settle()
        async with running(poller):
            seen = await looks_while(lambda: len(taken.pieces) < 30, lambda: len(taken.pieces))
    assert max(b - a for a, b in pairwise(seen)) <= 2 * 3


async def heard_during_flood(floods: int) -> list[int]:
    """Read sockets that are always full, and one that says a single word; returns which of the
    first hundred rounds of reading heard it."""
    heard: list[int] = []
    rounds = 0

    def fill() -> None:
        for _, peer in lines[:floods]:
            try:
                while True:
                    os.write(peer.socket.fileno(), bytes(65_536))
            except BlockingIOError:
                pass

    class CountingPoller(Poller):
        def _read(self, ready: Sequence[int]) -> int:
            nonlocal rounds
            rounds += 1
            count = super()._read(ready)
            fill()
            if rounds == 100:
                nursery.cancel_scope.cancel()
            return count

    def hear(data: bytes) -> bytes:
        heard.append(rounds)
        return b""

    poller = CountingPoller()
    async with pairs(floods + 1) as lines, trio.open_nursery() as nursery:
        fill()
        for ours, _ in lines[:floods]:
            nursery.start_soon(poller.receive, ours, Taken())
        await settle()
        await lines[-1][1].send_all(b"a word")
        nursery.start_soon(poller.receive, lines[-1][0], hear)
        await settle()
        nursery.start_soon(poller.run)
    return heard


async def test_a_flood_on_one_socket_leaves_another_socket_its_turn() -> None:
    assert await heard_during_flood(1) == [1]


async def test_floods_that_fill_a_round_leave_another_socket_its_turn() -> None:
    # Whatever the order: in so many rounds of at least four sockets each has had its turn.
    heard = await heard_during_flood(20)
    assert heard
    assert heard[0] <= 6


# ---- the end ------------------------------------------------------------------------------------


async def test_when_it_ends_its_file_is_closed_and_receivers_can_still_be_cancelled() -> None:
    poller = Poller()
    async with pair() as (ours, theirs), trio.open_nursery() as nursery:
        receiver = Receiver(poller, ours)
        async with running(poller):
            nursery.start_soon(receiver.run)
            await settle()
            file = poller._epoll
            assert file is not None
        assert file.closed
        await theirs.send_all(b"kept")
        await settle()
        assert receiver.result is None
        receiver.scope.cancel()
        await settle()
        assert receiver.scope.cancelled_caught
        assert not is_watching(poller)
        async with running(poller):
            assert await poller.receive(ours, leave_all) == b"kept"


async def test_it_ends_together_with_its_receivers() -> None:
    poller = Poller()
    async with pairs(5) as lines:
        async with trio.open_nursery() as nursery:
            for ours, _ in lines[:2]:
                nursery.start_soon(poller.receive, ours, leave_all)
            nursery.start_soon(poller.run)
            for ours, _ in lines[2:]:
                nursery.start_soon(poller.receive, ours, leave_all)
            await settle()
            nursery.cancel_scope.cancel()
        assert not is_watching(poller)


@pytest.mark.parametrize(("end_size", "in_a_pass"), [(1, 16), (5, 4)])
async def test_who_speaks_is_read_before_the_ends_of_a_crowd_and_these_some_at_a_time(
    end_size: int, in_a_pass: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "ENDS_AT_A_TIME", 16)
    poller = Poller(clock_of(0))
    heard: list[bytes | None] = []

    def take(data: bytes | None) -> bool:
        heard.append(data)
        return True

    async with pairs(201) as lines:
        for ours, _ in lines:
            poller.watch(ours, take, end_size=end_size)
        for _, theirs in lines[:-1]:
            await theirs.aclose()
        await lines[-1][1].send_all(b"a chunk")  # the kernel names it last
        async with running(poller):
            seen = await looks_while(lambda: len(heard) < 201, lambda: len(heard))
            await settle()
        assert heard == [b"a chunk", *[b""] * 200]
        assert max(b - a for a, b in pairwise(seen)) <= 2 * in_a_pass + 1


async def test_what_was_said_before_an_end_is_read_to_the_end_beside_other_ends() -> None:
    poller, taken = Poller(), [bytearray() for _ in range(40)]
    ends: list[int] = []

    def watch(number: int, stream: EagerStream) -> None:
        def take(data: bytes | None) -> bool:
            taken[number] += data or b""
            if data == b"":
                ends.append(number)
            return True

        poller.watch(stream, take)

    async with pairs(40) as lines, running(poller):
        for number, (ours, theirs) in enumerate(lines):
            await theirs.send_all(b"x" * 50_000)
            await theirs.send_eof()
            watch(number, ours)
        await settle()
        assert sorted(ends) == list(range(40))
        assert {bytes(each) for each in taken} == {b"x" * 50_000}
        assert not is_watching(poller)


async def test_one_that_was_ended_while_its_end_waited_is_not_read() -> None:
    poller = Poller(clock_of(1))  # each read is a long one: one at a time
    heard: list[int] = []
    async with pairs(3) as lines:
        watches: list[Watch] = []

        def watch(number: int, stream: EagerStream) -> None:
            def take(_: bytes | None) -> bool:
                heard.append(number)
                for other in watches:
                    other.end()
                return True

            watches.append(poller.watch(stream, take))

        for number, (ours, theirs) in enumerate(lines):
            watch(number, ours)
            await theirs.aclose()
        async with running(poller):
            await settle()
        assert len(heard) == 1
        assert not is_watching(poller)


async def test_thousands_who_wait_to_be_read_by_somebody_else_go_on_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller_module, "BYTES_AT_A_TIME", 7 * len(poller_module.SOMETHING))
    poller, passes, heard = Poller(clock_of(0)), Passes(), list[bytes]()

    async def hear(ours: EagerStream) -> None:
        ours.wait_with(poller)
        heard.append(await ours.receive_some())
        passes.count += 1

    async with pairs(100) as lines, running(poller) as nursery:
        for ours, _ in lines:
            nursery.start_soon(hear, ours)
        await settle()
        for _, theirs in lines:
            os.write(theirs.socket.fileno(), b"a word")
        with passes.counted(), trio.fail_after(5):
            while len(heard) < 100:
                await trio.lowlevel.checkpoint()
        assert heard == [b"a word"] * 100
        assert passes.most <= 8
        assert not is_watching(poller)


async def test_an_end_is_heard_of_by_who_waits_to_read_it_and_a_cancelled_wait_loses_nothing() -> (
    None
):
    poller = Poller()
    async with pair() as (ours, theirs), running(poller):
        ours.wait_with(poller)
        with trio.move_on_after(0):
            await ours.receive_some()
        assert not is_watching(poller)
        await theirs.send_all(b"last word")
        await theirs.aclose()
        with trio.fail_after(5):
            assert [await ours.receive_some() for _ in range(2)] == [b"last word", b""]
        assert not is_watching(poller)


async def test_websockets_that_end_in_one_instant_end_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller_module, "ENDS_AT_A_TIME", 16)
    poller, ended = Poller(clock_of(0)), list[EagerStream]()

    async def hear(ours: EagerStream) -> None:
        assert await poller.receive(ours, leave_all) == b""
        ended.append(ours)

    async with pairs(100) as lines, running(poller) as nursery:
        for ours, _ in lines:
            nursery.start_soon(hear, ours)
        await settle()
        for _, theirs in lines:
            theirs.socket.close()
        seen = await looks_while(lambda: len(ended) < 100, lambda: len(ended))
        assert max(b - a for a, b in pairwise(seen)) <= 2 * 16 // SOCKET_END
