"""The defaults of the contract, and durations that cannot be waited for."""

from __future__ import annotations

import math

import attrs
import pytest

from eyeclaw_trio.core.patience import TAIL_GRACE, Limits, Patience


def test_the_defaults_are_those_of_the_contract() -> None:
    assert attrs.asdict(Patience()) == {
        "idle_timeout": 60.0,
        "keepalive": 7.0,
        "presence_timeout": 300.0,
        "resume_grace": 20.0,
        "summary_grace": 2.0,
        "queue_timeout": 30.0,
        "drain_timeout": 30.0,
        "request_timeout": 10.0,
        "write_timeout": 10.0,
        "late_after": 0.0,
        "late_timeout": 600.0,
    }
    assert attrs.asdict(Limits()) == {
        "request_body": 1_048_576,
        "answer_buffer": 1_048_576,
        "cable_message": 1_048_576,
        "queued_turns": 16,
        "connections": 10_000,
        "image": 10_485_760,
    }
    assert TAIL_GRACE == 0.25


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Patience)])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_a_duration_is_above_zero_and_ends_some_day(name: str, value: float) -> None:
    if (name, value) == ("late_after", 0):
        assert Patience(late_after=0).late_after == 0.0  # never
        return
    with pytest.raises(ValueError, match=name):
        Patience(**{name: value})


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Limits)])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_is_above_zero(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: value})
