"""What is measured: all scenarios, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bench.figures import (
    BUSY,
    CPU,
    DELAY,
    FIRST_BYTE,
    FIRST_CHUNK,
    MEMORY,
    MODEL,
    PROBE,
    RATE,
    Figure,
    times,
)
from bench.generator import Load
from bench.open_pages import PagesBesideAnswers
from bench.scenario import LoadScenario, Replay, Scenario, Size, Soak
from bench.speech_cost import SpeechCost
from bench.start_up import StartUp
from bench.trace_cost import TraceCost
from bench.trace_pages import TracePages

# Everywhere enough, also for a bench of ten thousand idle bots.
MANY_CONNECTIONS: Final = "[limits]\nconnections = 20000\n"
_MODEL_SETTINGS: Final = """
[providers.bench]
base_url = "http://127.0.0.1:{port}/v1"
api_key = "none"
model = "bench"
"""
# Answers at once, for the curve of their cost.
STREAMS: Final[Mapping[Size, Sequence[int]]] = {
    "full": (10, 50, 100, 1_000, 5_000),
    "quick": (10, 100, 1_000),
    "smoke": (10,),
}


def all_scenarios(size: Size) -> list[Scenario]:
    """All of them, in the order in which they are measured."""
    streams = _streams(STREAMS[size])
    return [
        *_relays(),
        *_paced(),
        *_idle(),
        *streams,
        *_turns(),
        StartUp(),
        TraceCost(),
        SpeechCost(),
        TracePages(),
        PagesBesideAnswers(),
    ]


def soak(minutes: float) -> Scenario:
    """The gateway for so long: its memory, and every number."""
    return Soak(
        "soak",
        f"Soak of {minutes:g} minutes",
        "50 answers at 20 chunks a second beside 200 idle bots",
        Load(bots=210, answer_bots=10, rate=20, chunks=60, seconds=minutes * 60, probe="/nope"),
        [CPU, *DELAY, *PROBE, *MEMORY[:2], Figure("grown_mb", "grown MB", ("grown_mb",), 1)],
        repeats=1,
        gateway_only=True,
    )


def _relays() -> list[Scenario]:
    figures = [CPU, RATE, *DELAY[:2], BUSY]
    return [
        LoadScenario(
            "relay",
            "Relay at saturation, big batches",
            "10 bots, 50 answers at once, 16 chunks of each unacknowledged",
            Load(),
            figures,
        ),
        LoadScenario(
            "relay-small",
            "Relay at saturation, small batches",
            "50 bots, 50 answers at once, 2 chunks of each unacknowledged",
            Load(bots=50, window=2),
            figures,
        ),
    ]


def _paced() -> list[Scenario]:
    figures = [*DELAY, *FIRST_BYTE, *FIRST_CHUNK, CPU]
    return [
        LoadScenario(
            "light",
            "Light load",
            "50 answers at once, 20 chunks a second each",
            Load(rate=20, chunks=40, seconds=8, warm_up=2),
            figures,
        ),
        LoadScenario(
            "middle",
            "Middle load",
            "50 answers at once, 100 chunks a second each",
            Load(rate=100, chunks=200, seconds=6, warm_up=2),
            figures,
        ),
    ]


def _idle() -> list[Scenario]:
    return [
        LoadScenario(
            "idle-answers",
            "1,000 idle answers",
            "open for some seconds after their first chunk, on 10 bots; a request every 20 ms",
            Load(answers=1_000, rate=0.02, probe="/nope", seconds=6),
            [*MEMORY, *PROBE],
            repeats=2,
        ),
        LoadScenario(
            "idle-bots",
            "10,000 idle bots",
            "linked and silent; a request every 20 ms",
            Load(
                bots=10_000, answers=0, probe="/nope", seconds=10, connecting=128, link_within=60
            ),
            [*MEMORY, *PROBE, Figure("linked_s", "all linked s", ("linked_s",))],
            repeats=1,
            dialects=frozenset({"cable"}),
            settings=MANY_CONNECTIONS,
            counted=lambda load: load.bots,
        ),
        LoadScenario(
            "reconnect",
            "2,000 bots come back at once",
            "all killed in one instant while one answer runs at 20 chunks a second",
            Load(
                bots=2_001, answer_bots=1, answers=1, rate=20, chunks=100, kill_at=1, seconds=12,
                connecting=128,
            ),
            [
                Figure("back_p50_s", "back p50 ms", ("relink_ms", "p50"), 0),
                Figure("back_s", "all back ms", ("relink_ms", "max"), 0),
                *times("delay", "the answer's delay", "p50", "p99", "max"),
            ],
            repeats=2,
            gateway_only=True,
        ),
    ]  # fmt: skip


def _streams(counts: Sequence[int]) -> list[Scenario]:
    return [
        LoadScenario(
            f"streams-{count}",
            f"{count:,} answers at once",
            "at saturation, 16 chunks of each unacknowledged",
            Load(bots=min(50, max(10, count // 50)), answers=count, seconds=3, chunks=300),
            [CPU, RATE, *DELAY[:2], BUSY],
            repeats=2,
            # nginx as the peers configure it has 8,192 connections, and nchan needs two of each.
            dialects=frozenset({"cable", "nchan"} if count < 4_000 else {"cable"}),
        )
        for count in counts
    ]


def _turns() -> list[Scenario]:
    answered = times("answer", "whole answer", "p50", "p99", "max")
    return [
        LoadScenario(
            "offline",
            "The offline answer",
            "for a bot that is not connected, asked for every 5 ms",
            Load(bots=1, answers=100, offline=True, pace=0.005, seconds=5),
            answered,
            gateway_only=True,
        ),
        LoadScenario(
            "offline-burst",
            "The offline answer, 100 in one instant",
            "for a bot that is not connected",
            Load(bots=1, answers=100, offline=True, together=True, seconds=3),
            answered,
            gateway_only=True,
        ),
        Replay(
            "replay",
            "A turn of production, replayed",
            "60 chunks in 1.8 s, out of order and in bursts; 50 at once",
            Load(seconds=8, warm_up=2),
            [*DELAY, *FIRST_CHUNK, CPU],
            gateway_only=True,
        ),
        LoadScenario(
            "model",
            "Embedded bots with a model",
            "50 answers at once, 20 tokens a second each, by an OpenAI-compatible model",
            Load(rate=20, chunks=40, seconds=8, warm_up=2),
            [*DELAY, *FIRST_CHUNK, CPU, *MODEL],
            settings=_MODEL_SETTINGS,
            provider="bench",
            gateway_only=True,
        ),
    ]
