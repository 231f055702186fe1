"""What all turns of one bot are told they are told some at a time, each in its order."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import trio.testing
from meetings import ALink, heed, make_station, opened

from eyeclaw_trio.core.turn_messages import TurnMessage
from eyeclaw_trio.protocol.bot import StreamChunk
from eyeclaw_trio.relay import told_turns

SOME = 4
NAMES = [f"turn {number}" for number in range(5 * SOME)]


@pytest.fixture(autouse=True)
def _some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_turns, "AT_A_TIME", SOME)


def kinds(messages: list[TurnMessage]) -> list[str]:
    return [type(each).__name__ for each in messages]


async def test_a_bot_that_goes_and_comes_back_tells_its_turns_some_at_a_time_in_order() -> None:
    at = make_station()
    with ExitStack() as stack:
        with at.links.attached(ALink(capacity=100, can_resume=True)):
            turns = stack.enter_context(opened(at, *NAMES))
        assert [kinds(turn.inbox.receive_nowait()) for turn in turns[:SOME]] == [
            ["LinkLost"]
        ] * SOME
        assert [turn.inbox.receive_nowait() for turn in turns[SOME:]] == [[]] * (len(NAMES) - SOME)
        back = ALink(capacity=100, can_resume=True)
        with at.links.attached(back):
            await trio.testing.wait_all_tasks_blocked()
            for turn in turns[SOME:]:
                assert kinds(heed(at, turn)) == ["LinkLost", "LinkBack", "PlaceGranted"]
            for turn in turns[:SOME]:
                assert kinds(heed(at, turn)) == ["LinkBack", "PlaceGranted"]
            assert sorted(back.commands) == sorted(NAMES)


async def test_a_word_of_its_bot_comes_behind_what_a_turn_still_has_to_be_told() -> None:
    at = make_station()
    with ExitStack() as stack:
        with at.links.attached(ALink(capacity=100, can_resume=True)):
            turns = stack.enter_context(opened(at, *NAMES))
        link = ALink(capacity=100, can_resume=True)
        with at.links.attached(link):
            at.links.deliver(link, StreamChunk(NAMES[-1], "好", 0))
            found = kinds(heed(at, turns[-1]))
            assert found == ["LinkLost", "LinkBack", "PlaceGranted", "StreamChunk"]
            assert heed(at, turns[-2]) == []


async def test_a_turn_that_is_over_is_told_nothing_more_and_keeps_nothing_from_others() -> None:
    at = make_station()
    with ExitStack() as stack, ExitStack() as early:
        with at.links.attached(ALink(capacity=100, can_resume=True)):
            turns = stack.enter_context(opened(at, *NAMES[::2]))
            early.enter_context(opened(at, *NAMES[1::2]))
        early.close()
        await trio.testing.wait_all_tasks_blocked()
        assert [kinds(heed(at, turn)) for turn in turns] == [["LinkLost"]] * len(turns)
