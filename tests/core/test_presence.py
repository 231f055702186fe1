"""The history of a bot's presence: minutes as letters, and what is drawn of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.presence import (
    BROKEN,
    MINUTES,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    Beat,
    Outage,
    PresenceWatch,
    Sighting,
    Span,
    beats_of,
    broken_minutes,
    outages_of,
    share_online,
    with_letter,
)

UP, DOWN = Sighting(is_online=True, links_ever=1), Sighting(is_online=False, links_ever=1)
BACK = Sighting(is_online=True, links_ever=2)


def hours_of(letters: str, first: int) -> dict[int, str]:
    """History in which these minutes are known."""
    hours: dict[int, str] = {}
    for minute, letter in enumerate(letters, first):
        hour, place = divmod(minute, MINUTES)
        hours[hour] = with_letter(hours.get(hour, UNKNOWN * MINUTES), place, letter)
    return hours


def test_a_minute_is_online_offline_or_broken_also_where_both_looks_find_it_online() -> None:
    watch = PresenceWatch()
    assert watch.look({1: UP, 2: DOWN}) == {1: ONLINE, 2: OFFLINE}
    assert watch.look({1: UP, 2: DOWN}) == {1: ONLINE, 2: OFFLINE}
    assert watch.look({1: BACK, 2: BACK}) == {1: BROKEN, 2: BROKEN}
    assert watch.look({1: DOWN, 3: UP}) == {1: BROKEN, 3: ONLINE}


def test_a_link_that_came_and_went_between_two_looks_is_seen() -> None:
    watch = PresenceWatch()
    watch.look({1: DOWN})
    assert watch.look({1: Sighting(is_online=False, links_ever=2)}) == {1: BROKEN}


def test_the_hour_has_a_beat_for_each_minute_and_the_newest_is_the_last() -> None:
    beats = beats_of(hours_of("ox.b", 996), 999, Span.HOUR)
    assert len(beats) == 60
    assert [beat.kind for beat in beats[-5:]] == [
        "unknown",
        "online",
        "offline",
        "unknown",
        "partly",
    ]
    assert beats[-1].first == 999


def test_a_beat_of_a_longer_span_keeps_its_place_while_time_goes_on() -> None:
    hours = hours_of("o" * 40 + "x" * 40, 6000)
    before = beats_of(hours, 6079, Span.DAY)
    assert [beat.first for beat in before] == [
        beat.first for beat in beats_of(hours, 6089, Span.DAY)
    ]
    assert [beat.first for beat in before[1:]] == [
        beat.first for beat in beats_of(hours, 6090, Span.DAY)[:-1]
    ]
    assert before[-3:] == [
        Beat(6000, 30, online=30, offline=0, broken=0),
        Beat(6030, 30, online=10, offline=20, broken=0),
        Beat(6060, 30, online=0, offline=20, broken=0),
    ]


def test_outages_are_told_from_the_newest_on_and_the_last_may_go_on() -> None:
    hours = hours_of("ooxxbooobo.xx", 1000)
    assert outages_of(hours, 1000, 1012) == [
        Outage(1011, 1013, is_over=False),
        Outage(1008, 1009, is_over=True),
        Outage(1002, 1005, is_over=True),
    ]


def test_the_time_in_which_no_gateway_ran_is_no_outage_and_counts_nowhere() -> None:
    beats = beats_of({}, 1000, Span.WEEK)
    assert outages_of({}, 0, 1000) == []
    assert {beat.kind for beat in beats} == {"unknown"}
    assert share_online(beats) is None
    assert share_online(beats_of(hours_of("oooxb", 990), 994, Span.HOUR)) == 0.7


def test_a_bot_that_flaps_shows_in_the_number_of_broken_minutes() -> None:
    assert broken_minutes(hours_of("bobobxo", 118), 118, 124) == 3


@given(
    letters=st.text(alphabet=ONLINE + OFFLINE + BROKEN + UNKNOWN, min_size=1, max_size=3000),
    first=st.integers(0, 30_000_000),
    span=st.sampled_from(Span),
)
def test_no_known_minute_of_a_span_is_lost_or_counted_twice(
    letters: str, first: int, span: Span
) -> None:
    last = first + len(letters) - 1
    beats = beats_of(hours_of(letters, first), last, span)
    assert len(beats) == span.value[0]
    assert beats[-1].first <= last < beats[-1].first + beats[-1].minutes
    within = letters[max(0, beats[0].first - first) :]
    assert sum(beat.online for beat in beats) == within.count(ONLINE)
    assert sum(beat.offline for beat in beats) == within.count(OFFLINE)
    assert sum(beat.broken for beat in beats) == within.count(BROKEN)
