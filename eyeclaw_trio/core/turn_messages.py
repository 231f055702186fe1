"""What comes into a turn's inbox: its bot's messages, and what else changes under way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from eyeclaw_trio.protocol.bot import Status, StreamMessage


@frozen
class PlaceGranted:
    """The bot has a place for this turn: its task sends the question now, or once more where the
    first may have died with its link."""


PLACE_GRANTED: Final = PlaceGranted()


@frozen
class QueuedOut:
    """The bot's queue is full, and this turn has left it for one of somebody who had fewer in it.
    `held_by` is the trace of the turn that has the bot's place."""

    held_by: str


@frozen
class PlaceMoved:
    """The moment has changed at which silence may free a place; for turns that wait for one."""


@frozen
class LinkLost:
    """No link of the bot lives; the idle clock stands still. If none comes back, this turn is given
    up so many seconds `later` than the first."""

    later: float = 0.0


# Turns that are given up in one instant, and the time within which all others are (seconds), of
# those that have lost their bot's link together: a thousand in one instant would be four tenths of
# a second of work. There is 1 s for it (RELIABILITY 1).
GIVEN_UP_TOGETHER: Final = 16
GIVEN_UP_WITHIN: Final = 0.9
GIVEN_UP_EVERY: Final = 0.001


def lose_link(turns: int) -> Iterator[LinkLost]:
    """What each of so many turns is told."""
    apart = min(GIVEN_UP_EVERY, GIVEN_UP_WITHIN / max(1, turns))
    for number in range(turns):
        yield LinkLost(apart * number if number >= GIVEN_UP_TOGETHER else 0.0)


@frozen
class LinkBack:
    """The bot has a link again."""


@frozen
class LinkReplaced:
    """The link that this turn was last heard on has gone, and the bot has another."""


@frozen
class EarlierWords:
    """The summary that comes next begins with so many characters of earlier, failed turns."""

    characters: int


@frozen
class DrainOver:
    """The gateway stops, and its patience with running answers is over."""


@frozen
class Revoked:
    """The key that this was asked with is worth nothing any more, or the bot is gone."""


@frozen
class ReaderLeft:
    """Nobody reads any more, and the answer is wanted all the same: the bot has so many seconds
    from now, and may be silent as long."""

    seconds: float


@frozen
class ForeignWord:
    """Another bot has said something of this turn; it was ignored."""


Notice = (
    PlaceGranted
    | QueuedOut
    | PlaceMoved
    | LinkLost
    | LinkBack
    | LinkReplaced
    | EarlierWords
    | DrainOver
    | Revoked
    | ReaderLeft
    | ForeignWord
)
TurnMessage = StreamMessage | Status | Notice
