"""Log lines that a peer can cause at will: a few of each peer, then a count (RELIABILITY 35)."""

from __future__ import annotations

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.core.throttle import WINDOW, LineThrottle

log = structlog.get_logger(__name__)


class PeerLog:
    """Writes at most `throttle.LINES` lines a minute about one peer.

    How many were left out is said in one line, as soon as the minute is over and anybody has
    something to say. Peers are told apart by address: whatever stands behind one proxy shares
    its lines, and nothing but lines is lost by that.
    """

    def __init__(self) -> None:
        self._throttle = LineThrottle()

    def info(self, peer: str, event: str, **values: object) -> None:
        """Say at info what this peer has done."""
        if self._admits(peer):
            log.info(event, peer=peer, **values)

    def warning(self, peer: str, event: str, **values: object) -> None:
        """Say as a warning what this peer has done."""
        if self._admits(peer):
            log.warning(event, peer=peer, **values)

    def exception(self, peer: str, event: str, **values: object) -> None:
        """Say as an error, with its traceback, that this peer has found a bug of ours."""
        if self._admits(peer):
            log.exception(event, peer=peer, **values)

    def about(self, peer: str) -> LinesAbout:
        """The lines about this peer: an address, or a name once it has shown one."""
        return LinesAbout(self, peer)

    def _admits(self, peer: str) -> bool:
        now = trio.current_time()
        for gone, lines in self._throttle.close(now):
            log.warning("peer.lines_left_out", peer=gone, lines=lines, seconds=WINDOW)
        return self._throttle.admit(peer, now)


@frozen(weakref_slot=False)  # there may be ten thousand
class LinesAbout:
    """What one peer causes in the log."""

    log: PeerLog
    peer: str

    def info(self, event: str, **values: object) -> None:
        """Say at info what it has done."""
        self.log.info(self.peer, event, **values)
