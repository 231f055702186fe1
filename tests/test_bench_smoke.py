"""The bench itself: tiny loads on the gateway. What it says of times is never judged here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# Bounds a run that hangs; it takes some 15 s (seconds).
SMOKE_WITHIN = 120.0

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))),
    reason="there is no C compiler for the load generator",
)


@pytest.fixture(scope="module")
def smoked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a smoke run has written."""
    folder = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SMOKE_WITHIN,
    )
    assert done.returncode == 0, done.stderr
    assert "## Light load" in (folder / "README.md").read_text("utf-8")
    results: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    results["samples"] = json.loads((folder / "samples.json").read_text("utf-8"))
    return results


def test_every_scenario_of_the_bench_runs_and_finds_nothing_lost_doubled_or_reordered(
    smoked: dict[str, Any],
) -> None:
    assert smoked["failures"] == []
    for name, scenario in smoked["scenarios"].items():
        assert scenario["servers"]["gateway"], f"{name} has measured nothing"
    for sample in smoked["samples"]:
        assert sample["report"]["faults"] == {}


def test_the_results_say_on_what_and_of_what_they_were_measured(smoked: dict[str, Any]) -> None:
    assert smoked["machine"]["cores"] >= 1
    assert smoked["versions"]["gateway"].startswith("eyeclaw-trio ")
    assert smoked["date"].startswith("20")
    light = next(each for each in smoked["samples"] if each["scenario"] == "light")
    assert light["report"]["delay_ms"]["count"] == light["report"]["chunks"] > 0
    assert 0 < light["report"]["load_busy"] < 1
