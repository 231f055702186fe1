"""Who is connected and whose turn it is, in this process: the stations of all bots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.turn_messages import ReaderLeft
from eyeclaw_trio.relay.station import Station
from eyeclaw_trio.relay.turns import OpenTurns

# The id of a station that is no bot's; the ids of bots begin with 1.
NO_BOT: Final = 0


class Switchboard:
    """The stations of all bots by bot id, and of providers that are asked by name."""

    def __init__(
        self, patience: Patience, limits: Limits, now: Callable[[], float] = trio.current_time
    ) -> None:
        self.patience = patience
        self.limits = limits
        self.now = now
        self._turns = OpenTurns()
        self._stations: dict[int, Station] = {}
        self._providers: dict[str, Station] = {}

    def station(self, bot_id: int) -> Station:
        """The station of a bot that is known; made when first asked for, and kept, because a
        link may hold it long before it subscribes."""
        station = self._stations.get(bot_id)
        if station is None:
            station = self._stations[bot_id] = self._make_station(bot_id)
        return station

    def provider_station(self, name: str) -> Station:
        """The station of a provider that chat clients ask by its name, without any bot. It is
        none of `online_bots`, and has no bot's id."""
        station = self._providers.get(name)
        if station is None:
            station = self._providers[name] = self._make_station(NO_BOT)
        return station

    @property
    def waiting(self) -> Shares:
        """Bytes that wait for readers, by who has asked."""
        return self._turns.waiting

    @property
    def open_turns(self) -> int:
        """How many turns are open, of all bots."""
        return len(self._turns)

    @property
    def late_messages(self) -> int:
        """How many messages have come of turns that were over (RELIABILITY 26)."""
        return sum(station.late_messages for station in self.stations)

    @property
    def foreign_messages(self) -> int:
        """How many messages have come of other bots' turns (RELIABILITY 23)."""
        return sum(station.foreign_messages for station in self.stations)

    @property
    def online_bots(self) -> int:
        """How many bots are online."""
        return sum(station.is_online for station in self._stations.values())

    @property
    def stations(self) -> tuple[Station, ...]:
        """All stations there are, those of providers too."""
        return (*self._stations.values(), *self._providers.values())

    def is_online(self, bot_id: int) -> bool:
        """Whether this bot can be asked now."""
        station = self._stations.get(bot_id)
        return station is not None and station.is_online

    def end_turns(self) -> None:
        """The drain is over: tell every open turn."""
        for station in self.stations:
            station.end_turns()

    def let_go_on(self, session_id: str, seconds: float) -> bool:
        """The reader of this turn has left, and its bot may go on for so long; false where the turn
        is not open."""
        turn = self._turns.find(session_id)
        if turn is not None:
            turn.tell(ReaderLeft(seconds), self.now())
        return turn is not None

    def revoke_turn(self, session_id: str) -> None:
        """End this turn, if it is open: its key or its bot is gone."""
        turn = self._turns.find(session_id)
        if turn is not None:
            turn.revoke(self.now())

    def _make_station(self, bot_id: int) -> Station:
        return Station(bot_id, self._turns, self.patience, self.limits, self.now)
