"""When a bot was there, minute by minute, and what that looks like over an hour or a month. Pure.

A minute is one letter, and an hour sixty of them: whatever a bot does, and however often its link
breaks, its history takes as much room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final

from attrs import define, field, frozen

MINUTES: Final = 60  # of an hour
# Minutes of one letter each. UNKNOWN: no gateway ran. BROKEN: online, but not all the time.
ONLINE: Final = "o"
OFFLINE: Final = "x"
BROKEN: Final = "b"
UNKNOWN: Final = "."
NOTHING_KNOWN: Final = UNKNOWN * MINUTES

# Minutes of an hour in which its link breaks, from which on a bot flaps.
FLAPS: Final = 4

# The letters of hours, by hours since 1970 (UTC).
Hours = Mapping[int, str]


class Span(Enum):
    """How far back one looks: the number of beats, and the minutes of each."""

    HOUR = (60, 1)
    DAY = (48, 30)
    WEEK = (56, 180)
    MONTH = (60, 720)

    @property
    def minutes(self) -> int:
        """All of it."""
        beats, width = self.value
        return beats * width


# Hours that are kept of each bot: the longest span, and a little.
KEPT_HOURS: Final = Span.MONTH.minutes // MINUTES + 24


@frozen
class Sighting:
    """A bot at one moment: whether it can be asked, and how many links it has ever had."""

    is_online: bool
    links_ever: int


@define(eq=False)
class PresenceWatch:
    """Tells what the minute was like that lies between two looks at all bots."""

    _before: dict[int, Sighting] = field(factory=dict, init=False)

    def look(self, seen: Mapping[int, Sighting]) -> dict[int, str]:
        """The letter of each bot for the time since the last look, or for this moment where it
        was not there then. Bots that are missing are forgotten."""
        letters = {
            bot_id: _compare(self._before.get(bot_id, now), now) for bot_id, now in seen.items()
        }
        self._before = dict(seen)
        return letters


def _compare(before: Sighting, now: Sighting) -> str:
    has_linked = now.links_ever > before.links_ever
    if before.is_online and now.is_online:
        return BROKEN if has_linked else ONLINE
    if before.is_online or now.is_online or has_linked:
        return BROKEN
    return OFFLINE


@frozen
class Beat:
    """One stroke of the bar: minutes from `first` on (since 1970), and how many of them were
    what."""

    first: int
    minutes: int
    online: int
    offline: int
    broken: int

    @property
    def kind(self) -> str:
        """`online`, `offline`, `partly`, or `unknown` where nothing is known of it."""
        if not self.online + self.offline + self.broken:
            return "unknown"
        if self.broken or (self.online and self.offline):
            return "partly"
        return "online" if self.online else "offline"


@frozen
class Outage:
    """Minutes without a bot, from `first` up to and without `end` (since 1970)."""

    first: int
    end: int
    is_over: bool


def beats_of(hours: Hours, last: int, span: Span) -> list[Beat]:
    """The beats of a span, the oldest first, up to and with the minute `last` (since 1970).

    They begin at whole multiples of their width, so that a beat keeps its place while time goes
    on; the newest is not yet whole.
    """
    count, width = span.value
    begin = (last // width - count + 1) * width
    return [
        _count(first, width, _letters(hours, first, min(first + width, last + 1)))
        for first in range(begin, begin + count * width, width)
    ]


def outages_of(hours: Hours, first: int, last: int) -> list[Outage]:
    """The outages within these minutes, the newest first; the last may be not over.

    What is unknown is no outage, and ends one. A BROKEN minute is one by itself, or the edge of a
    longer one.
    """
    found: list[Outage] = []
    began: int | None = None
    for minute, letter in enumerate(_letters(hours, first, last + 1), first):
        if letter in (OFFLINE, BROKEN):
            began = minute if began is None else began
        elif began is not None:
            found.append(Outage(began, minute, is_over=True))
            began = None
    if began is not None:
        is_over = letter_at(hours, last) != OFFLINE
        found.append(Outage(began, last + 1, is_over=is_over))
    return found[::-1]


def share_online(beats: Iterable[Beat]) -> float | None:
    """The share of the known minutes that the bot was online, a broken one counting half; None
    where nothing is known."""
    online = known = 0.0
    for beat in beats:
        online += beat.online + beat.broken / 2
        known += beat.online + beat.offline + beat.broken
    return online / known if known else None


def broken_minutes(hours: Hours, first: int, last: int) -> int:
    """In how many of these minutes the link broke or came: many mean that it flaps."""
    return sum(letter == BROKEN for letter in _letters(hours, first, last + 1))


def find_flapping(bots: Mapping[int, Hours], last: int) -> frozenset[int]:
    """The bots whose link broke again and again within the hour that ends with minute `last`."""
    first = last - MINUTES + 1
    return frozenset(
        bot_id for bot_id, hours in bots.items() if broken_minutes(hours, first, last) >= FLAPS
    )


def letter_at(hours: Hours, minute: int) -> str:
    """What this minute (since 1970) was like."""
    hour, index = divmod(minute, MINUTES)
    return hours.get(hour, NOTHING_KNOWN)[index]


def with_letter(minutes: str, index: int, letter: str) -> str:
    """An hour in which this minute is known now."""
    return minutes[:index] + letter + minutes[index + 1 :]


def _letters(hours: Hours, first: int, end: int) -> Iterator[str]:
    """The letters of minutes one after the other, hour by hour."""
    minute = first
    while minute < end:
        hour, index = divmod(minute, MINUTES)
        until = min(end - minute + index, MINUTES)
        yield from hours.get(hour, NOTHING_KNOWN)[index:until]
        minute += until - index


def _count(first: int, width: int, letters: Iterable[str]) -> Beat:
    counted = "".join(letters)
    return Beat(first, width, counted.count(ONLINE), counted.count(OFFLINE), counted.count(BROKEN))
