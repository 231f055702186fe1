"""Falling back: before the first text, and never after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from model_scripts import PIECES
from scripted_model import ScriptedModel, open_scripted_model
from structlog.testing import capture_logs

from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

ZHIPU = ProviderSettings(
    "zhipu", model="any", first_token_timeout=0.3, token_timeout=0.3, fallback=("hunyuan",)
)
HUNYUAN = attrs.evolve(ZHIPU, name="hunyuan", fallback=("zhipu",))


@attrs.define
class Asked:
    provider: Provider
    first: ScriptedModel
    second: ScriptedModel
    answers: list[ProviderAnswer]

    async def ask(self) -> list[str]:
        async with self.provider.answer(ProviderQuestion("你好")) as pieces:
            return [piece async for piece in pieces if isinstance(piece, str)]

    async def ask_into(self, said: list[str]) -> None:
        async with self.provider.answer(ProviderQuestion("你好")) as pieces:
            async for piece in pieces:
                said += [piece] if isinstance(piece, str) else []


@asynccontextmanager
async def two_models(first: str, second: str = "pieces") -> AsyncIterator[Asked]:
    """Zhipu, with Hunyuan behind it, and that with Zhipu again."""
    answers: list[ProviderAnswer] = []
    async with open_scripted_model(first) as one, open_scripted_model(second) as two:
        zhipu = attrs.evolve(ZHIPU, base_url=one.base_url)
        hunyuan = attrs.evolve(HUNYUAN, base_url=two.base_url)
        provider = open_provider(zhipu, {"zhipu": zhipu, "hunyuan": hunyuan}, answers.append)
        with trio.fail_after(10):
            try:
                yield Asked(provider, one, two, answers)
            finally:
                await provider.aclose()


@pytest.mark.parametrize(
    "script",
    [
        *("401", "402", "404", "429", "500", "302", "web-page", "empty", "error-then-done"),
        *("close-before-head", "reset-before-head", "hang-before-head", "hang-after-head"),
    ],
)
async def test_who_fails_before_the_first_text_is_answered_for_by_the_next(script: str) -> None:
    async with two_models(script) as asked:
        with capture_logs() as logs:
            assert await asked.ask() == list(PIECES)
        assert [each.provider for each in asked.answers] == ["zhipu", "hunyuan"]
        assert [each.reason is None for each in asked.answers] == [False, True]
        (line,) = [each for each in logs if each["event"] == "provider.failed"]
        assert (line["provider"], line["reason"]) == ("zhipu", asked.answers[0].reason.value)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "script", ["reset", "dropped", "cut", "hang", "error-in-the-middle", "not-json"]
)
async def test_who_fails_after_the_first_text_is_answered_for_by_nobody(script: str) -> None:
    said: list[str] = []
    async with two_models(script) as asked:
        with pytest.raises(ProviderFailed):
            await asked.ask_into(said)
        assert said == list(PIECES[:2])
        assert asked.second.completions == []
        assert [each.provider for each in asked.answers] == ["zhipu"]


async def test_space_alone_is_no_text_and_goes_with_who_has_failed() -> None:
    async with two_models("space-then-cut") as asked:
        assert await asked.ask() == list(PIECES)
    async with two_models("space-then-pieces") as asked:
        assert await asked.ask() == ["\n", *PIECES]
        assert asked.second.completions == []


async def test_nobody_else_is_asked_while_the_first_answers() -> None:
    async with two_models("pieces") as asked:
        assert await asked.ask() == list(PIECES)
        assert asked.second.completions == []


async def test_each_has_its_own_time_to_the_first_token() -> None:
    # 0.3 s of silence of the first, then 0.2 s of the second: in time, each by itself.
    async with two_models("hang-before-head", "pieces:5:0.2") as asked:
        assert await asked.ask() == list(PIECES)
        assert asked.answers[1].segments.first_token is not None
        assert asked.answers[1].segments.first_token < 0.3


async def test_when_all_fail_it_is_the_firsts_failure_with_the_words_of_all() -> None:
    async with two_models("401", "429") as asked:
        with pytest.raises(ProviderFailed) as caught:
            await asked.ask()
        assert caught.value.reason is Reason.MODEL_KEY_REFUSED
        assert caught.value.retry_after == 7
        assert "zhipu: HTTP 401: wrong key; hunyuan: HTTP 429" in caught.value.detail
        # Hunyuan has Zhipu behind it: that is not followed, or they would go round for ever.
        assert (len(asked.first.completions), len(asked.second.completions)) == (1, 1)


@pytest.mark.parametrize("script", ["hang-before-head", "hang"])
async def test_cancelling_closes_the_request_of_whoever_is_being_asked(script: str) -> None:
    async with two_models("500", script) as asked:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asked.ask)
            await asked.second.wait_until(lambda: len(asked.second.completions) == 1)
            nursery.cancel_scope.cancel()
        await asked.second.wait_until(lambda: asked.second.aborted == 1, seconds=1)
        assert [each.provider for each in asked.answers] == ["zhipu"]  # who was left has not failed


async def test_all_of_them_are_warmed_up() -> None:
    async with two_models("401") as asked:
        await asked.provider.warm_up()
        assert await asked.ask() == list(PIECES)
        assert (asked.first.connections, asked.second.connections) == (1, 1)
        assert not any(each.is_cold for each in asked.answers)
