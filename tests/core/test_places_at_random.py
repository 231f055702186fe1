"""Places under everything at once: links, turns and time in any order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from link_by_hand import IDLE, ALink, make_places

from eyeclaw_trio.core.places import Place, Stage
from eyeclaw_trio.errors import BotBusy


class PlacesAtRandom(RuleBasedStateMachine):
    """Anything in any order: no two commands too many, nobody forgotten, nobody held for ever."""

    links = Bundle("links")
    turns = Bundle("turns")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.places = make_places()
        self.attached: list[ALink] = []
        self.asked: list[Place[ALink]] = []  # somebody reads, in the order of asking
        self.sent: dict[str, int] = {}

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 19.0, 20.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        target=links,
        capacity=st.integers(1, 3),
        can_cancel=st.booleans(),
        can_resume=st.booleans(),
    )
    def attach(self, capacity: int, can_cancel: bool, can_resume: bool) -> ALink:
        link = ALink(capacity, can_cancel, can_resume)
        cancelled = self.places.attach(link, self.now)
        assert can_cancel or not cancelled
        self.attached.append(link)
        self.act()
        return link

    @rule(link=links)
    def detach(self, link: ALink) -> None:
        link.is_alive = False
        if link in self.attached:
            self.attached.remove(link)
            assert all(place in self.asked for place in self.places.detach(link))
            self.act()

    @rule(link=links)
    def told_to_end(self, link: ALink) -> None:
        link.is_alive = False

    @precondition(lambda self: len(self.asked) < 6)
    @rule(target=turns)
    def ask(self) -> Place[ALink] | None:
        name = f"turn {len(self.sent)}"
        try:
            place = self.places.ask(name, "trace", self.now)
        except BotBusy:
            assert self.places.waiting == 4
            return None
        self.sent[name] = 0
        self.asked.append(place)
        self.act()
        return place

    @rule(place=turns)
    def begin(self, place: Place[ALink] | None) -> None:
        if place is None or place not in self.asked:
            return
        before = place.stage
        link = self.places.begin(place, self.now)
        if link is not None:
            assert before is Stage.GRANTED
            assert link is self.newest
            assert not self.sent[place.session_id] or link.can_resume
            self.sent[place.session_id] += 1

    @rule(place=turns, link=links, is_end=st.booleans())
    def hear(self, place: Place[ALink] | None, link: ALink, is_end: bool) -> None:
        if place is None or not self.sent[place.session_id]:
            return  # a bot does not know of it yet
        if place not in self.asked and self.places.find_left(place.session_id) is None:
            return
        place.hear(link, self.now)
        if is_end:
            self.places.end(place)
            self.act()

    @rule(place=turns)
    def leave(self, place: Place[ALink] | None) -> None:
        if place is None or place not in self.asked:
            return
        was_busy = place.stage in (Stage.GRANTED, Stage.BUSY)
        link = self.places.leave(place, self.now)
        self.asked.remove(place)
        # Whoever was asked is told, where anybody can be.
        assert link is None or (was_busy and place.link is not None)
        self.act()

    def act(self) -> None:
        """What a station does after each change."""
        self.places.grant(self.now)
        self.places.grant_again(self.now)
        assert self.places.newest not in list(self.places.retiring())

    @property
    def newest(self) -> ALink | None:
        return next((link for link in reversed(self.attached) if link.is_alive), None)

    @invariant()
    def nobody_is_forgotten_and_the_queue_is_in_order(self) -> None:
        waiting = [place for place in self.asked if place.stage is Stage.WAITING]
        assert self.places.waiting == len(waiting)
        granted = [self.asked.index(p) for p in self.asked if p.stage is not Stage.WAITING]
        assert all(self.asked.index(place) > max(granted, default=-1) for place in waiting)

    @invariant()
    def no_bot_has_more_commands_than_a_link_of_it_could_take(self) -> None:
        assert self.places.taken <= 3

    @invariant()
    def who_waits_has_a_reason(self) -> None:
        newest = self.newest
        self.places.grant(self.now)
        if self.places.waiting and newest is not None:
            assert self.places.taken >= newest.capacity

    @invariant()
    def no_left_place_is_held_for_ever(self) -> None:
        self.places.grant(self.now)
        if self.newest is not None:
            free_at = self.places.free_at()
            read = [place for place in self.asked if place.stage in (Stage.GRANTED, Stage.BUSY)]
            if self.places.taken > len(read):
                assert self.now < free_at <= self.now + IDLE


TestPlacesAtRandom = PlacesAtRandom.TestCase
TestPlacesAtRandom.settings = settings(max_examples=150, stateful_step_count=40)
