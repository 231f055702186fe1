"""What links and turns may rely on, whichever implementation of the seam they meet at.

Another implementation joins MEETINGS, with a function that makes the two sides of one bot.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import trio
from meetings import IDLE, MEETINGS, ALink, Meeting, command, heed, opened

from eyeclaw_trio.core.turn_messages import (
    ForeignWord,
    LinkBack,
    LinkLost,
    LinkReplaced,
    PlaceGranted,
    QueuedOut,
)
from eyeclaw_trio.errors import BotBusy, BotOffline
from eyeclaw_trio.protocol.bot import Status, StreamChunk, StreamEnd, StreamError, StreamMessage
from eyeclaw_trio.protocol.to_bot import RunningTurns
from eyeclaw_trio.relay.turns import OpenTurn


@pytest.fixture(params=list(MEETINGS))
def at(request: pytest.FixtureRequest) -> Meeting:
    return MEETINGS[request.param]()


# ---- links --------------------------------------------------------------------------------------


async def test_a_bot_is_online_while_a_link_of_it_lives(at: Meeting) -> None:
    assert not at.is_online()
    link = ALink()
    with at.links.attached(link):
        assert at.is_online()
        assert (at.links.links, at.links.links_ever) == (1, 1)
        link.is_alive = False
        assert not at.is_online()
    assert (at.links.links, at.links.links_ever) == (0, 1)


async def test_a_bot_that_is_not_heard_is_not_online(at: Meeting) -> None:
    link = ALink()
    with at.links.attached(link):
        at.clock.now = 299.0
        assert at.is_online()
        at.links.heard(link, 299.0)
        at.clock.now = 598.0
        assert at.is_online()
        at.clock.now = 599.0
        assert not at.is_online()


async def test_a_link_that_is_not_attached_may_be_heard_all_the_same(at: Meeting) -> None:
    at.links.heard(ALink(), 1.0)
    assert not at.is_online()


async def test_open_turns_are_told_when_the_last_link_goes_and_one_is_back(at: Meeting) -> None:
    with ExitStack() as stack:
        with at.links.attached(ALink()):
            (turn,) = stack.enter_context(opened(at, "1"))
        assert heed(at, turn) == [LinkLost()]
        with at.links.attached(ALink()):
            assert heed(at, turn) == [LinkBack()]


async def test_a_turn_is_told_when_the_link_it_was_heard_on_goes_and_another_is_there(
    at: Meeting,
) -> None:
    old, new = ALink(), ALink()
    with at.links.attached(new), ExitStack() as stack:
        with at.links.attached(old):
            (turn,) = stack.enter_context(opened(at, "1"))
            assert old.commands == ["1"]
        assert heed(at, turn) == [LinkReplaced()]


async def test_the_newest_link_takes_new_turns_and_the_older_goes_when_its_own_is_over(
    at: Meeting,
) -> None:
    old, new = ALink(), ALink()
    with at.links.attached(old), ExitStack() as first:
        first.enter_context(opened(at, "1"))
        with at.links.attached(new), opened(at, "2") as (second,):
            assert (old.replacements, new.commands) == (0, [])  # the place is the bot's
            at.links.deliver(old, StreamEnd("1"))
            heed(at, second)
            assert new.commands == ["2"]
            assert old.replacements == 0  # its last words are still read
            first.close()
            assert old.replacements > 0
        assert new.replacements == 0


# ---- questions ----------------------------------------------------------------------------------


async def test_a_turn_is_refused_while_no_link_lives(at: Meeting) -> None:
    with pytest.raises(BotOffline), opened(at, "1"):
        pass
    link = ALink()
    with at.links.attached(link):
        link.is_alive = False
        with pytest.raises(BotOffline), opened(at, "1"):
            pass


async def test_a_command_is_sent_by_its_turn_and_by_nobody_else(at: Meeting) -> None:
    link = ALink()
    with at.links.attached(link), opened(at, "1", "2", sends=False) as (first, second):
        assert not first.is_waiting
        assert second.is_waiting
        assert link.commands == []
        assert heed(at, first) == [PlaceGranted()]
        assert link.commands == ["1"]
        assert heed(at, second) == []
        at.links.deliver(link, StreamEnd("1"))
        assert link.commands == ["1"]
        assert PlaceGranted() in heed(at, second)
        assert link.commands == ["1", "2"]


async def test_too_many_that_wait_are_refused_at_once(at: Meeting) -> None:
    with (
        at.links.attached(ALink()),
        opened(at, "1", "2", "3"),
        pytest.raises(BotBusy),
        opened(at, "4"),
    ):
        pass


async def test_who_fills_the_queue_leaves_it_for_another_and_is_told_that_the_bot_is_busy(
    at: Meeting,
) -> None:
    with at.links.attached(ALink()), ExitStack() as stack:

        def ask(name: str, owner: str) -> OpenTurn:
            opening = at.turns.open(command(name), overflow=trio.CancelScope(), owner=owner)
            turn = stack.enter_context(opening)
            heed(at, turn)
            return turn

        ask("busy", "greedy")
        waits, last = ask("waits", "greedy"), ask("last", "greedy")
        with pytest.raises(BotBusy):
            ask("one too many", "greedy")
        other = ask("other", "other")
        assert heed(at, last) == [QueuedOut("trace_1")]
        assert not last.is_waiting
        assert waits.is_waiting
        assert other.is_waiting


async def test_a_bot_that_takes_several_commands_gets_them_side_by_side(at: Meeting) -> None:
    link = ALink(capacity=3)
    with at.links.attached(link), opened(at, "1", "2", "3", "4"):
        assert link.commands == ["1", "2", "3"]


async def test_a_command_that_nobody_has_answered_is_sent_again_where_that_is_safe(
    at: Meeting,
) -> None:
    back, careless = ALink(can_resume=True), ALink()
    with ExitStack() as stack:
        with at.links.attached(ALink(can_resume=True)):
            (turn,) = stack.enter_context(opened(at, "1"))
        with at.links.attached(careless):
            heed(at, turn)
            assert careless.commands == []
        with at.links.attached(back):
            heed(at, turn)
            assert back.commands == ["1"]
            at.links.deliver(back, StreamChunk("1", "好", 0))
        with at.links.attached(third := ALink(can_resume=True)):
            heed(at, turn)
            assert third.commands == []  # it has been spoken of


async def test_a_bot_that_comes_back_is_told_of_the_turns_that_have_spoken(
    at: Meeting,
) -> None:
    """Its process may be a new one that knows nothing of them: then it says so at once."""
    with ExitStack() as stack:
        with at.links.attached(first := ALink(capacity=2, can_resume=True)):
            spoken, _ = stack.enter_context(opened(at, "1", "2"))
            at.links.deliver(first, StreamChunk("1", "好", 0))
        with at.links.attached(old_sdk := ALink(capacity=2)):
            assert old_sdk.told == []
            heed(at, spoken)
        with at.links.attached(back := ALink(capacity=2, can_resume=True)):
            assert back.told[0] == RunningTurns(("1",))
            heed(at, spoken)
            with at.links.attached(beside := ALink(capacity=2, can_resume=True)):
                assert beside.told == []  # the other may well be answering
            heed(at, spoken)
            at.links.deliver(back, StreamError("1", "gone", "cut_answer"))
            assert StreamError("1", "gone", "cut_answer") in heed(at, spoken)


async def test_a_command_that_found_no_link_is_sent_when_there_is_one(at: Meeting) -> None:
    dead, back = ALink(), ALink()
    with at.links.attached(dead), opened(at, "1", sends=False) as (turn,):
        dead.is_alive = False
        heed(at, turn)
        assert dead.commands == []
        with at.links.attached(back):
            heed(at, turn)
            assert back.commands == ["1"]


# ---- turns that are left ------------------------------------------------------------------------


async def test_a_turn_that_is_left_before_its_end_is_cancelled(at: Meeting) -> None:
    link = ALink()
    with at.links.attached(link):
        with opened(at, "1"):
            pass
        assert link.cancelled == ["1"]


async def test_a_turn_that_is_left_after_its_end_is_not(at: Meeting) -> None:
    link = ALink()
    with at.links.attached(link):
        with opened(at, "1"):
            at.links.deliver(link, StreamEnd("1"))
        assert link.cancelled == []


@pytest.mark.parametrize(("can_cancel", "commands"), [(True, ["1", "2"]), (False, ["1"])])
async def test_the_place_of_a_left_turn_is_free_at_once_where_the_bot_can_cancel(
    at: Meeting, can_cancel: bool, commands: list[str]
) -> None:
    link = ALink(can_cancel=can_cancel)
    with at.links.attached(link):
        with opened(at, "1"):
            pass
        with opened(at, "2"):
            assert link.commands == commands


@pytest.mark.parametrize("word", [StreamEnd("1"), StreamError("1", "no")])
async def test_the_place_of_a_left_turn_is_free_when_its_end_has_come(
    at: Meeting, word: StreamEnd | StreamError
) -> None:
    link = ALink()
    with at.links.attached(link):
        with opened(at, "1"):
            pass
        with opened(at, "2") as (turn,):
            at.links.deliver(link, StreamChunk("1", "还", 0))
            at.links.deliver(link, Status("1"))
            assert PlaceGranted() not in heed(at, turn)
            at.links.deliver(link, word)
            assert PlaceGranted() in heed(at, turn)


async def test_the_place_of_a_left_turn_is_free_after_silence_for_whoever_looks_then(
    at: Meeting,
) -> None:
    link = ALink()
    with at.links.attached(link):
        with opened(at, "1"):
            pass
        with opened(at, "2") as (turn,):
            assert at.turns.next_place_due() == IDLE
            at.clock.now = IDLE - 0.001
            at.turns.assign_places()
            assert turn.is_waiting
            at.clock.now = IDLE
            at.turns.assign_places()
            assert not turn.is_waiting


# ---- what a bot says ----------------------------------------------------------------------------


async def test_what_a_bot_says_comes_into_the_inbox_of_the_turn_in_order(at: Meeting) -> None:
    link = ALink(capacity=2)
    said: list[StreamMessage | Status] = [
        StreamChunk("1", "你", 0),
        Status("1"),
        StreamChunk("1", "好", 1),
        StreamEnd("1"),
    ]
    with at.links.attached(link), opened(at, "1", "2") as (turn, other):
        assert at.is_quiet()
        for message in said:
            at.links.deliver(link, message, 7.0)
        assert not at.is_quiet()
        assert turn.inbox.receive_nowait() == said
        assert turn.inbox.waiting_since == 7.0
        assert other.inbox.receive_nowait() == []
        assert at.is_quiet()


async def test_a_bot_speaks_for_its_own_turns_only(at: Meeting) -> None:
    link, stranger = ALink(), ALink()
    with at.links.attached(link), at.other.attached(stranger), opened(at, "1") as (turn,):
        at.other.deliver(stranger, StreamChunk("1", "假", 0))
        at.other.deliver(stranger, StreamEnd("1"))
        assert turn.inbox.receive_nowait() == [ForeignWord()]  # once is enough
        assert stranger.acknowledged == []


async def test_what_is_said_of_a_turn_that_is_over_is_acknowledged_and_dropped(
    at: Meeting,
) -> None:
    link = ALink()
    with at.links.attached(link):
        with opened(at, "1"):
            at.links.deliver(link, StreamChunk("1", "没读", 0))
        at.links.deliver(link, StreamChunk("1", "迟了", 1))
        at.links.deliver(link, StreamChunk("1", "没有号"))
        assert link.acknowledged == [("1", 0), ("1", 1)]


async def test_acknowledgements_go_to_the_link_that_the_turn_was_last_heard_on(
    at: Meeting,
) -> None:
    old, new = ALink(), ALink()
    with at.links.attached(old), opened(at, "1") as (turn,), at.links.attached(new):
        at.turns.acknowledge(turn, [0])
        at.links.deliver(new, StreamChunk("1", "好", 1))
        at.turns.acknowledge(turn, [1, 2])
        at.turns.acknowledge(turn, [])
        new.is_alive = False
        at.turns.acknowledge(turn, [3])
        assert old.acknowledged == [("1", 0), ("1", 3)]
        assert new.acknowledged == [("1", 1), ("1", 2)]


async def test_a_turn_that_reads_less_than_its_bot_says_is_cancelled(at: Meeting) -> None:
    link, overflow = ALink(), trio.CancelScope()
    with at.links.attached(link), at.turns.open(command("1"), overflow=overflow):
        at.links.deliver(link, StreamChunk("1", "x" * 1_000, 0))
        assert overflow.cancel_called
