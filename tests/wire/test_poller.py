"""The poller over real sockets: what is read and what is left, who has a turn, how it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import structlog
import trio
import trio.testing
from polled_pairs import Receiver, Taken, is_watching, leave_all, pairs, running, settle
from socket_pairs import pair, reset, tcp_pair

from eyeclaw_trio.wire import streams
from eyeclaw_trio.wire.poller import Poller

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


async def test_whoever_takes_no_more_for_now_is_not_taken_for_one_at_the_end() -> None:
    poller = Poller()

    def pause(data: bytes) -> None:
        assert data == b"much"

    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"much")
        assert await poller.receive(ours, pause) is None
        assert not is_watching(poller)
        await theirs.send_all(b"more")
        assert await poller.receive(ours, leave_all) == b"more"


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


async def test_the_end_is_nothing_received_and_take_is_not_asked() -> None:
    poller, taken = Poller(), Taken()
    async with pair() as (ours, theirs), running(poller):
        await theirs.send_all(b"all")
        await theirs.send_eof()
        assert await poller.receive(ours, taken) == b""
        assert taken.pieces == [b"all"]
        assert not is_watching(poller)
        assert await poller.receive(ours, leave_all) == b""


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
            received += await poller.receive(ours, leave_all) or b""
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
