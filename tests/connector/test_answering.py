from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
import orjson
import pytest
import trio
from connector_fakes import Dictated, command
from hypothesis import given
from hypothesis import strategies as st
from photo_hosts import ADDRESS, Script, guard_of, respond

from eyeclaw_trio.connector.answering import answer_command, ask, name_conversation
from eyeclaw_trio.connector.telling import LARGEST_SUMMARY, LONGEST_CHUNK, Told, split_piece
from eyeclaw_trio.errors import BotFailed, ProviderFailed, Reason
from eyeclaw_trio.photos.data_url import make_data_url
from eyeclaw_trio.protocol.bot import (
    StreamChunk,
    StreamEnd,
    StreamError,
    StreamMessage,
    StreamSummary,
    encode_from_bot,
)
from eyeclaw_trio.protocol.cable import encode_data
from eyeclaw_trio.protocol.completions import ChatMessage, Closing, Usage
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.wishes import Wishes


class Said(list[StreamMessage]):
    """What an answer said."""

    async def __call__(self, message: StreamMessage) -> None:
        await trio.lowlevel.checkpoint()
        self.append(message)


async def test_an_answer_is_numbered_chunks_then_end_then_summary() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", "你", "", "好")
    provider.finish("你好")
    await answer_command(command(), provider, said)
    assert said == [
        StreamChunk("t1", "你", 0),
        StreamChunk("t1", "好", 1),
        StreamEnd("t1"),
        StreamSummary("t1", "你好", 2, "9f61d"),
    ]
    assert provider.closed == ["你好"]


async def test_a_failing_model_is_said_with_its_reason_after_what_it_had_given() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", "半", ProviderFailed(Reason.CUT_ANSWER, "the stream broke off"))
    await answer_command(command(), provider, said)
    assert said == [
        StreamChunk("t1", "半", 0),
        StreamError("t1", "the stream broke off", "cut_answer"),
    ]


async def test_a_bug_in_a_provider_costs_one_answer_and_tells_nothing_of_itself() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", ZeroDivisionError("secret"))
    await answer_command(command(), provider, said)
    assert said == [StreamError("t1", "internal error", "unknown")]


async def test_an_answer_that_nobody_takes_is_given_up() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", "a", "b")

    async def say(message: StreamMessage) -> None:
        await said(message)
        if isinstance(message, StreamChunk):
            raise BotFailed(Reason.CUT_ANSWER, "the answer was not taken")

    await answer_command(command(), provider, say)
    assert said == [
        StreamChunk("t1", "a", 0),
        StreamError("t1", "the answer was not taken", "cut_answer"),
    ]
    assert provider.closed == ["你好"]


async def test_cancellation_says_nothing_more_and_closes_the_request_at_once() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", "半")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_command, command(), provider, said)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert said == [StreamChunk("t1", "半", 0)]
    assert provider.closed == ["你好"]


async def test_the_model_gets_the_question_its_history_and_the_conversation() -> None:
    messages: Any = (
        {"role": "user", "content": "我叫小明"},
        {"role": "agent", "type": "text", "text": "你好小明"},
        {"role": 7},
        {"role": "user", "type": "image", "image_url": "https://x/y.jpg"},
        {"role": "agent", "content": ""},
        {"role": "user", "content": "我叫什么?"},
    )
    question = ask(command(text="我叫什么?", full_messages=messages), "shared")
    assert question.text == "我叫什么?"
    assert question.conversation == "bot_1"
    assert question.history == (
        ChatMessage("user", "我叫小明"),
        ChatMessage("assistant", "你好小明"),
        ChatMessage("user", "[图片] https://x/y.jpg"),
    )


def test_a_whole_history_goes_into_no_conversation_that_is_remembered() -> None:
    wishes = Wishes(system=("Be kind.",), is_whole_history=True)
    question = ask(attrs.evolve(command(text="x"), wishes=wishes), "shared")
    assert (question.conversation, question.wishes) == ("", wishes)


async def test_what_the_model_says_of_its_answer_is_said_with_its_end() -> None:
    provider, said = Dictated(), Said()
    provider.dictate("你好", "你")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_command, command(), provider, said)
        await provider.asked()
        provider.questions[0].on_closing(Closing("length", Usage(1, 2, 3)))
        provider.finish("你好")
    assert said[1] == StreamEnd("t1", "length", Usage(1, 2, 3))


def test_about_a_photo_the_model_is_asked_in_words_and_sees_it_once() -> None:
    photo, words = "https://x/y.jpg", "这是什么？"
    entry = {"role": "user", "type": "image", "image_url": photo, "text": words}
    images = ("data:image/jpeg;base64,eA==",)
    text = f"[图片] {photo} {words}"
    made = command(text=text, full_messages=(entry,), images=images, photo_words=words)
    question = ask(made, "shared")
    assert (question.text, question.images, question.history) == (words, images, ())
    # A gateway that had no room for it, or that knows no photos: the address is all there is.
    question = ask(command(text=text, full_messages=(entry,)), "shared")
    assert (question.text, question.images) == (text, ())


@pytest.mark.parametrize(
    ("conversation", "user_id", "message_id", "name"),
    [
        ("shared", "u1", "m1", "bot_1"),
        ("per_user", "u1", "m1", "bot_1_user_u1"),
        ("per_user", None, "m1", "bot_1"),
        ("per_conversation", "u1", "m1", "bot_1_conversation_m1"),
        ("per_conversation", "u1", None, "bot_1"),
    ],
)
def test_a_conversation_is_named_as_the_provider_wants_it(
    conversation: Any, user_id: str | None, message_id: str | None, name: str
) -> None:
    metadata = command(user_id=user_id, message_id=message_id).metadata
    assert name_conversation(metadata, conversation) == name


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50), st.integers(1, 800))
def test_a_piece_of_any_length_is_said_whole_in_chunks_that_fit(text: str, times: int) -> None:
    parts = list(split_piece(text * times))
    assert "".join(parts) == text * times
    assert all(0 < len(part) <= LONGEST_CHUNK for part in parts)


def test_half_a_surrogate_pair_does_not_reach_the_wire() -> None:
    assert list(split_piece("a\ud83d")) == ["a?"]


@pytest.mark.parametrize("character", ["a", "你", "\x01", '"', "😀"])
def test_a_summary_never_outgrows_the_gateways_limit(character: str) -> None:
    for length in (10, LARGEST_SUMMARY // 8, LARGEST_SUMMARY // 3, LARGEST_SUMMARY * 2):
        told = Told()
        told.add(character * length)
        summary = told.summarise("t1")
        assert len(encode_data("{}", encode_from_bot(summary))) < 1_048_576
        assert summary.total_chunks == 1
        if length == 10:
            assert summary.total_content == character * length
            assert summary.content_hash == hash_content(summary.total_content)
        if not summary.total_content:
            assert summary.content_hash is None


def test_the_largest_chunk_stays_far_below_the_gateways_limit() -> None:
    chunk = StreamChunk("t1", "\x01" * LONGEST_CHUNK, 0)
    assert len(encode_data("{}", orjson.loads(orjson.dumps(encode_from_bot(chunk))))) < 200_000


def test_what_is_told_needs_no_more_memory_than_a_summary_however_long_it_gets() -> None:
    told = Told()
    tracemalloc.start()
    try:
        for n in range(200_000):
            told.add(f"{n:06}")
        grown, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told.summarise("t1") == StreamSummary("t1", total_chunks=200_000)
    assert grown < 10_000
    assert most < 16 * LARGEST_SUMMARY  # four bytes a character, and some more while it grows


def test_a_summary_is_the_text_of_all_parts_in_order() -> None:
    told = Told()
    for part in ("你", "\r\n", "好\r", ""):
        told.add(part)
    text = "你\r\n好\r"
    assert told.summarise("t1") == StreamSummary("t1", text, 4, hash_content(text))


# ---- photos that the gateway could not fetch ---------------------------------------------------

GONE = respond(b"", status="404 Gone")


async def answered(
    script: Script, *, images: tuple[str, ...] = (), photos: tuple[str, ...] = (ADDRESS,)
) -> tuple[Dictated, Said]:
    """What was asked and said about a question with photos, some of which are still to be had."""
    provider, said = Dictated(), Said()
    provider.dictate("这是什么？", "花")
    provider.finish("这是什么？")
    asked = command(
        text=f"[图片] {ADDRESS} 这是什么？",
        images=images,
        missing_photos=photos,
        photo_words="这是什么？",
    )
    await answer_command(asked, provider, said, photos=guard_of(script))
    return provider, said


async def test_a_photo_that_the_gateway_could_not_fetch_is_fetched_here_and_shown() -> None:
    provider, said = await answered(respond(b"photo"), images=("data:image/jpeg;base64,eA==",))
    [asked] = provider.questions
    assert asked.images == ("data:image/jpeg;base64,eA==", make_data_url(b"jpeg of photo"))
    assert asked.text == "这是什么？"
    assert said[0] == StreamChunk("t1", "花", 0)


async def test_a_model_is_asked_about_no_photo_that_cannot_be_fetched_here_either() -> None:
    provider, said = await answered(GONE)
    assert said == [StreamError("t1", "HTTP 404", "photo_unreachable")]
    assert not provider.questions


async def test_the_connector_fetches_nothing_from_inside() -> None:
    provider, said = await answered(respond(b"photo"), photos=("http://127.0.0.1/a.jpg",))
    [error] = said
    assert isinstance(error, StreamError)
    assert error.reason == "photo_address"
    assert not provider.questions


async def test_without_a_missing_photo_nothing_is_fetched() -> None:
    provider, said = await answered(GONE, images=("data:image/jpeg;base64,eA==",), photos=())
    assert len(provider.questions) == 1
    assert said[0] == StreamChunk("t1", "花", 0)
