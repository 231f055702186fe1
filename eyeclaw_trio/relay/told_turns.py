"""The open turns of one bot, and what all of them are told, some in each pass of the loop.

A bot may have a thousand turns. To wake one costs a few hundredths of a millisecond, so that what
all of them are told in one instant, as that their link is gone or back, would be a long pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import trio

from eyeclaw_trio.core.places import Place
from eyeclaw_trio.core.turn_messages import PLACE_GRANTED, Notice
from eyeclaw_trio.relay.link import Link
from eyeclaw_trio.relay.turns import OpenTurn

# Told in one go, before others have their turn.
AT_A_TIME: Final = 64


class ToldTurns:
    """Those of one bot by session id, in the order in which they were opened. `now` is the
    monotonic clock."""

    __slots__ = ("_is_due", "_now", "by_id", "untold")  # one for each bot

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.by_id: dict[str, OpenTurn] = {}
        """All of them, for who looks one up for each chunk."""
        self.untold: dict[OpenTurn, list[Notice]] = {}
        """What some still have to be told. Before a word of its bot a turn is told the rest."""
        self._is_due = False

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[OpenTurn]:
        return iter(self.by_id.values())

    def __getitem__(self, session_id: str) -> OpenTurn:
        return self.by_id[session_id]

    def add(self, turn: OpenTurn) -> None:
        """It is open from now on."""
        self.by_id[turn.session_id] = turn

    def remove(self, turn: OpenTurn) -> None:
        """It is over, and hears nothing any more."""
        del self.by_id[turn.session_id]
        self.untold.pop(turn, None)

    def tell(self, turn: OpenTurn, notice: Notice) -> None:
        """Tell this one, now or behind what it still has to be told."""
        if turn in self.untold:
            self.untold[turn].append(notice)
        else:
            turn.tell(notice, self._now())

    def tell_all(self, turns: Iterable[OpenTurn], notice: Notice) -> None:
        """Tell all of these the same, AT_A_TIME of them now and the others in the passes that
        come."""
        self.tell_each([(turn, notice) for turn in turns])

    def tell_each(self, told: Iterable[tuple[OpenTurn, Notice]]) -> None:
        """Tell each of these its own, in the same way."""
        left = AT_A_TIME
        for turn, notice in told:
            if left > 0 and turn not in self.untold:
                left -= 1
                turn.tell(notice, self._now())
            else:
                self.untold.setdefault(turn, []).append(notice)
        if self.untold:
            self._go_on()

    def tell_granted(self, places: Sequence[Place[Link]]) -> None:
        """Tell the turns of these that their place is theirs, in the same way."""
        if places:  # seldom
            self.tell_each([(self.by_id[each.session_id], PLACE_GRANTED) for each in places])

    def tell_rest(self, turn: OpenTurn) -> None:
        """Tell it now what it still has to be told."""
        for notice in self.untold.pop(turn, ()):
            turn.tell(notice, self._now())

    def _go_on(self) -> None:
        if not self._is_due:
            self._is_due = True
            trio.lowlevel.current_trio_token().run_sync_soon(self._tell_some)

    def _tell_some(self) -> None:
        self._is_due = False
        for turn in list(self.untold)[:AT_A_TIME]:
            self.tell_rest(turn)
        if self.untold:
            self._go_on()
