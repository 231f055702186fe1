"""OpenAI clients over memory streams, in virtual time (PROTOCOL 6)."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from fakes import BUSY, FAILED, OFFLINE, SILENT
from openai_fakes import (
    OpenAIGateway,
    ask,
    completion,
    objects_in,
    read_chunks,
    read_json_answer,
    text_in,
)
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamFollowUp,
    StreamToolCall,
)
from eyeclaw_trio.protocol.completions import Usage

STREAM: dict[str, Any] = {"stream": True}


async def test_a_question_is_answered_in_one_object() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion("湖上有什么？"))
            [command] = await bot.wait_for_commands()
            assert command.params.message == "湖上有什么？"
            bot.answer(command.session_id, "湖光", "秋月")
            response, said = await read_json_answer(client)
    assert response.status_code == 200
    [trace] = gateway.traces
    assert dict(response.headers)[b"x-request-id"] == trace.trace_id.encode()
    assert isinstance(said.pop("created"), int)
    assert said == {
        "id": f"chatcmpl-{command.session_id}",
        "object": "chat.completion",
        "model": "eyeclaw",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "湖光秋月", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
    assert (trace.source, trace.outcome, trace.chunks_written) == ("openai", Outcome.ANSWERED, 2)
    assert trace.message_id == said["id"]
    assert len(bot.acknowledged) == 2


async def test_a_stream_has_the_role_first_then_each_piece_and_why_it_ended() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(**STREAM))
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "湖光", "秋月")
            chunks = await read_chunks(client)
    created = chunks[0]["created"]
    head = {
        "id": f"chatcmpl-{command.session_id}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": "eyeclaw",
    }

    def chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return head | {"choices": [choice]}

    assert chunks == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "湖光"}),
        chunk({"content": "秋月"}),
        chunk({}, "stop"),
        "[DONE]",
    ]
    assert bot.cancelled == []


async def test_the_usage_that_the_model_has_said_is_a_chunk_of_its_own_where_it_was_asked_for() -> (
    None
):
    gateway = OpenAIGateway()
    bot = gateway.bot()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(**STREAM, stream_options={"include_usage": True}))
            [command] = await bot.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "湖", 0))
            bot.say(StreamEnd(command.session_id, "length", Usage(7, 5, 12)))
            chunks = await read_chunks(client)
    *pieces, last, usage, done = chunks
    assert all(chunk["usage"] is None for chunk in [*pieces, last])
    assert last["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    assert done == "[DONE]"


async def test_a_model_that_says_nothing_of_its_usage_is_not_said_to_have_used_nothing() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(**STREAM, stream_options={"include_usage": True}))
            bot.answer((await bot.wait_for_commands())[0].session_id, "湖")
            *chunks, done = await read_chunks(client)
            assert [chunk["usage"] for chunk in chunks] == [None, None, None]
            assert done == "[DONE]"
            await ask(client)
            bot.answer((await bot.wait_for_commands(2))[1].session_id, "湖")
            _, said = await read_json_answer(client)
            assert "usage" not in said


async def test_what_was_said_before_goes_along_and_the_system_text_stays_here() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot()
    messages = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "一"},
        {"role": "assistant", "content": "二"},
        {"role": "user", "content": [{"type": "text", "text": "三"}]},
    ]
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(messages=messages, user="wearer-7", temperature=0.5))
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "四")
            await read_json_answer(client)
    assert command.metadata.full_messages == (
        {"role": "user", "type": "text", "text": "一"},
        {"role": "agent", "type": "text", "text": "二"},
        {"role": "user", "type": "text", "text": "三"},
    )
    assert command.metadata.user_id == "wearer-7"
    assert command.metadata.openclaw_session_id == "bot_1"
    assert command.metadata.system_text == ""  # no glasses: nothing of their wearer is added
    assert (command.wishes.system, command.wishes.temperature) == (("Be short.",), 0.5)
    assert gateway.traces[0].user_id == "wearer-7"


async def test_a_comment_keeps_a_silent_stream_alive_and_no_chunk_says_anything_else(
    autojump_clock: MockClock,
) -> None:
    gateway = OpenAIGateway(patience=Patience(keepalive=7))
    bot = gateway.bot()
    began = trio.current_time()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(**STREAM))
            [command] = await bot.wait_for_commands()
            assert (await client.receive_head()).status_code == 200
            assert await client.receive_event() == ": keep-alive"
            assert trio.current_time() == began + 7
            bot.answer(command.session_id, "湖")
            chunks = objects_in(await client.receive_answer())
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_in(chunks) == "湖"


@pytest.mark.parametrize("fields", [{}, STREAM])
async def test_what_the_bot_did_is_a_status_as_long_as_nothing_was_said(
    fields: dict[str, Any], autojump_clock: MockClock
) -> None:
    gateway = OpenAIGateway(patience=Patience(idle_timeout=5), limits=Limits(queued_turns=1))
    bot = gateway.bot()

    async def fail() -> tuple[int, Any, dict[bytes, bytes]]:
        async with gateway.glasses() as client:
            await ask(client, completion(**fields))
            response, said = await read_json_answer(client)
            return response.status_code, said["error"], dict(response.headers)

    status, error, headers = await fail()
    assert (status, error["message"], error["code"]) == (503, OFFLINE, "offline")
    assert error["type"] == "server_error"
    assert b"x-should-retry" not in headers
    with bot.station.attached(bot):
        status, error, headers = await fail()
        assert (status, error["message"], error["code"]) == (504, SILENT, "timeout")
        assert headers[b"x-should-retry"] == b"false"
        async with gateway.glasses() as first, gateway.glasses() as second:
            await ask(first)
            await ask(second)
            await trio.testing.wait_all_tasks_blocked()
            status, error, headers = await fail()
        assert (status, error["message"], error["code"]) == (429, BUSY, "bot_busy")
        assert headers[b"retry-after"] == b"5"
    assert {trace.source for trace in gateway.traces} == {"openai"}


async def test_a_bot_that_fails_is_502_before_the_first_word_and_an_error_behind_it() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client, completion(**STREAM))
            [command] = await bot.wait_for_commands()
            bot.say(StreamError(command.session_id, "secret words of the model"))
            response, said = await read_json_answer(client)
            assert response.status_code == 502
            assert said["error"]["message"] == FAILED
        async with gateway.glasses() as client:
            await ask(client, completion(**STREAM))
            command = (await bot.wait_for_commands(2))[1]
            bot.say(StreamChunk(command.session_id, "湖", 0))
            assert (await client.receive_head()).status_code == 200
            for _ in range(2):
                await client.receive_event()
            bot.say(StreamError(command.session_id, "secret words of the model"))
            [block] = await client.receive_answer()
            [error] = objects_in([block])
            assert error["error"]["message"] == FAILED
            assert error["error"]["type"] == "server_error"
    assert [trace.outcome for trace in gateway.traces] == [Outcome.BOT_ERROR] * 2


@pytest.mark.parametrize("fields", [{}, STREAM])
async def test_what_only_glasses_can_do_is_left_out_and_the_text_around_it_is_whole(
    fields: dict[str, Any],
) -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot()
    async with gateway.glasses() as client:
        with bot.station.attached(bot):
            await ask(client, completion(**fields))
            [command] = await bot.wait_for_commands()
            turn = command.session_id
            bot.say(StreamChunk(turn, "湖", 0), StreamToolCall(turn, {"command": "take_photo"}))
            bot.say(StreamFollowUp(turn, ("然后？",)), StreamChunk(turn, "光", 1), StreamEnd(turn))
            bot.say(summary_of(turn, "湖", "光"))
            if fields:
                chunks = await read_chunks(client)
                assert text_in(chunks) == "湖光"
                assert "take_photo" not in str(chunks)
                assert "然后" not in str(chunks)
            else:
                _, said = await read_json_answer(client)
                assert said["choices"][0]["message"]["content"] == "湖光"
                assert "tool_calls" not in said["choices"][0]["message"]
    assert [trace.outcome for trace in gateway.traces] == [Outcome.ANSWERED]


@pytest.mark.parametrize("fields", [{}, STREAM])
async def test_who_hangs_up_cancels_the_turn(fields: dict[str, Any]) -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client, completion(**fields))
            await bot.wait_for_commands()
        await bot.wait_for_cancel()
    [trace] = gateway.traces
    assert trace.outcome is Outcome.CANCELLED
    assert gateway.answers.count == 0


async def test_who_leaves_in_the_middle_of_a_stream_cancels_the_turn() -> None:
    gateway = OpenAIGateway()
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client, completion(**STREAM))
            [command] = await bot.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "湖", 0))
            await client.receive_head()
            await client.receive_event()
        await bot.wait_for_cancel()
    assert gateway.traces[0].outcome is Outcome.CANCELLED


async def test_whole_answers_that_take_too_much_room_are_given_up_and_the_room_is_given_back() -> (
    None
):
    gateway = OpenAIGateway()
    shares = Shares(4_000)
    gateway.serve_openai(shares)
    bot = gateway.bot(can_cancel=True)
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client)
            [command] = await bot.wait_for_commands()
            bot.say(StreamChunk(command.session_id, "x" * 5_000, 0))
            response, said = await read_json_answer(client)
            assert (response.status_code, said["error"]["code"]) == (502, "too_long")
    assert shares.taken == 0
    assert gateway.traces[0].outcome is Outcome.REJECTED


async def test_nothing_new_is_begun_while_the_gateway_stops() -> None:
    gateway = OpenAIGateway(is_draining=True)
    async with gateway.glasses() as client:
        await ask(client)
        response, said = await read_json_answer(client)
    assert response.status_code == 503
    assert said["error"]["code"] == "unavailable"
    assert b"retry-after" in dict(response.headers)
