"""Who is connected and whose turn it is: the seam where a second machine would join.

Each bot has a `relay/station`; the switchboard knows them by bot id, and which turn is whose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.relay.station import Station

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
        self.unread_turns = 0
        """How many turns have something to read that they have not looked at yet (for stations)."""
        self._stations: dict[int, Station] = {}
        self._providers: dict[str, Station] = {}
        self._owners: dict[str, Station] = {}

    def station(self, bot_id: int) -> Station:
        """The station of a bot that is known; made when first asked for, and kept, because a
        link may hold it long before it subscribes."""
        station = self._stations.get(bot_id)
        if station is None:
            station = self._stations[bot_id] = Station(bot_id, self)
        return station

    def provider_station(self, name: str) -> Station:
        """The station of a provider that chat clients ask by its name, without any bot. It is
        none of `online_bots`, and has no bot's id."""
        station = self._providers.get(name)
        if station is None:
            station = self._providers[name] = Station(NO_BOT, self)
        return station

    @property
    def open_turns(self) -> int:
        """How many turns are open, of all bots."""
        return len(self._owners)

    @property
    def online_bots(self) -> int:
        """How many bots are online."""
        return sum(station.is_online for station in self._stations.values())

    def is_online(self, bot_id: int) -> bool:
        """Whether this bot can be asked now."""
        station = self._stations.get(bot_id)
        return station is not None and station.is_online

    def end_turns(self) -> None:
        """The drain is over: tell every open turn."""
        for station in (*self._stations.values(), *self._providers.values()):
            station.end_turns()

    def note_foreign_word(self, session_id: str) -> None:
        """A bot spoke of a turn of another (for stations): once is enough for the record."""
        self._owners[session_id].note_foreign_word(session_id)

    def revoke_turn(self, session_id: str) -> None:
        """End this turn, if it is open: its key or its bot is gone."""
        station = self._owners.get(session_id)
        if station is not None:
            station.revoke_turn(session_id)

    def note_open(self, session_id: str, station: Station) -> None:
        """A turn was opened (for stations)."""
        self._owners[session_id] = station

    def note_closed(self, session_id: str) -> None:
        """A turn was closed (for stations)."""
        del self._owners[session_id]

    def is_turn_of_another(self, session_id: str, station: Station) -> bool:
        """Whether the turn is open and belongs to another bot than this one."""
        return self._owners.get(session_id, station) is not station
