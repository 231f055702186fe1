"""What the overview shows over time, written down once a minute: who was there, how turns went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import trio
from attrs import define, field

from eyeclaw_trio.core.presence import PresenceWatch, Sighting
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_counts import TurnCounts
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.presence_history import write_presence
from eyeclaw_trio.store.store import Store
from eyeclaw_trio.store.turn_statistics import write_turn_counts

MINUTE: Final = 60
# Seconds behind the end of a minute: the wall clock and trio's may differ by a little.
_BEHIND: Final = 0.5


@define(eq=False)
class History:
    """Keeps the minute that runs, and writes it when it is over. Nothing here waits but `run`.

    `now` is the wall clock, which says what minute it is and nothing else: after a jump the
    history goes on at another place.
    """

    store: Store
    switchboard: Switchboard
    now: Callable[[], datetime] = read_clock
    _watch: PresenceWatch = field(factory=PresenceWatch, init=False)
    _counts: TurnCounts = field(factory=TurnCounts, init=False)

    def note_turn(self, trace: Trace) -> None:
        """Count a turn that is over."""
        self._counts.add_turn(trace)

    async def run(self) -> None:
        """Write each minute when it is over, until cancelled; then what there is of the last."""
        self._watch.look(self._look_around())
        try:
            while True:
                seconds = self.now().timestamp()
                await trio.sleep(MINUTE - seconds % MINUTE + _BEHIND)
                self._write_nowait(int(self.now().timestamp()) // MINUTE - 1)
        finally:
            self._write_nowait(int(self.now().timestamp()) // MINUTE)

    def _write_nowait(self, minute: int) -> None:
        letters = self._watch.look(self._look_around())
        if letters:
            self.store.write_nowait(partial(write_presence, minutes=[minute], letters=letters))
        counts = self._counts
        if counts.turns:
            moment = minute * MINUTE
            if self.store.write_nowait(partial(write_turn_counts, counts=counts, moment=moment)):
                self._counts = TurnCounts()

    def _look_around(self) -> dict[int, Sighting]:
        found = {}
        for bot_id in self.store.directory.bots:
            station = self.switchboard.station(bot_id)
            found[bot_id] = Sighting(station.is_online, station.links_ever)
        return found
