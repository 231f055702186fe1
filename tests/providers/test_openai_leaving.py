"""Time-outs, readers that leave, warm-ups, proxies, and what else is asked of a connection."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest
import trio
from asking_models import PATIENT, ask, asked_at, fail
from model_scripts import PIECES
from scripted_model import open_scripted_model

from eyeclaw_trio.errors import ConfigurationError, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.failures import parse_retry_after
from eyeclaw_trio.providers.openai import name_for_openclaw
from eyeclaw_trio.providers.provider import ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

# Long enough for a loaded machine to connect, short enough to wait for.
IMPATIENT = attrs.evolve(PATIENT, first_token_timeout=0.3, token_timeout=0.3)


# --- time-outs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["hang-before-head", "hang-after-head", "comments:1000:0.01"])
async def test_no_first_text_is_a_timeout_whatever_else_comes(script: str) -> None:
    async with open_scripted_model() as model, asked_at(model, IMPATIENT) as provider:
        error, said = await fail(provider, f"script:{script}")
        assert error.reason is Reason.MODEL_TIMEOUT
        assert error.detail == "no text within 0.3 s"
        assert said == []
        await model.wait_until(lambda: model.aborted == 1)


async def test_silence_in_mid_answer_is_a_timeout() -> None:
    async with open_scripted_model() as model, asked_at(model, IMPATIENT) as provider:
        error, said = await fail(provider, "script:hang")
        assert error.reason is Reason.MODEL_TIMEOUT
        assert error.detail == "nothing more for 0.3 s"
        assert said == list(PIECES[:2])
        await model.wait_until(lambda: model.aborted == 1)


async def test_a_slow_answer_is_in_time_as_long_as_its_pieces_are() -> None:
    async with open_scripted_model() as model, asked_at(model, IMPATIENT) as provider:
        assert await ask(provider, "script:pieces:5:0.15") == list(PIECES)


async def test_a_reader_that_was_busy_elsewhere_is_no_fault_of_the_models() -> None:
    question = ProviderQuestion("script:pieces:5:0.05")
    async with (
        open_scripted_model() as model,
        asked_at(model, IMPATIENT) as provider,
        provider.answer(question) as pieces,
    ):
        said = [await anext(pieces)]
        await trio.sleep(0.5)
        said += [piece async for piece in pieces]
    assert said == list(PIECES)


# --- leaving --------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["hang-before-head", "hang-after-head"])
async def test_cancelling_before_the_first_token_closes_the_request(script: str) -> None:
    async with open_scripted_model(script) as model, asked_at(model) as provider:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, provider, "你好")
            await model.wait_until(lambda: len(model.completions) == 1)
            nursery.cancel_scope.cancel()
        await model.wait_until(lambda: model.aborted == 1, seconds=1)
        await model.wait_until(lambda: model.open_connections == 0, seconds=1)


async def test_cancelling_in_mid_answer_closes_the_request() -> None:
    async with open_scripted_model("hang") as model, asked_at(model) as provider:
        with trio.CancelScope() as scope:
            async with provider.answer(ProviderQuestion("你好")) as pieces:
                assert [await anext(pieces), await anext(pieces)] == list(PIECES[:2])
                scope.cancel()
                await anext(pieces)
        assert scope.cancelled_caught
        await model.wait_until(lambda: model.aborted == 1, seconds=1)


async def test_leaving_in_mid_answer_closes_the_request() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        async with provider.answer(ProviderQuestion("script:pieces:1000:0.01")) as pieces:
            assert await anext(pieces) == PIECES[0]
        await model.wait_until(lambda: model.aborted == 1, seconds=1)
        assert await ask(provider, "and again") == list(PIECES)


async def test_leaving_without_having_read_closes_the_request() -> None:
    async with open_scripted_model("hang") as model, asked_at(model) as provider:
        async with provider.answer(ProviderQuestion("你好")):
            pass
        await model.wait_until(lambda: model.aborted == 1, seconds=1)


async def test_an_exception_in_the_context_closes_the_request_and_passes() -> None:
    async with open_scripted_model("hang") as model, asked_at(model) as provider:

        async def stumble() -> None:
            async with provider.answer(ProviderQuestion("你好")) as pieces:
                await anext(pieces)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await stumble()
        await model.wait_until(lambda: model.aborted == 1, seconds=1)


async def test_cancelling_in_the_handshake_leaves_nothing_behind() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        provider = open_provider(attrs.evolve(PATIENT, base_url=f"https://127.0.0.1:{port}/v1"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, provider, "你好")
            stream = await listener.accept()
            assert await stream.receive_some()  # the client's hello
            nursery.cancel_scope.cancel()
        with trio.fail_after(1):
            assert await stream.receive_some() == b""
        await stream.aclose()
        await provider.aclose()


# --- connections ----------------------------------------------------------------------------------


async def test_a_kept_connection_that_dies_under_the_request_is_replaced() -> None:
    """The server hangs up on an idle connection just as the next question is written to it."""
    async with open_scripted_model() as model, asked_at(model) as provider:
        await ask(provider, "你好")
        error, _ = await fail(provider, "script:reset-before-head")
        assert error.reason is Reason.MODEL_UNREACHABLE
        # On the old connection, and once more on a new one; then it is the model's own fault.
        assert model.connections == 2
        assert len(model.completions) == 3


async def test_a_warm_up_opens_the_connection_that_the_first_question_uses() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        await provider.warm_up()
        assert [seen.path for seen in model.requests] == ["/v1/models"]
        await ask(provider, "你好")
        assert model.connections == 1


async def test_openclaw_is_warmed_with_a_question_of_its_own_conversation() -> None:
    openclaw = attrs.evolve(PATIENT, model="openclaw/main")
    async with open_scripted_model() as model, asked_at(model, openclaw) as provider:
        await provider.warm_up()
        (seen,) = model.completions
        assert seen.body["user"] == "eyeclaw-warm-up"
        assert seen.body["max_tokens"] == 16
        assert model.aborted == 0


@pytest.mark.parametrize("script", ["401", "404-text", "500", "reset", "empty", "web-page"])
async def test_a_warm_up_that_fails_is_nobodys_problem(script: str) -> None:
    openclaw = attrs.evolve(PATIENT, model="openclaw/main")
    async with open_scripted_model(script) as model, asked_at(model, openclaw) as provider:
        with trio.fail_after(5):
            await provider.warm_up()


async def test_a_warm_up_of_nobody_is_nobodys_problem() -> None:
    provider = open_provider(attrs.evolve(PATIENT, base_url="http://127.0.0.1:1/v1"))
    with trio.fail_after(5):
        await provider.warm_up()
    await provider.aclose()


async def test_a_proxy_in_the_environment_is_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with open_scripted_model() as model, asked_at(model) as provider:
        assert await ask(provider, "你好") == list(PIECES)


async def test_a_proxy_in_the_environment_is_obeyed_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_scripted_model() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        provider = open_provider(attrs.evolve(PATIENT, base_url="http://model.invalid/v1"))
        assert await ask(provider, "你好") == list(PIECES)
        await provider.aclose()
        assert proxy.completions[0].path == "http://model.invalid/v1/chat/completions"


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": "model.example/v1"}, "base_url"),
        ({"base_url": "ftp://model.example"}, "base_url"),
        ({"base_url": "http://[::1/v1"}, "base_url"),
        ({"base_url": "http://h/v1", "api_key": "sk-1\n"}, "api_key"),
        ({"base_url": "http://h/v1", "api_key": "密钥"}, "api_key"),
    ],
)
def test_settings_that_cannot_work_are_named_at_once(change: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_provider(attrs.evolve(PATIENT, **change))  # type: ignore[arg-type]
    assert caught.value.key == f"providers.model.{key}"


def test_a_socks_proxy_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="proxy"):
        open_provider(attrs.evolve(PATIENT, base_url="http://model.example/v1"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-1", 0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2020 07:28:30 GMT", 0),
        ("soon", None),
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, datetime(2026, 10, 21, 7, 28, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("model", ["openclaw", "openclaw/main", "openclaw:main"])
def test_openclaw_is_known_by_its_models(model: str) -> None:
    assert ProviderSettings("a", model=model).is_openclaw
    assert not ProviderSettings("a", model=f"my-{model}").is_openclaw


def test_wearers_whose_ids_differ_in_capitals_only_have_memories_of_their_own() -> None:
    names = {name_for_openclaw(f"bot_1_user_{user}") for user in ("alice", "Alice", "ALICE", "ÄB")}
    assert len({name.lower() for name in names}) == 4
    assert all(name.startswith("bot_1_user_") for name in names)
    assert name_for_openclaw("bot_1_user_alice") == "bot_1_user_alice"
