"""Whose turn a bot is busy with: by example, and against a slow and simple model at random."""

from __future__ import annotations

import math

import pytest
from link_by_hand import IDLE, ALink, make_places

from eyeclaw_trio.core.places import SETTLES_WITHIN, Place, Places, Stage
from eyeclaw_trio.errors import BotBusy


def begun(places: Places[ALink], session_id: str, now: float = 0.0) -> Place[ALink]:
    """A turn whose command has been sent."""
    place = places.ask(session_id, f"trace {session_id}", now)
    assert places.grant(now) == [place]
    assert places.begin(place, now) is not None
    return place


# ---- places and the queue -----------------------------------------------------------------------


def test_turns_get_their_places_in_order_as_far_as_the_newest_link_has_some() -> None:
    places = make_places()
    places.attach(ALink(capacity=2), 0.0)
    one, two, three, four = (places.ask(name, "trace", 0.0) for name in "1234")
    assert places.grant(0.0) == [one, two]
    assert (places.taken, places.waiting) == (2, 2)
    places.begin(two, 0.0)
    assert places.end(two)
    assert places.grant(1.0) == [three]
    assert places.leave(four, 0.0) is None
    assert (places.taken, places.waiting) == (2, 0)


def test_too_many_that_wait_are_refused_and_told_whose_turn_it_is() -> None:
    places = make_places(queue_limit=1)
    places.attach(ALink(), 0.0)
    begun(places, "busy")
    assert places.ask("waits", "trace", 1.0).held_by == "trace busy"
    with pytest.raises(BotBusy) as refused:
        places.ask("refused", "trace", 2.0)
    assert refused.value.held_by == "trace busy"


def test_whoever_fills_the_queue_leaves_a_place_in_it_to_others_and_has_all_of_it_alone() -> None:
    places = make_places(queue_limit=3)
    places.attach(ALink(), 0.0)
    begun(places, "busy")
    greedy = [places.ask(f"greedy {n}", "trace", 1.0, owner="greedy") for n in range(3)]
    assert places.make_room("greedy") is None
    with pytest.raises(BotBusy):
        places.ask("one too many", "trace", 2.0, owner="greedy")
    assert places.make_room("other") is greedy[2]
    assert (greedy[2].stage, greedy[2].held_by) == (Stage.OVER, "trace busy")
    other = places.ask("other", "trace", 3.0, owner="other")
    assert places.make_room("other") is None  # two to one is a fair share of three
    assert places.leave(greedy[2], 0.0) is None  # it is out of the queue, and takes nobody along
    assert places.waiting == 3
    assert places.leave(other, 0.0) is None
    assert places.waiting == 2


def test_owners_get_their_places_in_turns() -> None:
    places = make_places(queue_limit=6)
    places.attach(ALink(), 0.0)
    busy = begun(places, "busy")
    for number in range(4):
        places.ask(f"greedy {number}", "trace", 1.0, owner="greedy")
    places.ask("other", "trace", 2.0, owner="other")
    order = []
    for _ in range(5):
        places.end(busy)
        [busy] = places.grant(3.0)
        order.append(busy.session_id)
    assert order == ["greedy 0", "other", "greedy 1", "greedy 2", "greedy 3"]


def test_of_several_the_one_that_is_silent_for_longest_is_said_to_hold_the_place() -> None:
    places, link = make_places(), ALink(capacity=2)
    places.attach(link, 0.0)
    one, _ = begun(places, "1", 0.0), begun(places, "2", 1.0)
    one.hear(link, 5.0)
    assert places.ask("3", "trace", 6.0).held_by == "trace 2"


def test_a_command_is_sent_once_and_only_by_a_turn_that_has_its_place() -> None:
    places, link = make_places(), ALink()
    places.attach(link, 0.0)
    place = places.ask("1", "trace", 0.0)
    assert places.begin(place, 0.0) is None
    places.grant(0.0)
    assert places.begin(place, 0.0) is link
    assert places.begin(place, 0.0) is None


def test_an_end_frees_the_place_once() -> None:
    places = make_places()
    places.attach(ALink(), 0.0)
    place = begun(places, "1")
    assert places.end(place)
    assert not places.end(place)
    assert places.leave(place, 0.0) is None


# ---- turns that are left ------------------------------------------------------------------------


def test_a_left_turn_holds_its_place_until_the_bot_was_silent_for_the_idle_timeout() -> None:
    places, link = make_places(), ALink()
    places.attach(link, 0.0)
    place = begun(places, "1")
    assert places.leave(place, 0.0) is link
    waiting = places.ask("2", "trace", 1.0)
    place.hear(link, 30.0)
    assert places.find_left("1") is place
    assert places.free_at() == 90.0
    assert places.grant(90.0 - 0.001) == []
    assert places.grant(90.0) == [waiting]
    assert places.free_at() == math.inf


def test_a_place_that_is_left_because_of_silence_is_free_at_once() -> None:
    places, link = make_places(), ALink()
    places.attach(link, 0.0)
    places.leave(begun(places, "1"), IDLE - 0.001)
    assert places.taken == 1
    places.leave(begun(places, "2", IDLE), 2 * IDLE)
    assert places.taken == 0


def test_a_bot_that_can_cancel_is_free_as_soon_as_it_is_told() -> None:
    places, link = make_places(), ALink(can_cancel=True)
    places.attach(link, 0.0)
    assert places.leave(begun(places, "1"), 0.0) is link
    assert places.taken == 0


def test_a_turn_that_leaves_before_it_has_asked_tells_nobody() -> None:
    places = make_places()
    places.attach(ALink(), 0.0)
    place = places.ask("1", "trace", 0.0)
    places.grant(0.0)
    assert places.leave(place, 0.0) is None
    assert places.taken == 0


def test_left_turns_are_cancelled_on_the_link_that_comes_next() -> None:
    places, gone, back = make_places(), ALink(can_cancel=True), ALink(can_cancel=True)
    places.attach(gone, 0.0)
    place = begun(places, "1")
    gone.is_alive = False
    places.detach(gone)
    assert places.leave(place, 0.0) is None
    assert places.taken == 1
    assert places.attach(back, 5.0) == [place]
    assert places.taken == 0


@pytest.mark.parametrize(
    ("heard", "back", "free"),
    [
        (0.0, 5.0, 20.0),  # the resume grace of silence about that turn
        (10.0, 15.0, 30.0),
        (0.0, 40.0, 40.0 + SETTLES_WITHIN),  # silent for long: the new process has to settle
        (0.0, 59.5, 60.0),  # never later than without a new link
    ],
)
def test_a_left_place_is_free_sooner_when_the_bot_has_linked_anew(
    heard: float, back: float, free: float
) -> None:
    places, old, new = make_places(), ALink(), ALink()
    places.attach(old, 0.0)
    place = begun(places, "1")
    place.hear(old, heard)
    places.leave(place, 0.0)
    old.is_alive = False
    places.detach(old)
    assert places.free_at() == math.inf
    places.attach(new, back)
    assert places.free_at() == free
    # Who is heard on the new link is no new process.
    place.hear(new, back + 0.1)
    assert places.free_at() == back + 0.1 + IDLE


# ---- links that come and go ---------------------------------------------------------------------


def test_the_newest_link_that_lives_takes_the_next_command() -> None:
    places, one, two = make_places(), ALink(), ALink()
    places.attach(one, 0.0)
    places.attach(two, 0.0)
    assert places.newest is two
    two.is_alive = False
    assert places.newest is one


def test_an_older_link_is_not_sent_away_while_the_newer_one_is_about_to_end() -> None:
    places, old, ending = make_places(), ALink(), ALink()
    places.attach(old, 0.0)
    places.attach(ending, 1.0)
    ending.is_alive = False
    assert list(places.retiring()) == []


def test_an_older_link_that_remains_is_no_link_anew() -> None:
    places, old, new = make_places(), ALink(), ALink()
    places.attach(old, 0.0)
    places.attach(new, 1.0)
    place = begun(places, "1", 2.0)
    places.leave(place, 2.0)
    new.is_alive = False
    places.detach(new)
    assert places.free_at() == 62.0


def test_a_command_that_found_no_link_is_granted_again_when_there_is_one() -> None:
    places, dead, new = make_places(), ALink(), ALink()
    places.attach(dead, 0.0)
    place = places.ask("1", "trace", 0.0)
    places.grant(0.0)
    dead.is_alive = False
    assert places.begin(place, 0.0) is None
    places.attach(new, 1.0)
    assert places.grant_again(1.0) == [place]
    assert places.grant_again(1.0) == []
    assert places.begin(place, 1.0) is new


@pytest.mark.parametrize(("can_resume", "is_again"), [(True, True), (False, False)])
def test_a_command_that_may_have_died_with_its_link_is_granted_again_where_that_is_safe(
    can_resume: bool, is_again: bool
) -> None:
    places, old, new = make_places(), ALink(), ALink(can_resume=can_resume)
    places.attach(old, 0.0)
    place = begun(places, "1")
    assert places.detach(old) == [place]
    places.attach(new, 1.0)
    assert (places.grant_again(1.0) == [place]) is is_again


def test_a_command_that_was_granted_again_is_not_sent_on_a_careless_link_that_came_behind() -> None:
    places, first, safe, careless = make_places(), ALink(), ALink(can_resume=True), ALink()
    places.attach(first, 0.0)
    place = begun(places, "turn")
    places.detach(first)
    places.attach(safe, 1.0)
    assert places.grant_again(1.0) == [place]
    places.attach(careless, 1.0)
    assert places.begin(place, 1.0) is None


def test_a_turn_of_which_the_bot_has_spoken_is_not_asked_again() -> None:
    places, old, new = make_places(), ALink(), ALink(can_resume=True)
    places.attach(old, 0.0)
    place = begun(places, "1")
    places.detach(old)
    places.attach(new, 1.0)
    places.grant_again(1.0)
    place.hear(new, 1.0)  # between the grant and the turn that has been told of it
    assert places.begin(place, 1.0) is None


def test_an_older_link_retires_when_nothing_holds_it_any_more() -> None:
    places, old, new = make_places(), ALink(), ALink()
    places.attach(old, 0.0)
    place = begun(places, "1")
    places.attach(new, 1.0)
    assert list(places.retiring()) == []
    places.end(place)
    assert list(places.retiring()) == []  # its last words are still read
    places.leave(place, 0.0)
    assert list(places.retiring()) == [old]
