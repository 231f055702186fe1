"""The connections that have not shown a key: who makes room for whom."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.wire import admission as admissions
from eyeclaw_trio.wire.newcomers import BY_THEMSELVES, NEWCOMERS, Newcomer, Newcomers
from eyeclaw_trio.wire.poller import Poller
from eyeclaw_trio.wire.streams import PatientStream, Waits


def enter(newcomers: Newcomers, name: str, ended: list[str]) -> Newcomer:
    newcomer = newcomers.enter()
    newcomer.ends_with(lambda: ended.append(name))
    return newcomer


def test_the_one_that_has_waited_longest_makes_room_for_the_next() -> None:
    ended: list[str] = []
    newcomers = Newcomers()
    for number in range(NEWCOMERS):
        enter(newcomers, str(number), ended)
    assert ended == []
    enter(newcomers, "next", ended)
    enter(newcomers, "after", ended)
    assert ended == ["0", "1"]
    assert (len(newcomers), newcomers.turned_out) == (NEWCOMERS, 2)


def test_who_has_shown_a_key_or_is_gone_needs_no_room_and_never_makes_any() -> None:
    ended: list[str] = []
    newcomers = Newcomers(limit=2)
    good = enter(newcomers, "good", ended)
    enter(newcomers, "silent", ended)
    assert good.vouch("key")
    enter(newcomers, "third", ended)
    assert ended == []
    assert good.vouch("key")  # once more is as good
    enter(newcomers, "fourth", ended)
    assert ended == ["silent"]


def test_who_cannot_be_ended_now_ends_as_soon_as_it_can() -> None:
    newcomers = Newcomers(limit=1)
    first = newcomers.enter()
    second = newcomers.enter()
    assert (first.is_unwanted, second.is_unwanted, len(newcomers)) == (True, False, 1)
    ended: list[str] = []
    first.ends_with(lambda: ended.append("first"))
    assert ended == ["first"]


def test_of_the_connections_that_there_may_be_one_key_gets_three_quarters() -> None:
    newcomers = Newcomers(connections=100)
    greedy = [newcomers.enter() for _ in range(100)]
    assert sum(each.vouch("greedy") for each in greedy) == 75
    assert len(newcomers) == 25
    other = newcomers.enter()
    assert other.vouch("other")
    assert not other.vouch("greedy")  # which leaves it whose it is
    assert newcomers.owned.of("other") == 1
    greedy[0].end()
    assert greedy[99].vouch("greedy")
    other.end()
    other.end()
    assert newcomers.owned.of("other") == 0


def test_a_connection_that_shows_another_key_is_counted_for_that_one() -> None:
    newcomers = Newcomers()
    connection = newcomers.enter()
    assert connection.vouch("first")
    assert connection.vouch("second")
    assert (newcomers.owned.of("first"), newcomers.owned.of("second")) == (0, 1)


def test_what_a_connection_costs_is_counted_for_its_key_and_goes_with_it() -> None:
    newcomers = Newcomers(memory=Shares(60_000))
    connection = newcomers.enter(size=10_000)
    assert connection.hold(5_000)  # nobody's yet
    assert newcomers.memory.taken == 0
    assert connection.vouch("first")
    assert connection.hold(5_000)
    assert newcomers.memory.of("first") == connection.size == 20_000
    assert connection.hold(20_000)
    assert not connection.hold(1)
    assert not newcomers.enter(size=1).vouch("first")
    connection.let_go(30_000)
    assert newcomers.enter(size=1).vouch("first")
    assert connection.vouch("second")
    assert (newcomers.memory.of("first"), newcomers.memory.of("second")) == (1, 10_000)
    connection.end()
    connection.end()
    assert newcomers.memory.taken == 1


def test_who_is_counted_elsewhere_is_no_newcomer_either() -> None:
    newcomers = Newcomers()
    assert newcomers.enter().vouch()
    assert (len(newcomers), newcomers.owned.taken) == (0, 0)


async def test_of_a_crowd_that_has_shown_a_key_few_go_on_in_a_pass_and_keys_in_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admissions, "LONG_PASS", -1.0)  # whatever they take
    newcomers = Newcomers()
    greedy, other = [newcomers.enter() for _ in range(200)], newcomers.enter()
    assert all(each.vouch("greedy") for each in greedy)
    assert other.vouch("other")
    order: list[Newcomer] = []

    async def ask(newcomer: Newcomer) -> None:
        await newcomer.admission(b"GET /")
        order.append(newcomer)

    async with trio.open_nursery() as nursery:
        for each in greedy:
            nursery.start_soon(ask, each)
        await trio.lowlevel.checkpoint()
        nursery.start_soon(ask, other)
        for _ in range(10):
            before = len(order)
            await trio.lowlevel.checkpoint()
            assert len(order) - before <= 2 * admissions.AT_LEAST
        with trio.testing.assert_no_checkpoints():
            await newcomers.enter().admission(b"GET /")  # newcomers have a line of their own
    assert order.index(other) < 5 * admissions.AT_LEAST
    assert len(order) == 201


def test_of_a_key_with_many_connections_the_later_ones_wait_where_some_go_on_at_a_time() -> None:
    class Stream(PatientStream):
        waits: Waits | None = None

        def wait_with(self, waits: Waits) -> None:
            self.waits = waits

    poller = Poller()
    newcomers = Newcomers(waits=poller)
    streams = [Stream(trio.testing.memory_stream_pair()[0]) for _ in range(BY_THEMSELVES + 3)]
    for stream in streams:
        newcomers.enter(stream=stream).vouch("key")
    other = Stream(trio.testing.memory_stream_pair()[0])
    newcomers.enter(stream=other).vouch("another key")
    assert [stream.waits for stream in streams] == [None] * BY_THEMSELVES + [poller] * 3
    assert other.waits is None
