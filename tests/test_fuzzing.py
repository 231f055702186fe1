"""The rounds that the fuzzers run in."""

from __future__ import annotations

import itertools

import pytest
from fuzzing import fuzz_rounds


def test_the_same_seed_gives_the_same_rounds_and_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUZZ_SEED", "7")
    monkeypatch.setenv("FUZZ_SECONDS", "60")
    first, second = (
        [dice.random() for dice in itertools.islice(fuzz_rounds("a thing"), 3)] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 3
    assert "FUZZ_SEED=7" in capsys.readouterr().out


def test_without_time_there_is_one_round_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUZZ_SECONDS", "1e-9")
    assert len(list(fuzz_rounds("a thing"))) == 1
