"""What a model says and calls becomes chunks, device actions and follow-ups."""

from __future__ import annotations

import json
from typing import Any

from connector_fakes import Dictated, command

from eyeclaw_trio.connector.answering import answer_command, ask
from eyeclaw_trio.core.action_words import Offer
from eyeclaw_trio.core.tool_calls import ToolCall
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamMessage,
    StreamSummary,
    StreamToolCall,
)
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.to_bot import ExecuteCommand

PHOTO = '{"tool_call": {"command": "take_photo"}}'


class Heard(list[StreamMessage]):
    async def __call__(self, message: StreamMessage) -> None:
        self.append(message)


def offering(**metadata: Any) -> ExecuteCommand:
    return command(
        actions=("take_photo", "take_navigation"),
        follow_ups=2,
        original_metadata={"context": {"lang": "en-US"}},
        **metadata,
    )


def ending(text: str, chunks: int) -> list[StreamMessage]:
    return [StreamEnd("t1"), StreamSummary("t1", text, chunks, hash_content(text))]


async def test_a_block_is_cut_out_and_told_in_its_place() -> None:
    provider, heard = Dictated(), Heard()
    provider.dictate("你好", "好的。\n", "``", "`eyeclaw\n", PHOTO[:9], PHOTO[9:] + "\n```", "\n看")
    provider.finish("你好")
    await answer_command(offering(), provider, heard)
    assert heard == [
        StreamChunk("t1", "好的。\n", 0),
        StreamToolCall("t1", {"command": "take_photo"}),
        StreamChunk("t1", "看", 1),
        *ending("好的。\n看", 2),
    ]


async def test_follow_ups_of_a_block_are_told_too() -> None:
    provider, heard = Dictated(), Heard()
    provider.dictate("你好", '好\n```eyeclaw\n{"follow_up": ["甲？", 5, "乙？"]}\n```\n')
    provider.finish("你好")
    await answer_command(offering(), provider, heard)
    assert heard[1] == StreamFollowUp("t1", ("甲？", "乙？"))


async def test_where_nothing_is_offered_a_block_is_text_like_any_other() -> None:
    provider, heard = Dictated(), Heard()
    text = f"```eyeclaw\n{PHOTO}\n```"
    provider.dictate("你好", text)
    provider.finish("你好")
    await answer_command(command(), provider, heard)
    assert heard[0] == StreamChunk("t1", text, 0)


async def test_what_a_block_holds_that_is_no_action_is_told_for_the_trace_only() -> None:
    for block in ("take_photo", '{"tool_call": "take_photo"}', "[1]", '{"tool_call": {"x": 1}}'):
        provider, heard = Dictated(), Heard()
        provider.dictate("你好", f"好\n```eyeclaw\n{block}\n```\n")
        provider.finish("你好")
        await answer_command(offering(), provider, heard)
        [told] = [each for each in heard if isinstance(each, StreamToolCall)]
        assert "command" not in told.tool_call
        assert len(provider.questions) == 1


async def test_a_call_of_a_function_becomes_an_action_before_any_further_text() -> None:
    provider, heard = Dictated(), Heard()
    call = ToolCall("c1", "take_navigation", '{"action": "close"}')
    provider.dictate("你好", "好", call, "了")  # type: ignore[arg-type]  # a piece, too
    provider.finish("你好")
    await answer_command(offering(), provider, heard)
    assert heard[:3] == [
        StreamChunk("t1", "好", 0),
        StreamToolCall("t1", {"command": "take_navigation", "action": "close"}),
        StreamChunk("t1", "了", 1),
    ]
    assert len(provider.questions) == 1


async def test_a_wrong_call_is_told_to_the_model_once_and_what_it_says_then_goes_on() -> None:
    provider, heard = Dictated(), Heard()
    wrong = ToolCall("c1", "take_video", "{}")
    provider.dictate("你好", "我看看。", wrong, "再试。", wrong)  # type: ignore[arg-type]
    provider.finish("你好")

    async def hear(message: StreamMessage) -> None:
        await heard(message)

    await answer_command(offering(), provider, hear)
    first, second = provider.questions
    assert first.behind == ()
    said, result, again = second.behind
    assert said["role"] == "assistant"
    assert said["content"] == "我看看。再试。"
    assert said["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "take_video", "arguments": "{}"},
    }
    assert result["role"] == again["role"] == "tool"
    assert "must be one of" in result["content"]
    told = [each for each in heard if isinstance(each, StreamToolCall)]
    assert told == [StreamToolCall("t1", {"command": "take_video"})] * 2
    assert heard[-2:] == ending("我看看。再试。", 2)


async def test_a_model_that_has_nothing_to_add_has_not_failed() -> None:
    provider, heard = Dictated(), Heard()
    wrong = ToolCall("c1", "take_photo", '{"zoom": 2}')
    empty = ProviderFailed(Reason.EMPTY_ANSWER, "no text")
    provider.dictate("你好", "好。", wrong)  # type: ignore[arg-type]
    provider.finish("你好")
    answers = 0
    plain = provider.answer

    def answer(question: Any) -> Any:
        nonlocal answers
        answers += 1
        if answers == 2:
            raise empty
        return plain(question)

    provider.answer = answer  # type: ignore[method-assign]
    await answer_command(offering(), provider, heard)
    assert heard[-2:] == ending("好。", 1)


async def test_where_nothing_was_said_an_empty_second_answer_is_a_failure() -> None:
    provider, heard = Dictated(), Heard()
    provider.dictate("你好", ToolCall("c1", "x", "{}"), ProviderFailed(Reason.EMPTY_ANSWER, "no"))  # type: ignore[arg-type]
    await answer_command(offering(), provider, heard)
    assert heard[-1] == StreamError("t1", "no", "empty_answer")


async def test_one_action_that_is_right_is_enough() -> None:
    provider, heard = Dictated(), Heard()
    calls = [ToolCall("c1", "take_photo", "{}"), ToolCall("c2", "x", json.dumps([]))]
    provider.dictate("你好", *calls)  # type: ignore[arg-type]
    provider.finish("你好")
    await answer_command(offering(), provider, heard)
    assert len(provider.questions) == 1
    assert heard == [
        StreamToolCall("t1", {"command": "take_photo"}),
        StreamToolCall("t1", {"command": "x"}),
        *ending("", 0),
    ]


def test_a_model_is_asked_with_what_this_turn_s_reader_can_do() -> None:
    question = ask(offering(), "shared")
    assert question.offer == Offer(("take_photo", "take_navigation"), 2, "en")
    assert ask(command(), "shared").offer == Offer()
