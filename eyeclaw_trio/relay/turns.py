"""The turns that are open: what is known of each, and which there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol, Self

import trio

from eyeclaw_trio.core.places import Place, Stage
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.turn_messages import ForeignWord, Revoked, TurnMessage
from eyeclaw_trio.core.written_text import Imprint
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.inbox import Inbox, Unread
from eyeclaw_trio.relay.link import Link

# Bytes of answers that wait for slow readers, of all turns together. All keys share it; what is
# small is not counted, and an answer seldom is more.
WAITING: Final = 64 * 1_048_576
# Seconds that an answer on a revoked key has to end by itself, with a word to its reader.
REVOKED_WITHIN: Final = 1.0

# A look at a member of an enum costs as much as two calls before Python 3.12.
_WAITING: Final = Stage.WAITING


class TurnEnd(Protocol):
    """Where a turn ends that is left."""

    def end_turn(self, turn: OpenTurn) -> None:
        """Nobody reads it any more. Must not wait."""


class OpenTurn:
    """One open turn, until it is left as a block: its inbox, its command, and its place with its
    bot. `overflow` is the scope of the turn; see `relay/seam`.
    """

    __slots__ = (  # there may be thousands
        "_end",
        "_has_foreign_word",
        "_overflow",
        "command",
        "inbox",
        "is_revoked",
        "place",
        "session_id",
        "unfinished",
        "was_summed_up",
    )

    def __init__(
        self,
        command: ExecuteCommand,
        place: Place[Link],
        inbox: Inbox,
        overflow: trio.CancelScope,
        end: TurnEnd,
    ) -> None:
        self.session_id = command.session_id
        self.command: ExecuteCommand | None = command
        """What is sent again where it may have been lost; None once the bot has spoken."""
        self.place = place
        self.inbox = inbox
        self.is_revoked = False
        self.was_summed_up = False
        """Whether the bot has said its summary: after it, it begins anew."""
        self.unfinished: Imprint | None = None
        """What its reader was given, where that was not the whole answer."""
        self._overflow = overflow
        self._end = end
        self._has_foreign_word = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.end_turn(self)

    @property
    def is_waiting(self) -> bool:
        """Whether it has no place yet."""
        return self.place.stage is _WAITING

    def tell(self, message: TurnMessage, at: float) -> None:
        """Put a message into its inbox, which has come at that moment (monotonic seconds)."""
        self.inbox.send_nowait(message, at)

    def note_foreign_word(self, at: float) -> None:
        """Another bot spoke of this turn: once is enough for the record."""
        if not self._has_foreign_word:
            self._has_foreign_word = True
            self.tell(ForeignWord(), at)

    def revoke(self, at: float) -> None:
        """The key or the bot is gone: say so, and end what is being written, whatever its reader
        does, within REVOKED_WITHIN (RELIABILITY 30)."""
        self.is_revoked = True
        self.tell(Revoked(), at)
        self._overflow.deadline = min(self._overflow.deadline, at + REVOKED_WITHIN)


class OpenTurns:
    """All open turns by their session id, which no two share; each belongs to one bot."""

    def __init__(self) -> None:
        self.unread = Unread()
        self.waiting = Shares(WAITING)
        """Bytes in inboxes and on their way out, of all turns, by who has asked."""
        self._turns: dict[str, OpenTurn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[OpenTurn]:
        return iter(tuple(self._turns.values()))

    def add(self, turn: OpenTurn) -> None:
        """It is open from now on."""
        self._turns[turn.session_id] = turn

    def remove(self, turn: OpenTurn) -> None:
        """It is over."""
        del self._turns[turn.session_id]

    def find(self, session_id: str) -> OpenTurn | None:
        """The open turn of this id, whosever it is."""
        return self._turns.get(session_id)
