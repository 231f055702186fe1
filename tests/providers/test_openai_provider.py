"""The openai provider against a scripted model: RELIABILITY 29, and PROTOCOL 5 line by line."""

from __future__ import annotations

import attrs
import pytest
import trio
from asking_models import KEY, PATIENT, ask, asked_at, fail
from model_scripts import PIECES, WHOLE_TEXT
from scripted_model import open_scripted_model

from eyeclaw_trio import __version__
from eyeclaw_trio.protocol.completions import ChatMessage, Closing, Usage
from eyeclaw_trio.protocol.wishes import Wishes
from eyeclaw_trio.providers.provider import ProviderQuestion

# --- answers --------------------------------------------------------------------------------------


async def test_an_answer_comes_piece_by_piece_as_the_model_says_it() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        assert await ask(provider, "你好") == list(PIECES)


async def test_what_the_model_is_sent() -> None:
    history = (ChatMessage("user", "before"), ChatMessage("assistant", "yes"))
    question = ProviderQuestion("now", history, "bot_1")
    async with open_scripted_model() as model, asked_at(model) as provider:
        async with provider.answer(question) as pieces:
            assert [piece async for piece in pieces] == list(PIECES)
        (seen,) = model.completions
    assert seen.path == "/v1/chat/completions"
    assert seen.body == {
        "model": "glm-4",
        "messages": [
            {"role": "user", "content": "before"},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "now"},
        ],
        "stream": True,
    }
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["accept"] == "text/event-stream"
    assert seen.headers["user-agent"] == f"eyeclaw-trio/{__version__}"


async def test_what_the_settings_say_about_answers_is_sent_along() -> None:
    settings = attrs.evolve(
        PATIENT,
        system_prompt="Be short.",
        temperature=0.5,
        top_p=0.9,
        max_tokens=200,
        extra={"thinking": {"type": "disabled"}},
    )
    async with open_scripted_model() as model, asked_at(model, settings) as provider:
        question = ProviderQuestion("now", (ChatMessage("user", "before"),))
        async with provider.answer(question) as pieces:
            assert [piece async for piece in pieces] == list(PIECES)
        (seen,) = model.completions
    assert seen.body["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "before"},
        {"role": "user", "content": "now"},
    ]
    said = {name: seen.body[name] for name in ("temperature", "top_p", "max_tokens", "thinking")}
    assert said == {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 200,
        "thinking": {"type": "disabled"},
    }


@pytest.mark.parametrize(
    ("own", "wished", "sent"),
    [(None, 50, 50), (200, 50, 50), (20, 50, 20), (20, None, 20), (None, None, None)],
)
async def test_what_an_openai_client_wishes_is_within_the_settings(
    own: int | None, wished: int | None, sent: int | None
) -> None:
    settings = attrs.evolve(PATIENT, system_prompt="Be short.", temperature=0.5, max_tokens=own)
    wishes = Wishes(system=("You are kind.",), max_tokens=wished, temperature=1.5)
    async with open_scripted_model() as model, asked_at(model, settings) as provider:
        async with provider.answer(ProviderQuestion("now", wishes=wishes)) as pieces:
            assert [piece async for piece in pieces] == list(PIECES)
        (seen,) = model.completions
    assert seen.body["messages"] == [
        {"role": "system", "content": "You are kind."},
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "now"},
    ]
    assert seen.body["temperature"] == 1.5
    assert seen.body.get("max_tokens") == sent


async def test_what_the_model_says_of_its_answer_is_told_once() -> None:
    closings: list[Closing] = []
    question = ProviderQuestion("now", on_closing=closings.append)
    async with (
        open_scripted_model("usage") as model,
        asked_at(model) as provider,
        provider.answer(question) as pieces,
    ):
        assert [piece async for piece in pieces] == list(PIECES)
    assert closings == [Closing("length", Usage(7, 5, 12))]


async def test_without_a_key_there_is_no_authorization() -> None:
    keyless = attrs.evolve(PATIENT, api_key=None)
    async with open_scripted_model() as model, asked_at(model, keyless) as provider:
        await ask(provider, "你好")
        assert "authorization" not in model.completions[0].headers


async def test_openclaw_is_told_the_conversation_and_remembers_the_history_itself() -> None:
    openclaw = attrs.evolve(PATIENT, model="openclaw/main")
    question = ProviderQuestion("now", (ChatMessage("user", "before"),), "bot_1")
    async with open_scripted_model() as model, asked_at(model, openclaw) as provider:
        async with provider.answer(question) as pieces:
            assert [piece async for piece in pieces] == list(PIECES)
        body = model.completions[0].body
    assert body["user"] == "bot_1"
    assert body["messages"] == [{"role": "user", "content": "now"}]


@pytest.mark.parametrize(
    "script",
    [
        "cut-characters",
        "comments",
        "one-piece",
        "held-open",
        "finish-without-done",
        "finish-then-reset",
        "done-without-finish",
        "no-last-blank-line",
        "thinking",
        "odd-shapes",
    ],
)
async def test_an_odd_but_whole_answer_is_taken_as_it_is(script: str) -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        text = "".join(await ask(provider, f"script:{script}"))
        assert text
        assert WHOLE_TEXT.startswith(text)
        assert model.aborted == 0


async def test_a_finish_reason_without_done_is_waited_for_only_shortly() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        started = trio.current_time()
        assert await ask(provider, "script:finish-then-hang") == list(PIECES[:2])
        assert trio.current_time() - started < 3


async def test_done_ends_the_answer_although_the_connection_stays_open() -> None:
    async with open_scripted_model("held-open") as model, asked_at(model) as provider:
        await ask(provider, "warm")
        started = trio.current_time()
        assert await ask(provider, "你好") == list(PIECES[:2])
        # 20 ms for draining and a loaded machine's share; the model would hold it for ever.
        assert trio.current_time() - started < 0.5
        await model.wait_until(lambda: model.open_connections == 0)


async def test_twenty_answers_need_one_connection() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        await provider.warm_up()
        for _ in range(20):
            assert await ask(provider, "你好") == list(PIECES)
        assert len(model.completions) == 20
        assert model.connections == 1


async def test_a_refusal_does_not_cost_the_connection() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        await fail(provider, "script:429")
        assert await ask(provider, "你好") == list(PIECES)
        assert model.connections == 1


async def test_many_answers_at_once_do_not_wait_for_each_other() -> None:
    texts: list[str] = []

    async def ask_one() -> None:
        texts.append("".join(await ask(provider, "script:pieces:5:0.02")))

    async with open_scripted_model() as model, asked_at(model) as provider:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(ask_one)
        assert texts == [WHOLE_TEXT] * 100
