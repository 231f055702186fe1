"""How many failed keys one address may try: a sliding minute, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

# PROTOCOL 1: more than 20 failed keys a minute from one address.
FAILURES: Final = 20
WINDOW: Final = 60.0  # seconds
# Addresses remembered at once; the one that failed least recently is forgotten first.
ADDRESSES: Final = 10_000


class Throttle:
    """Counts failed attempts by address. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def note_failure(self, address: str, now: float) -> float:
        """Count one more failure; returns how many seconds to wait, 0.0 while it is within
        bounds."""
        times = self._failures.setdefault(address, deque(maxlen=FAILURES + 1))
        self._failures.move_to_end(address)
        while times and times[0] <= now - WINDOW:
            times.popleft()
        times.append(now)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)
        if len(times) <= FAILURES:
            return 0.0
        # When the second oldest is forgotten too, there is room for one more.
        return times[1] + WINDOW - now
