"""How all that one key has here goes on some at a time, where it is all told in one instant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable

Pace = Callable[[Hashable], Awaitable[None]]
"""Returns when something of this key's may go on; as `relay.turn.Pace`, also when it is
cancelled."""


async def alone(_: Hashable) -> None:
    """Nothing else is there. It never waits, so it is never cancelled."""
