"""What is shown to Prometheus: delays in bulk, and totals that others keep."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.errors import Reason
from eyeclaw_trio.metrics import Metrics, measure_loop_delay


def shown(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples whose names begin so."""
    pairs = (line.rsplit(" ", 1) for line in metrics.render().decode().splitlines())
    return {key: float(value) for key, value in pairs if key.startswith(name)}


def test_delays_are_counted_in_their_buckets_bounds_included() -> None:
    metrics = Metrics()
    metrics.relay_delay.note([0.0001, 0.00005, 0.003, 7.0])
    metrics.relay_delay.note([])
    metrics.relay_delay.note([0.00011])
    found = shown(metrics, "eyeclaw_relay_delay_seconds")
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.0001"}'] == 2
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.0002"}'] == 3
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.002"}'] == 3
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.005"}'] == 4
    assert found['eyeclaw_relay_delay_seconds_bucket{le="1.0"}'] == 4
    assert found['eyeclaw_relay_delay_seconds_bucket{le="+Inf"}'] == 5
    assert found["eyeclaw_relay_delay_seconds_count"] == 5
    assert found["eyeclaw_relay_delay_seconds_sum"] == 7.00326


def test_a_turn_is_counted_from_its_trace() -> None:
    metrics = Metrics()
    trace = Trace("trace_1", "turn", 1, 0.0)
    for n in range(3):
        trace.note_chunk(0.3, n, "x")
        trace.note_written(0.302, 0.3, ["x"])
    trace.chunks_received = 3
    trace.end(Outcome.SLOW_READER)
    metrics.count_turn(trace)
    assert shown(metrics, "eyeclaw_turns_total") == {
        'eyeclaw_turns_total{outcome="slow_reader"}': 1
    }
    found = shown(metrics, "eyeclaw_relay_delay_seconds")
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.001"}'] == 0
    assert found['eyeclaw_relay_delay_seconds_bucket{le="0.005"}'] == 3


def test_a_providers_answers_are_counted_by_outcome_target_and_segment() -> None:
    metrics = Metrics()
    times = Segments(headers=0.2, first_token=0.4, last_token=2.5)
    metrics.count_provider_answer(ProviderAnswer("zhipu", times, is_cold=True), True)
    failed = ProviderAnswer("zhipu", Segments(), is_cold=False, reason=Reason.MODEL_BUSY)
    metrics.count_provider_answer(failed, None)
    assert shown(metrics, "eyeclaw_provider_answers_total") == {
        'eyeclaw_provider_answers_total{outcome="answered",provider="zhipu"}': 1,
        'eyeclaw_provider_answers_total{outcome="model_busy",provider="zhipu"}': 1,
    }
    assert shown(metrics, "eyeclaw_provider_targets_total") == {
        'eyeclaw_provider_targets_total{connection="cold",provider="zhipu",result="met"}': 1
    }
    counts = shown(metrics, "eyeclaw_provider_seconds_count")
    assert {key.split('segment="')[1][:-2] for key in counts} == {
        "headers",
        "first_token",
        "last_token",
    }


def test_a_total_that_somebody_else_keeps_is_a_counter() -> None:
    metrics = Metrics()
    metrics.watch_total("eyeclaw_store_writes_dropped", "Dropped", lambda: 7)
    assert shown(metrics, "eyeclaw_store_writes") == {"eyeclaw_store_writes_dropped_total": 7}
    assert "# TYPE eyeclaw_store_writes_dropped_total counter" in metrics.render().decode()


async def test_the_event_loop_is_looked_at_every_second(mock_clock: MockClock) -> None:
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure_loop_delay, metrics.loop_delay)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1.0)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(1.2)  # something has kept the loop for 200 ms
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    found = shown(metrics, "eyeclaw_event_loop_delay_seconds")
    assert found['eyeclaw_event_loop_delay_seconds_bucket{le="0.0001"}'] == 1
    assert found['eyeclaw_event_loop_delay_seconds_bucket{le="0.1"}'] == 1
    assert found['eyeclaw_event_loop_delay_seconds_bucket{le="0.25"}'] == 2
