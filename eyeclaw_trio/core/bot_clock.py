"""How long a bot may be silent about one turn, and what it means when it was (PROTOCOL 1)."""

from __future__ import annotations

import math

from eyeclaw_trio.core.patience import Patience
from eyeclaw_trio.errors import BotBusy, BotOffline, BotSilent, TurnFailed


class BotClock:
    """The waiting of one turn for its bot: in the queue, for a word, for a broken link.

    Times are monotonic seconds. The idle clock starts with the command, and stands still while no
    link lives; the queue's does not.
    """

    __slots__ = (  # one for each answer
        "_back_at",
        "_has_spoken",
        "_heard_at",
        "_idle_timeout",
        "_late_due",
        "_later",
        "_lost_at",
        "_patience",
        "_queued_at",
    )

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._idle_timeout = patience.idle_timeout
        self._late_due = math.inf  # when an answer that nobody reads is given up
        self._queued_at = now
        self._heard_at: float | None = None  # None: still in the queue
        self._lost_at: float | None = None  # None: the link lives
        self._back_at: float | None = None  # None: nothing is doubted; inf: not back yet
        self._later = 0.0  # seconds beyond the grace
        self._has_spoken = False

    @property
    def is_lost(self) -> bool:
        """Whether no link of the bot lives."""
        return self._lost_at is not None

    def sent(self, now: float) -> None:
        """The command is on its way."""
        self._heard_at = now

    def heard(self, now: float) -> None:
        """The bot has spoken of this turn."""
        self._heard_at = now
        self._back_at = None
        self._has_spoken = True

    def give(self, seconds: float, now: float) -> None:
        """The reader has left, and the bot has so long from now, silent or not."""
        self._idle_timeout = seconds
        self._late_due = now + seconds

    def lost(self, now: float, later: float = 0.0) -> None:
        """No link of the bot lives any more. If none that goes on with this turn comes back, it
        ends so many seconds later than others that have lost it."""
        self._lost_at, self._later = now, later
        self._doubt(math.inf)

    def back(self, now: float) -> float | None:
        """A link is there. Returns since when there had been none, None where there was one."""
        lost_at, self._lost_at = self._lost_at, None
        if lost_at is None:
            return None
        if self._back_at is not None:
            self._back_at = now
        # The clock stood still; what was heard meanwhile (a bot may speak on its new link before
        # it subscribes) has its clock started now.
        if self._heard_at is not None:
            self._heard_at += now - max(lost_at, self._heard_at)
        return lost_at

    def replaced(self, now: float) -> None:
        """The link has gone, and there is another."""
        self._doubt(now)

    def excuse(self, seconds: float, now: float) -> None:
        """For so long nobody has listened: what the bot had to say meanwhile is still to be heard.
        No wait that has begun counts that time."""

        def later(at: float) -> float:
            return max(at, min(at + seconds, now))

        self._queued_at = later(self._queued_at)
        if self._heard_at is not None:
            self._heard_at = later(self._heard_at)
        if self._lost_at is not None:
            self._lost_at = later(self._lost_at)
        if self._back_at is not None:
            self._back_at = later(self._back_at)

    def due(self) -> float:
        """When the patience is over if nothing comes."""
        if self._lost_at is not None:
            due = self._lost_at + self._grace
            if self._heard_at is None:  # a broken link prolongs no waiting in the queue
                due = min(due, self._queue_due())
        elif self._heard_at is None:
            due = self._queue_due()
        else:
            due = self._heard_at + self._idle_timeout
            if self._back_at is not None:
                due = min(due, self._back_at + self._grace)
        return min(self._late_due, due)

    def verdict(self, now: float) -> TurnFailed:
        """What has happened, now that the patience is over."""
        if now >= self._late_due:
            late = BotSilent()
            late.code = "late_timeout"
            return late
        if self._heard_at is None and now >= self._queue_due():
            return BotBusy()
        is_doubted = self._back_at is not None and (now >= self._back_at + self._grace)
        return BotOffline() if self.is_lost or is_doubted else BotSilent()

    @property
    def _grace(self) -> float:
        return self._patience.resume_grace + self._later

    def _queue_due(self) -> float:
        return self._queued_at + self._patience.queue_timeout

    def _doubt(self, back_at: float) -> None:
        """The bot links anew: if it had spoken already and does not go on, the process behind
        the link is probably a new one that knows nothing of this turn."""
        if self._has_spoken:
            self._back_at = back_at
