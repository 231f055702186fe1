"""RELIABILITY 29: each way for a model to fail has its own word, and shows nothing internal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from fakes import FAILED, Gateway, assert_whole, question, read_events, spoken
from healthy_turn import beside_a_healthy_turn
from model_scripts import PIECES, WHOLE_TEXT
from scripted_model import open_scripted_model

from eyeclaw_trio.connector.embedded import run_embedded_bot
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.providers.openai import OpenAIProvider
from eyeclaw_trio.providers.settings import ProviderSettings

SECRET = "sk-a-secret-of-the-tests"
HALF = "".join(PIECES[:2])

# The script; the reason in the trace; what the trace keeps of the model's own words; what the
# wearer hears behind what was said before; and what was said before.
FAILURES: list[tuple[str, str, str, str, str]] = [
    ("401", "model_key_refused", "HTTP 401: wrong key", "模型密钥无效。", ""),
    ("403", "model_key_refused", "HTTP 403: not for you", "模型密钥无效。", ""),
    ("402", "model_no_credit", "HTTP 402: Insufficient Balance", "模型账户余额不足。", ""),
    ("429-no-credit", "model_no_credit", "HTTP 429: You exceeded", "模型账户余额不足。", ""),
    ("429", "model_busy", "HTTP 429: too many requests", "模型请求过多。", ""),
    ("error-429", "model_busy", "slow down", "模型请求过多。", ""),
    ("404", "model_not_found", "HTTP 404: no such model", "模型或接口不存在。", ""),
    ("404-text", "model_not_found", "(is base_url right?)", "模型或接口不存在。", ""),
    ("400", "model_request_refused", "HTTP 400: bad request", "模型拒绝了请求。", ""),
    ("413", "model_request_refused", "HTTP 413: too large", "模型拒绝了请求。", ""),
    ("422", "model_request_refused", "field required", "模型拒绝了请求。", ""),
    ("500", "model_error", "HTTP 500: the server fell over", "模型服务出错。", ""),
    ("503", "model_error", "HTTP 503: upstream is down", "模型服务出错。", ""),
    ("302", "model_error", "HTTP 302: redirects", "模型服务出错。", ""),
    ("web-page", "model_error", "text/html", "模型服务出错。", ""),
    ("one-piece-error", "model_error", "the model fell over", "模型服务出错。", ""),
    ("error-then-done", "model_error", "the model fell over", "模型服务出错。", ""),
    ("error-text", "model_error", "out of luck", "模型服务出错。", ""),
    ("endless-line", "model_error", "1048576 bytes", "模型服务出错。", ""),
    ("error-in-the-middle", "model_error", "the model fell over", "模型服务出错。", HALF),
    ("not-json", "model_error", "", "模型服务出错。", HALF),
    ("reset-before-head", "model_unreachable", "ReadError", "无法连接模型服务。", ""),
    ("close-before-head", "model_unreachable", "RemoteProtocolError", "无法连接模型服务。", ""),
    ("hang-before-head", "model_timeout", "no text within 0.4 s", "模型响应超时。", ""),
    ("hang-after-head", "model_timeout", "no text within 0.4 s", "模型响应超时。", ""),
    ("hang", "model_timeout", "nothing more for 0.4 s", "模型响应超时。", HALF),
    ("reset", "cut_answer", "ReadError", "回答中途中断。", HALF),
    ("dropped", "cut_answer", "RemoteProtocolError", "回答中途中断。", HALF),
    ("cut", "cut_answer", "neither finish_reason nor [DONE]", "回答中途中断。", HALF),
    ("empty", "empty_answer", "no text; finish_reason: stop", "", ""),
]


@asynccontextmanager
async def embedded(gateway: Gateway, base_url: str) -> AsyncIterator[None]:
    """Bot 1, embedded, in front of a model at this address, with a key that nobody may see."""
    provider = OpenAIProvider(
        ProviderSettings(
            "model",
            base_url=base_url,
            api_key=SECRET,
            model="any",
            first_token_timeout=0.4,
            token_timeout=0.4,
        )
    )
    async with trio.open_nursery() as bots:
        await bots.start(run_embedded_bot, gateway.switchboard.station(1), provider)
        try:
            yield
        finally:
            bots.cancel_scope.cancel()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
                await provider.aclose()


async def ask_once(gateway: Gateway, **fields: Any) -> tuple[list[str], Trace]:
    """One answer of bot 1, and its trace."""
    before = len(gateway.traces)
    async with gateway.glasses() as glasses:
        await glasses.send(question(**fields))
        assert (await glasses.receive_head()).status_code == 200
        with trio.fail_after(10):
            blocks = await glasses.receive_answer()
            while len(gateway.traces) == before:
                await trio.sleep(0.001)
    return blocks, gateway.traces[before]


@pytest.mark.parametrize(
    ("script", "reason", "said", "heard", "before"),
    FAILURES,
    ids=[failure[0] for failure in FAILURES],
)
async def test_row_29_a_failing_model_has_its_own_reason_and_a_short_text(
    script: str, reason: str, said: str, heard: str, before: str
) -> None:
    gateway = Gateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_scripted_model(script) as model,
        embedded(gateway, model.base_url),
    ):
        blocks, trace = await ask_once(gateway)
    check(blocks, before, FAILED + heard)
    assert (trace.outcome, trace.reason) == (Outcome.BOT_ERROR, reason)
    assert said in trace.said
    assert SECRET not in trace.said
    assert trace.anomalies == ()


def check(blocks: list[str], before: str, heard: str) -> None:
    """What was said before, then the text once as an event and once to be heard, then the end."""
    assert_whole([each for each in blocks if not each.startswith("event: error")], before + heard)
    events = read_events(blocks)
    assert [data for name, data in events if name == "error"] == [{"message": heard}]
    assert len(heard) < 40
    shown = "".join(blocks)
    for internal in (SECRET, "HTTP", "127.0.0.1", "Error", "fell over", "wrong key", "chat/compl"):
        assert internal not in shown.replace("event: error", "")


async def test_row_29_a_model_that_is_not_there_is_said_to_be_unreachable() -> None:
    gateway = Gateway()
    async with beside_a_healthy_turn(gateway):
        async with open_scripted_model() as model:
            nobody = model.base_url
        async with embedded(gateway, nobody):
            blocks, trace = await ask_once(gateway)
    check(blocks, "", FAILED + "无法连接模型服务。")
    assert (trace.outcome, trace.reason) == (Outcome.BOT_ERROR, "model_unreachable")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("finish-without-done", HALF),
        ("finish-then-hang", HALF),
        ("finish-then-reset", HALF),
        ("done-without-finish", HALF),
        ("no-last-blank-line", HALF),
        ("held-open", HALF),
        ("cut-characters", WHOLE_TEXT),
        ("odd-shapes", PIECES[0]),
    ],
)
async def test_row_29_an_answer_with_one_of_its_two_endings_is_whole(
    script: str, text: str
) -> None:
    gateway = Gateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_scripted_model(script) as model,
        embedded(gateway, model.base_url),
    ):
        blocks, trace = await ask_once(gateway)
    assert_whole(blocks, text)
    assert (trace.outcome, trace.reason, trace.anomalies) == (Outcome.ANSWERED, "", ())


async def test_row_29_the_question_after_each_failure_is_answered() -> None:
    gateway = Gateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_scripted_model() as model,
        embedded(gateway, model.base_url),
    ):
        for script in ("401", "reset", "hang-after-head", "error-then-done", "cut"):
            message = [{"role": "user", "text": f"script:{script}"}]
            blocks, _ = await ask_once(gateway, message=message)
            assert FAILED in spoken(blocks)
            blocks, _ = await ask_once(gateway)
            assert_whole(blocks, WHOLE_TEXT)


async def test_row_29_a_wearer_who_speaks_english_hears_the_reason_in_english() -> None:
    gateway = Gateway()
    async with (
        beside_a_healthy_turn(gateway),
        open_scripted_model("401") as model,
        embedded(gateway, model.base_url),
    ):
        blocks, _ = await ask_once(gateway, metadata={"lang": "en-US"})
    said = "The bot ran into a problem. Please try again later. The model refused its key."
    assert spoken(blocks) == said
