"""What the gateway knows of itself: `/health`, what it counts, how fast its answers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
import trio
from attrs import field, frozen

from eyeclaw_trio import __version__
from eyeclaw_trio.app.history import History
from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.core.trace import PUSH_SOURCE, Trace
from eyeclaw_trio.metrics import Metrics
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.operations import Stopwatch
from eyeclaw_trio.store.store import Store

log = structlog.get_logger(__name__)


@frozen(eq=False)
class Observer:
    """Told of every turn and every answer of a provider. Nothing here waits."""

    store: Store
    switchboard: Switchboard
    providers: Mapping[str, ProviderSettings]
    is_draining: Callable[[], bool]
    metrics: Metrics = field(factory=Metrics)
    stopwatch: Stopwatch = field(factory=Stopwatch)
    history: History = field(init=False)
    _running: dict[str, Trace] = field(factory=dict, init=False)
    _started_at: float = field(factory=trio.current_time)

    @history.default
    def _make_history(self) -> History:
        return History(self.store, self.switchboard)

    @property
    def running(self) -> tuple[Trace, ...]:
        """The traces of the turns that are open, the oldest first."""
        return tuple(self._running.values())

    def note_turn_begun(self, trace: Trace) -> None:
        """A turn runs: `note_turn` must follow."""
        self._running[trace.trace_id] = trace
        self.store.trace_began(trace)

    def note_turn(self, trace: Trace) -> None:
        """A turn is over: keep its trace, count it, say so in the log."""
        now = trio.current_time()
        self._running.pop(trace.trace_id, None)
        self.store.trace_ended(trace)
        if trace.source == PUSH_SOURCE:
            self.metrics.count_push(trace)
        else:
            self.metrics.count_turn(trace)
            self.history.note_turn(trace)
            self.stopwatch.note(trace, self.store.directory, now)
        log_turn(trace, now)

    def note_provider(self, answer: ProviderAnswer) -> None:
        """Count what a provider took for an answer."""
        is_met = self.stopwatch.note_answer(answer, self.providers[answer.provider].targets)
        self.metrics.count_provider_answer(answer, is_met)
        self.store.provider_answered(answer)

    def health(self) -> tuple[int, dict[str, object]]:
        """What `/health` shows, on both listeners.

        A store that fails is said, but with status 200: answers do not depend on it, and nobody
        is helped by a probe that restarts the gateway for it.
        """
        store, is_draining = self.store, self.is_draining()
        working = "degraded" if store.is_degraded else "ok"
        body: dict[str, object] = {
            "status": "draining" if is_draining else working,
            "version": __version__,
            "uptime": int(trio.current_time() - self._started_at),
            "bots_online": self.switchboard.online_bots,
            "turns_open": self.switchboard.open_turns,
            "store": {"degraded": store.is_degraded, "dropped": store.dropped},
        }
        return (503 if is_draining else 200), body

    def show_counts(self, open_connections: Callable[[], int]) -> None:
        """Put into the metrics what is counted elsewhere: read when it is asked for."""
        store, watch = self.store, self.metrics.watch
        watch("eyeclaw_bots_online", "Bots that are online", lambda: self.switchboard.online_bots)
        watch("eyeclaw_turns_open", "Turns that are open", lambda: self.switchboard.open_turns)
        watch("eyeclaw_connections_open", "Connections on the public listener", open_connections)
        watch(
            "eyeclaw_store_degraded",
            "1 while the disk or a lock keeps traces from being written",
            lambda: store.is_degraded,
        )
        watch_total, board = self.metrics.watch_total, self.switchboard
        watch_total(
            "eyeclaw_store_writes_dropped",
            "Traces, sessions and uses of keys that were given up unwritten",
            lambda: store.dropped,
        )
        watch_total(
            "eyeclaw_late_messages",
            "Messages of bots about turns that were over",
            lambda: board.late_messages,
        )
        watch_total(
            "eyeclaw_foreign_messages",
            "Messages of bots about turns of other bots",
            lambda: board.foreign_messages,
        )


def log_turn(trace: Trace, now: float) -> None:
    """The one canonical line of a turn: no question, answer, place or key in it."""
    first = trace.first_chunk_at
    log.info(
        "turn.finished",
        trace_id=trace.trace_id,
        session_id=trace.session_id,
        bot_id=trace.bot_id,
        outcome=trace.outcome.value if trace.outcome else None,
        reason=trace.reason or None,
        chunks=trace.chunks_received,
        written=trace.chunks_written,
        lost=trace.missing_count,
        duplicates=trace.duplicates,
        resumed=trace.resumed,
        anomalies=[anomaly.value for anomaly in trace.anomalies] or None,
        first_ms=None if first is None else round((first - trace.started_at) * 1000),
        ms=round((now - trace.started_at) * 1000),
    )
    if trace.said:
        log.warning("turn.bot_error", trace_id=trace.trace_id, said=trace.said[:500])
