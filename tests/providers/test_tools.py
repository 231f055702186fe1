"""Device actions as a model's functions: offered, called in pieces, explained in words instead."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from asking_models import PATIENT, asked_at
from model_actions import NAVIGATION
from scripted_model import ScriptedModel, open_scripted_model

from eyeclaw_trio.core.action_words import Offer, describe_blocks, describe_functions
from eyeclaw_trio.core.tool_calls import ToolCall
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.provider import Piece, Provider, ProviderQuestion

OFFER = Offer(("take_photo", "take_navigation"), 2)


async def ask(provider: Provider, question: ProviderQuestion) -> list[Piece]:
    with trio.fail_after(10):
        async with provider.answer(question) as pieces:
            return [each async for each in pieces]


async def said_by(script: str) -> list[Piece]:
    said: list[Piece] = []
    async with open_scripted_model(script) as model, asked_at(model) as provider:
        said += await ask(provider, ProviderQuestion("x", offer=OFFER))
    return said


async def body_of(asked: ScriptedModel, offer: Offer, **changes: Any) -> Any:
    async with asked_at(asked, attrs.evolve(PATIENT, **changes)) as provider:
        await ask(provider, ProviderQuestion("你好", offer=offer))
    return asked.completions[-1].body


async def test_functions_are_offered_where_the_model_takes_them() -> None:
    async with open_scripted_model("pieces") as model:
        body = await body_of(model, OFFER, system_prompt="短一点")
        assert body["tools"] == describe_functions(OFFER)
        assert [each["content"] for each in body["messages"]] == [
            "短一点",
            "你好",
        ]


@pytest.mark.parametrize("changes", [{"tools": False}, {"model": "openclaw/main"}])
async def test_others_are_told_of_a_block_in_the_system_text(changes: dict[str, Any]) -> None:
    async with open_scripted_model("pieces") as model:
        body = await body_of(model, OFFER, **changes)
        assert "tools" not in body
        assert body["messages"][0] == {
            "role": "system",
            "content": describe_blocks(OFFER),
        }


async def test_where_nothing_is_offered_nothing_is_said_of_it() -> None:
    async with open_scripted_model("pieces") as model:
        body = await body_of(model, Offer())
        assert "tools" not in body
        assert body["messages"] == [{"role": "user", "content": "你好"}]


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_streamed_pieces_of_arguments_are_put_together(size: int) -> None:
    assert await said_by(f"navigate:{size}") == [ToolCall("call_1", "take_navigation", NAVIGATION)]
    assert await said_by(f"photo:{size}") == ["好的，", ToolCall("call_1", "take_photo", "{}")]


async def test_a_call_is_given_out_before_the_text_that_comes_behind_it() -> None:
    assert await said_by("call-then-text") == [ToolCall("call_1", "take_photo", ""), "拍好了"]


async def test_a_call_that_is_cut_off_is_none() -> None:
    async with open_scripted_model("cut-call") as model, asked_at(model) as provider:
        with pytest.raises(ProviderFailed) as failed:
            await ask(provider, ProviderQuestion("x", offer=OFFER))
        assert failed.value.reason is Reason.CUT_ANSWER


async def test_a_whole_answer_may_be_a_call_too() -> None:
    assert await said_by("whole-call") == [ToolCall("c", "take_photo", "{}")]


async def test_thinking_of_a_model_is_never_text() -> None:
    assert await said_by("reasoning") == ["好"]


async def test_what_follows_the_question_is_sent_as_it_is() -> None:
    behind = ({"role": "assistant", "content": "", "tool_calls": []}, {"role": "tool"})
    async with open_scripted_model("pieces") as model, asked_at(model) as provider:
        await ask(provider, ProviderQuestion("x", behind=behind))
        assert model.completions[-1].body["messages"][1:] == list(behind)
