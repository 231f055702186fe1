"""What comes into a turn's inbox: its bot's messages, and what else changes under way."""

from __future__ import annotations

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
    """No link of the bot lives; the idle clock stands still."""


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
