"""The poller over real sockets: what is read and what is left, who has a turn, how it ends."""

from __future__ import annotations

import os
import select
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, pairwise
from types import SimpleNamespace

import pytest
import structlog
import trio
import trio.testing
from attrs import define, field
from socket_pairs import pair, reset, tcp_pair

from eyeclaw_trio.wire import poller as poller_module
from eyeclaw_trio.wire import streams
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.streams import EagerStream

# What is written to one end of a socket pair is there to be read at the other end at once, so
# `wait_all_tasks_blocked` returns only when all of it has been read that is going to be.
settle = trio.testing.wait_all_tasks_blocked


@asynccontextmanager
async def pairs(count: int) -> AsyncIterator[list[tuple[EagerStream, trio.SocketStream]]]:
    """So many of them."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pair()) for _ in range(count)]


@asynccontextmanager
async def running(poller: Poller) -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(poller.run)
        yield nursery
        nursery.cancel_scope.cancel()


def is_watching(poller: Poller) -> bool:
    return bool(poller._watches)


def leave_all(data: bytes) -> bytes:
    return data


@define(eq=False)
class Receiver:
    """One who receives in a task of its own, and what has become of it."""

    poller: Poller
    stream: EagerStream
    take: Callable[[bytes], bytes] = leave_all
    result: bytes | None = None
    error: Exception | None = None
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    task: trio.lowlevel.Task | None = None

    async def run(self) -> None:
        self.task = trio.lowlevel.current_task()
        with self.scope:
            try:
                self.result = await self.poller.receive(self.stream, self.take)
            except Exception as error:
                self.error = error


@define(eq=False)
class Taken:
    """A `take` that keeps all it gets, and leaves nothing until it gets `until`."""

    until: bytes | None = None
    pieces: list[bytes] = field(factory=list)

    def __call__(self, data: bytes) -> bytes:
        self.pieces.append(data)
        return data if data == self.until else b""


# ---- what is received ---------------------------------------------------------------------------


async def test_what_take_leaves_is_returned_and_the_reading_stops_there() -> None:
    poller, taken = Poller(), Taken()

    def leave_a_part(data: bytes) -> bytes:
        return taken(data) or data[2:]

    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"first")
        assert await poller.receive(ours, leave_a_part) == b"rst"
        assert not is_watching(poller)
        await theirs.send_all(b"second")
        await settle()
        assert taken.pieces == [b"first"]
        assert await poller.receive(ours, leave_a_part) == b"cond"
        assert taken.pieces == [b"first", b"second"]


async def test_what_comes_after_what_was_left_stays_in_the_system() -> None:
    poller = Poller()
    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"first")
        assert await poller.receive(ours, leave_all) == b"first"
        await theirs.send_all(b"second")
        await settle()
        assert ours.receive_nowait() == b"second"


async def test_several_arrivals_are_taken_without_waking_the_receiver() -> None:
    poller, taken = Poller(), Taken(until=b"last")
    steps: list[str] = []

    class Steps(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            if task is receiver.task:
                steps.append("receiver")

    async with pair() as (ours, theirs), running(poller) as nursery:
        receiver = Receiver(poller, ours, taken)
        nursery.start_soon(receiver.run)
        await settle()
        instrument = Steps()
        trio.lowlevel.add_instrument(instrument)
        for number in range(5):
            await theirs.send_all(b"%d" % number)
            await settle()
        assert taken.pieces == [b"0", b"1", b"2", b"3", b"4"]
        assert steps == []
        await theirs.send_all(b"last")
        await settle()
        trio.lowlevel.remove_instrument(instrument)
        assert receiver.result == b"last"
        assert steps == ["receiver"]


async def test_what_came_before_the_receiver_or_before_the_poller_is_received() -> None:
    poller = Poller()
    async with pair() as (ours, theirs), trio.open_nursery() as nursery:
        await theirs.send_all(b"early")
        receiver = Receiver(poller, ours)
        nursery.start_soon(receiver.run)
        await settle()
        assert receiver.result is None
        async with running(poller):
            await settle()
        assert receiver.result == b"early"


async def test_take_is_told_of_the_end_and_what_it_leaves_then_is_returned() -> None:
    poller, taken = Poller(), Taken()
    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"all")
        await theirs.send_eof()
        assert await poller.receive(ours, taken) == b""
        assert taken.pieces == [b"all", b""]
        assert not is_watching(poller)
        assert await poller.receive(ours, lambda data: b"held back" if not data else b"") == (
            b"held back"
        )


async def test_a_wake_up_for_nothing_is_waited_through(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    def read(number: int, size: int) -> bytes:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise BlockingIOError
        return os.read(number, size)

    poller = Poller()
    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"hello")
        monkeypatch.setattr(streams, "os", SimpleNamespace(read=read))
        assert await poller.receive(ours, leave_all) == b"hello"
    assert attempts == 2


async def test_a_thousand_receives_in_a_row_lose_and_repeat_nothing() -> None:
    poller = Poller()
    sent = b"".join(b"%d," % number for number in range(1_000))
    received = b""

    async def send() -> None:
        for start in range(0, len(sent), 7):
            await theirs.send_all(sent[start : start + 7])

    async with pair() as (ours, theirs), running(poller) as nursery:
        nursery.start_soon(send)
        while len(received) < len(sent):
            received += await poller.receive(ours, leave_all)
    assert received == sent


# ---- how it fails -------------------------------------------------------------------------------


async def test_what_take_raises_is_raised_in_receive_and_the_others_go_on() -> None:
    poller, taken = Poller(), Taken()

    def fail(_: bytes) -> bytes:
        raise LookupError("a bug")

    async with pairs(2) as [(ours, theirs), (good, good_peer)], running(poller) as nursery:
        nursery.start_soon(poller.receive, good, taken)
        await theirs.send_all(b"x")
        with pytest.raises(LookupError, match="a bug"):
            await poller.receive(ours, fail)
        await good_peer.send_all(b"still heard")
        await settle()
        assert taken.pieces == [b"still heard"]
        await theirs.send_all(b"y")
        assert await poller.receive(ours, leave_all) == b"y"


async def test_a_reset_by_the_peer_is_a_broken_stream_and_the_others_go_on() -> None:
    poller, taken = Poller(), Taken()
    async with (
        tcp_pair() as (ours, theirs),
        pair() as (good, good_peer),
        running(poller) as nursery,
    ):
        nursery.start_soon(poller.receive, good, taken)
        await reset(theirs)
        with pytest.raises(trio.BrokenResourceError):
            await poller.receive(ours, taken)
        await good_peer.send_all(b"still heard")
        await settle()
        assert taken.pieces == [b"still heard"]


async def test_a_closed_stream_is_not_received_from() -> None:
    poller = Poller()
    async with pair() as (ours, _), running(poller):
        await ours.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await poller.receive(ours, leave_all)
        assert not is_watching(poller)


# ---- cancellation -------------------------------------------------------------------------------


async def test_a_cancelled_receive_loses_nothing_and_leaves_nothing_behind() -> None:
    poller, taken = Poller(), Taken()
    async with pair() as (ours, theirs), running(poller) as nursery:
        receiver = Receiver(poller, ours, taken)
        nursery.start_soon(receiver.run)
        await theirs.send_all(b"before")
        await settle()
        receiver.scope.cancel()
        await theirs.send_all(b"after")
        await settle()
        assert receiver.scope.cancelled_caught
        assert not is_watching(poller)
        assert taken.pieces == [b"before"]
        assert await poller.receive(ours, leave_all) == b"after"


async def test_a_receive_that_is_cancelled_already_reads_nothing() -> None:
    poller, taken = Poller(), Taken()
    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"hello")
        with trio.CancelScope() as scope:
            scope.cancel()
            await poller.receive(ours, taken)
        assert scope.cancelled_caught
        await settle()
        assert taken.pieces == []
        assert not is_watching(poller)
        assert await poller.receive(ours, leave_all) == b"hello"


async def test_a_read_that_cancels_the_owner_of_another_socket_keeps_it_from_being_read() -> None:
    poller = Poller()
    read: list[bytes] = []

    def take(data: bytes) -> bytes:
        read.append(data)
        receivers[data == b"0"].scope.cancel()  # of the two, the one that is not read just now
        return data

    async with pairs(2) as lines, running(poller) as nursery:
        receivers = [Receiver(poller, ours, take) for ours, _ in lines]
        for receiver in receivers:
            nursery.start_soon(receiver.run)
        await settle()
        await lines[0][1].send_all(b"0")
        await lines[1][1].send_all(b"1")
        await settle()
        assert len(read) == 1
        number = int(read[0])
        assert receivers[number].result == read[0]
        assert not receivers[number].scope.cancelled_caught
        assert receivers[not number].scope.cancelled_caught
        assert not is_watching(poller)
        assert await poller.receive(lines[not number][0], leave_all) == b"%d" % (not number)


async def test_a_receiver_that_is_cancelled_after_it_was_read_still_gets_what_was_left() -> None:
    poller = Poller()
    read: list[bytes] = []

    def take(data: bytes) -> bytes:
        if read:
            receivers[int(read[0])].scope.cancel()  # it has been read, and has not run since
        read.append(data)
        return data

    async with pairs(2) as lines, running(poller) as nursery:
        receivers = [Receiver(poller, ours, take) for ours, _ in lines]
        for receiver in receivers:
            nursery.start_soon(receiver.run)
        await settle()
        await lines[0][1].send_all(b"0")
        await lines[1][1].send_all(b"1")
        await settle()
        assert [receiver.result for receiver in receivers] == [b"0", b"1"]
        assert not any(receiver.scope.cancelled_caught for receiver in receivers)


async def test_a_take_that_cancels_its_own_receiver_and_leaves_nothing_ends_that_one_only() -> None:
    await _cancel_from_within(lambda _: b"")


@pytest.mark.parametrize("way", ["leaves", "raises"])
async def test_a_take_that_cancels_its_own_receiver_and_ends_the_receive_is_no_bug(
    way: str,
) -> None:
    def fail(_: bytes) -> bytes:
        raise LookupError("a bug")

    await _cancel_from_within(leave_all if way == "leaves" else fail)


async def _cancel_from_within(after: Callable[[bytes], bytes]) -> None:
    """As where a link is aborted over a frame of its own, and goes on to sift what is behind."""
    poller, taken = Poller(), Taken()

    def take(data: bytes) -> bytes:
        receiver.scope.cancel()
        return after(data)

    with structlog.testing.capture_logs() as logs:
        async with pairs(2) as [(ours, theirs), (good, good_peer)], running(poller) as nursery:
            nursery.start_soon(poller.receive, good, taken)
            receiver = Receiver(poller, ours, take)
            nursery.start_soon(receiver.run)
            await settle()
            await theirs.send_all(b"x")
            await settle()
            assert receiver.scope.cancelled_caught
            await good_peer.send_all(b"still heard")
            await settle()
            assert taken.pieces == [b"still heard"]
    assert logs == []


# ---- turns --------------------------------------------------------------------------------------


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
    monkeypatch.setattr(poller_module, "RECEIVE_SIZE", 100)
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
    poller, taken = Poller(clock_of(0.003)), Taken()
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
        def _read(self, ready: Sequence[tuple[int, int]]) -> int:
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


# ---- watches ------------------------------------------------------------------------------------


@define(eq=False)
class Watcher:
    """The `take` of a watch: it keeps what it gets, and has enough of it with `until`."""

    until: bytes | None = b""
    pieces: list[bytes | None] = field(factory=list)

    def __call__(self, data: bytes | None) -> bool:
        self.pieces.append(data)
        return data != self.until


async def test_a_watch_takes_all_until_it_has_enough() -> None:
    poller, watcher = Poller(), Watcher(until=b"enough")
    async with pair() as (ours, theirs), running(poller):
        poller.watch(ours, watcher)
        for said in (b"one", b"two", b"enough", b"more"):
            await theirs.send_all(said)
            await settle()
        assert watcher.pieces == [b"one", b"two", b"enough"]
        assert not is_watching(poller)
        assert ours.receive_nowait() == b"more"


async def test_a_watch_ends_with_the_stream_whatever_take_says() -> None:
    poller, watcher = Poller(), Watcher(until=None)
    async with pair() as (ours, theirs), running(poller):
        poller.watch(ours, watcher)
        await theirs.send_eof()
        await settle()
        assert watcher.pieces == [b""]
        assert not is_watching(poller)


async def test_a_watch_is_told_of_a_broken_connection() -> None:
    poller = Poller()
    is_told = trio.Event()

    def take(data: bytes | None) -> bool:
        assert data is None
        is_told.set()
        return True

    async with tcp_pair() as (ours, theirs), running(poller):
        poller.watch(ours, take)
        await reset(theirs)
        await is_told.wait()
        assert not is_watching(poller)


async def test_a_watch_that_is_left_as_a_block_reads_no_more() -> None:
    poller, watcher = Poller(), Watcher()
    async with pair() as (ours, theirs), running(poller):
        with poller.watch(ours, watcher):
            await theirs.send_all(b"inside")
            await settle()
        await theirs.send_all(b"outside")
        await settle()
        assert watcher.pieces == [b"inside"]
        assert await poller.receive(ours, leave_all) == b"outside"


async def test_a_watch_that_another_read_ends_in_the_same_moment_is_not_read() -> None:
    poller = Poller()
    read: list[bytes | None] = []

    def take(data: bytes | None) -> bool:
        read.append(data)
        watches[data == b"0"].end()  # of the two, the one that is not read just now
        return True

    async with pairs(2) as lines, running(poller):
        watches = [poller.watch(ours, take) for ours, _ in lines]
        await lines[0][1].send_all(b"0")
        await lines[1][1].send_all(b"1")
        await settle()
        assert len(read) == 1
        for watch in watches:
            watch.end()


async def test_a_watch_that_has_ended_leaves_the_next_one_of_its_socket_alone() -> None:
    poller, watcher = Poller(), Watcher()
    async with pair() as (ours, theirs), running(poller):
        first = poller.watch(ours, watcher)
        first.end()
        with poller.watch(ours, watcher):
            first.end()
            await theirs.send_all(b"for the second")
            await settle()
        assert watcher.pieces == [b"for the second"]


async def test_a_bug_in_one_watch_ends_that_one_only() -> None:
    poller, watcher = Poller(), Watcher()

    def fail(_: bytes | None) -> bool:
        raise RuntimeError("a bug")

    with structlog.testing.capture_logs() as logs:
        async with pairs(2) as [(ours, theirs), (good, good_peer)], running(poller):
            poller.watch(ours, fail)
            with poller.watch(good, watcher):
                for said in (b"one", b"two"):
                    await theirs.send_all(said)
                    await good_peer.send_all(said)
                    await settle()
            assert not is_watching(poller)
    assert watcher.pieces == [b"one", b"two"]
    assert [each["event"] for each in logs] == ["poller.bug"]


async def test_a_watch_can_be_ended_after_the_poller() -> None:
    poller = Poller()
    async with pair() as (ours, _):
        async with running(poller):
            watch = poller.watch(ours, Watcher())
            await settle()
        watch.end()
        assert not is_watching(poller)


async def test_a_closed_stream_is_not_watched() -> None:
    poller = Poller()
    async with pair() as (ours, _):
        await ours.aclose()
        with pytest.raises(trio.ClosedResourceError):
            poller.watch(ours, Watcher())
        assert not is_watching(poller)


# ---- other systems ------------------------------------------------------------------------------


def test_where_there_is_no_epoll_there_is_no_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(Poller.where_possible(), Poller)
    monkeypatch.delattr(select, "epoll")
    assert Poller.where_possible() is None


async def test_a_socket_that_is_closed_while_it_is_received_from_breaks_nothing() -> None:
    poller = Poller()
    async with pair() as (ours, _), running(poller) as nursery:
        receiver = Receiver(poller, ours)
        nursery.start_soon(receiver.run)
        await settle()
        await trio.aclose_forcefully(ours)
        receiver.scope.cancel()
        await settle()
        assert not is_watching(poller)
