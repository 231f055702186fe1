"""What is known of an answer's time: its segments, and whether its targets were met."""

from __future__ import annotations

import attrs
import pytest
import trio
from scripted_model import open_scripted_model
from structlog.testing import capture_logs

from eyeclaw_trio.core.provider_timing import (
    SEGMENTS,
    ProviderAnswer,
    ProviderTimings,
    Segments,
    Target,
    Targets,
    resolve_targets,
)
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

SETTINGS = ProviderSettings("model", model="any")


async def ask(provider_settings: ProviderSettings, *texts: str) -> list[ProviderAnswer]:
    """What was noted while these were asked, one after the other."""
    answers: list[ProviderAnswer] = []
    provider = open_provider(provider_settings, note=answers.append)
    try:
        for text in texts:
            with trio.fail_after(5):
                try:
                    async with provider.answer(ProviderQuestion(text)) as pieces:
                        async for _ in pieces:
                            pass
                except ProviderFailed:
                    pass
    finally:
        await provider.aclose()
    return answers


async def test_the_segments_of_an_answer_follow_each_other_and_the_second_has_no_connect() -> None:
    async with open_scripted_model("pieces:3:0.05") as model:
        settings = attrs.evolve(SETTINGS, base_url=model.base_url)
        with capture_logs() as logs:
            cold, warm = await ask(settings, "你好", "你好")
    assert (cold.is_cold, warm.is_cold) == (True, False)
    assert (cold.http_version, warm.http_version) == ("HTTP/1.1", "HTTP/1.1")
    assert (warm.segments.connect, warm.segments.tls, cold.segments.tls) == (None, None, None)
    for answer in (cold, warm):
        reached = [at for name in SEGMENTS if (at := getattr(answer.segments, name)) is not None]
        assert reached == sorted(reached)
        assert answer.segments.first_token is not None
        assert answer.segments.last_token is not None
        assert answer.segments.first_token >= 0.05
        assert answer.segments.last_token - answer.segments.first_token >= 0.09
    first, second = [line for line in logs if line["event"] == "provider.answered"]
    assert (first["connection"], second["connection"]) == ("cold", "warm")
    assert first["targets"] == "met"
    assert {f"{name}_ms" for name in SEGMENTS} <= first.keys()


async def test_a_failure_is_noted_with_what_was_reached() -> None:
    async with open_scripted_model() as model:
        settings = attrs.evolve(SETTINGS, base_url=model.base_url)
        refused, cut = await ask(settings, "script:401", "script:cut")
    assert (refused.reason, cut.reason) == (Reason.MODEL_KEY_REFUSED, Reason.CUT_ANSWER)
    assert refused.segments.headers is not None
    assert refused.segments.first_token is None
    assert cut.segments.first_token is not None


async def test_space_is_no_first_token() -> None:
    async with open_scripted_model("space-then-pieces") as model:
        (answer,) = await ask(attrs.evolve(SETTINGS, base_url=model.base_url), "你好")
    assert answer.segments.first_token is not None
    assert answer.segments.first_token >= 0.05


async def test_warming_up_is_no_answer() -> None:
    answers: list[ProviderAnswer] = []
    async with open_scripted_model() as model:
        settings = ProviderSettings("openclaw", base_url=model.base_url, model="openclaw/main")
        provider = open_provider(settings, note=answers.append)
        await provider.warm_up()
        await provider.aclose()
        assert len(model.completions) == 1
    assert answers == []


# --- targets --------------------------------------------------------------------------------------


def answered(first: float, last: float, *, cold: bool = False) -> ProviderAnswer:
    return ProviderAnswer("model", Segments(first_token=first, last_token=last), cold)


def test_at_home_the_first_token_is_due_within_1_s_and_the_whole_answer_within_3() -> None:
    assert resolve_targets("home") == Targets(Target(1.0, 3.0), Target(1.0, 3.0))


def test_abroad_it_is_3_and_5_s_over_a_warm_connection_and_8_and_10_over_a_cold_one() -> None:
    assert resolve_targets("abroad") == Targets(Target(3.0, 5.0), Target(8.0, 10.0))


def test_targets_can_be_changed_and_cold_is_never_tighter_than_warm_by_itself() -> None:
    assert resolve_targets("home", first_token=2.0) == Targets(Target(2.0, 3.0), Target(2.0, 3.0))
    changed = resolve_targets("abroad", total=4.0, cold_first_token=1.0, cold_total=2.0)
    assert changed == Targets(Target(3.0, 4.0), Target(1.0, 2.0))


@pytest.mark.parametrize(
    ("first", "last", "cold", "is_met"),
    [
        (2.9, 4.9, False, True),
        (3.0, 4.9, False, False),
        (2.9, 5.0, False, False),
        (7.9, 9.9, True, True),
        (7.9, 10.0, True, False),
    ],
)
def test_a_target_is_met_when_both_times_are_under_it(
    first: float, last: float, cold: bool, is_met: bool
) -> None:
    assert (
        ProviderTimings(resolve_targets("abroad")).add(answered(first, last, cold=cold)) is is_met
    )


def test_timings_count_all_and_spread_the_newest() -> None:
    timings = ProviderTimings(resolve_targets("home"))
    failed = ProviderAnswer("model", Segments(), False, reason=Reason.MODEL_BUSY)
    assert timings.add(failed) is None
    timings.extend([answered(0.1, 1.0), answered(0.3, 4.0), answered(0.2, 2.0, cold=True)])
    shown = timings.describe()
    assert shown["asked"] == {"answered": 3, "failed": 1}
    assert (shown["targets_met"], shown["targets_missed"]) == (2, 1)
    assert shown["first_token_ms"] == {"last": 200.0, "p50": 200.0, "p95": 300.0}
    assert shown["last_token_ms"] == {"last": 2000.0, "p50": 2000.0, "p95": 4000.0}
    assert shown["segments_ms"]["tls"] is None
    assert shown["last_answer"]["connection"] == "cold"
