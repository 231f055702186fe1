"""What one address may do in a minute: try keys, cause log lines. In bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from attrs import define

# PROTOCOL 1: more than 20 failed keys a minute from one address.
FAILURES: Final = 20
WINDOW: Final = 60.0  # seconds
# Addresses remembered at once; the one that failed least recently is forgotten first.
ADDRESSES: Final = 10_000
# RELIABILITY 16: so many malformed frames within so many seconds, and a WebSocket is closed.
MALFORMED_FRAMES: Final = 20
MALFORMED_WINDOW: Final = 10.0
# RELIABILITY 35: so many lines of the log may one peer cause in a window; the rest is counted.
LINES: Final = 10


class Throttle:
    """Counts failed attempts by address, of which so many are forgiven in a WINDOW. Times are
    monotonic seconds."""

    def __init__(self, forgiven: int = FAILURES) -> None:
        self._forgiven = forgiven
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def note_failure(self, address: str, now: float) -> float:
        """Count one more failure; returns how many seconds to wait, 0.0 while it is within
        bounds."""
        times = self._failures.setdefault(address, deque(maxlen=self._forgiven + 1))
        self._failures.move_to_end(address)
        while times and times[0] <= now - WINDOW:
            times.popleft()
        times.append(now)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)
        if len(times) <= self._forgiven:
            return 0.0
        # When the second oldest is forgotten too, there is room for one more.
        return times[1] + WINDOW - now

    def remaining(self, address: str, now: float) -> float:
        """How many seconds until this address may try again; 0.0: now. For whoever does not even
        look at what is tried beyond the bounds."""
        times = self._failures.get(address, ())
        recent = [each for each in times if each > now - WINDOW]
        return 0.0 if len(recent) < self._forgiven else recent[-self._forgiven] + WINDOW - now


class MalformedCount:
    """Counts what one peer says that cannot be read. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MALFORMED_FRAMES)

    def note(self, now: float) -> bool:
        """Count one more; whether it is one too many."""
        self._times.append(now)
        is_full = len(self._times) == MALFORMED_FRAMES
        return is_full and now - self._times[0] <= MALFORMED_WINDOW


@define(weakref_slot=False)  # there may be ten thousand
class _Window:
    began_at: float
    lines: int = 0


class LineThrottle:
    """Counts log lines by the peer that caused them. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()  # the oldest first

    def admit(self, peer: str, now: float) -> bool:
        """Count one more line; whether it may be written. Call `close` first."""
        window = self._windows.setdefault(peer, _Window(now))
        window.lines += 1
        return window.lines <= LINES

    def close(self, now: float) -> list[tuple[str, int]]:
        """Forget the windows that are over, and the oldest of too many; returns the peers whose
        lines were left out in them, each with how many those were."""
        left_out: list[tuple[str, int]] = []
        while self._windows:
            peer, window = next(iter(self._windows.items()))
            if now < window.began_at + WINDOW and len(self._windows) < ADDRESSES:
                break
            del self._windows[peer]
            if window.lines > LINES:
                left_out.append((peer, window.lines - LINES))
        return left_out
