"""RELIABILITY 34: everything at random for a minute; a failing seed can be replayed."""

from __future__ import annotations

import os
import time

import pytest
import structlog
from random_faults import quieten, run_world

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", str(time.time_ns() % 1_000_000)))


async def test_row_34_a_minute_of_random_faults_loses_nothing_that_could_be_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capsys.disabled():
        print(f"\nrandom faults: CHAOS_SEED={SEED}", flush=True)
    quieten()
    try:
        report = await run_world(SEED, SECONDS)
    finally:
        structlog.reset_defaults()
    with capsys.disabled():
        print(f"random faults: {report}", flush=True)
    assert report.turns >= SECONDS * 500 / 60
    assert report.healthy >= SECONDS
    assert report.uncured <= report.turns / 100
