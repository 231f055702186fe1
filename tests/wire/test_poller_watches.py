"""Watches of a poller, and systems that have none."""

from __future__ import annotations

import select

import pytest
import structlog
import trio
import trio.testing
from attrs import define, field
from polled_pairs import Receiver, is_watching, leave_all, pairs, running, settle
from socket_pairs import pair, reset, tcp_pair

from eyeclaw_trio.wire.poller import Poller


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
