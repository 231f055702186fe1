"""What happened in one turn, and when: counts and times, collected cheaply as it goes.

One `Trace` belongs to one turn; whoever makes it also logs it. Times are monotonic seconds.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

from eyeclaw_trio.core.reassembly import Anomaly


class Outcome(Enum):
    """How a turn ended (CLI, "A stream trace")."""

    ANSWERED = "answered"
    OFFLINE = "offline"
    TIMEOUT = "timeout"
    BOT_ERROR = "bot_error"
    CANCELLED = "cancelled"
    SLOW_READER = "slow_reader"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"


@define
class Trace:
    """One turn from question to ending. `started_at` is when the question had arrived."""

    trace_id: str
    session_id: str
    bot_id: int | None
    started_at: float
    message_id: str = ""
    agent_id: str = ""
    user_id: str | None = None
    outcome: Outcome | None = None
    reason: str = ""
    said: str = ""
    """What the bot or the model said of its failure: for the owner, never for the wearer."""
    sent_at: float | None = None
    first_chunk_at: float | None = None
    last_chunk_at: float | None = None
    ended_at: float | None = None
    chunks_received: int = 0
    duplicates: int = 0
    dropped: int = 0
    chunks_written: int = 0
    resumed: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    anomalies: list[Anomaly] = field(factory=list)

    @property
    def missing_count(self) -> int:
        """How many numbered chunks never came."""
        return sum(last - first + 1 for first, last in self.missing)

    def end(self, outcome: Outcome, *, reason: str = "", said: str = "") -> None:
        """Record how it ended; the first word counts."""
        if self.outcome is None:
            self.outcome, self.reason, self.said = outcome, reason, said
