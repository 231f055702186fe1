"""The openai provider against a scripted model: RELIABILITY 29, and PROTOCOL 5 line by line."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import attrs
import pytest
import trio
from scripted_model import PIECES, WHOLE_TEXT, ScriptedModel, open_scripted_model

from eyeclaw_trio import __version__
from eyeclaw_trio.errors import ConfigurationError, ProviderFailed, Reason
from eyeclaw_trio.protocol.completions import ChatMessage
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.failures import Blame, parse_retry_after
from eyeclaw_trio.providers.openai import is_openclaw, name_for_openclaw
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

KEY = "sk-secret-0123456789"
PATIENT = ProviderSettings("model", api_key=KEY, model="glm-4")
# Long enough for a loaded machine to connect, short enough to wait for.
IMPATIENT = attrs.evolve(PATIENT, first_token_timeout=0.3, token_timeout=0.3)


@asynccontextmanager
async def asked_at(
    model: ScriptedModel, settings: ProviderSettings = PATIENT
) -> AsyncIterator[Provider]:
    provider = open_provider(attrs.evolve(settings, base_url=model.base_url))
    try:
        yield provider
    finally:
        await provider.aclose()


async def ask(provider: Provider, text: str) -> list[str]:
    with trio.fail_after(10):
        async with provider.answer(ProviderQuestion(text)) as pieces:
            return [piece async for piece in pieces]


async def ask_into(said: list[str], provider: Provider, text: str) -> None:
    async with provider.answer(ProviderQuestion(text)) as pieces:
        async for piece in pieces:
            said.append(piece)  # noqa: PERF401  # what came before a failure counts


async def fail(provider: Provider, text: str) -> tuple[ProviderFailed, list[str]]:
    """The failure, and what was said before it."""
    said: list[str] = []
    with trio.fail_after(10), pytest.raises(ProviderFailed) as caught:
        await ask_into(said, provider, text)
    assert KEY not in str(caught.value)
    assert "\n" not in caught.value.detail
    return caught.value, said


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


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "reason", "detail"),
    [
        ("400", Reason.MODEL_REQUEST_REFUSED, "HTTP 400: bad request"),
        ("401", Reason.MODEL_KEY_REFUSED, "HTTP 401: wrong key"),
        ("402", Reason.MODEL_NO_CREDIT, "HTTP 402: Insufficient Balance"),
        ("403", Reason.MODEL_KEY_REFUSED, "HTTP 403: not for you"),
        ("404", Reason.MODEL_NOT_FOUND, "HTTP 404: no such model"),
        ("404-text", Reason.MODEL_NOT_FOUND, "HTTP 404: Not Found (is base_url right?)"),
        ("422", Reason.MODEL_REQUEST_REFUSED, "field required"),
        ("429", Reason.MODEL_BUSY, "HTTP 429: too many requests"),
        ("429-no-credit", Reason.MODEL_NO_CREDIT, "HTTP 429: You exceeded your quota"),
        ("500", Reason.MODEL_ERROR, "HTTP 500: the server fell over"),
        ("503", Reason.MODEL_ERROR, "HTTP 503: upstream is down"),
        ("302", Reason.MODEL_ERROR, "HTTP 302: redirects are not followed"),
        ("error-then-done", Reason.MODEL_ERROR, "the model fell over"),
        ("error-text", Reason.MODEL_ERROR, "out of luck"),
        ("error-429", Reason.MODEL_BUSY, "slow down"),
        ("one-piece-error", Reason.MODEL_ERROR, "the model fell over"),
        ("web-page", Reason.MODEL_ERROR, "not a model's answer: text/html"),
        ("endless-line", Reason.MODEL_ERROR, "more than 1048576 bytes"),
        ("empty", Reason.EMPTY_ANSWER, "no text; finish_reason: stop"),
        ("reset-before-head", Reason.MODEL_UNREACHABLE, "ReadError"),
        ("close-before-head", Reason.MODEL_UNREACHABLE, "RemoteProtocolError"),
    ],
)
async def test_each_failure_before_any_text_has_its_reason(
    script: str, reason: Reason, detail: str
) -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        error, said = await fail(provider, f"script:{script}")
        assert error.reason is reason
        assert detail in error.detail
        assert said == []
        assert await ask(provider, "and again") == list(PIECES)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("cut", Reason.CUT_ANSWER),
        ("dropped", Reason.CUT_ANSWER),
        ("reset", Reason.CUT_ANSWER),
        ("error-in-the-middle", Reason.MODEL_ERROR),
        ("not-json", Reason.MODEL_ERROR),
    ],
)
async def test_each_failure_in_mid_answer_comes_after_the_text_before_it(
    script: str, reason: Reason
) -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        error, said = await fail(provider, f"script:{script}")
        assert error.reason is reason
        assert said == list(PIECES[:2])
        assert await ask(provider, "and again") == list(PIECES)


async def test_busy_says_when_to_come_back() -> None:
    async with open_scripted_model() as model, asked_at(model) as provider:
        error, _ = await fail(provider, "script:429")
        assert error.retry_after == 7
        assert "asks to wait 7 s" in error.detail


async def test_openclaw_with_its_endpoint_off_says_which_setting_turns_it_on() -> None:
    openclaw = attrs.evolve(PATIENT, model="openclaw:main")
    async with open_scripted_model("404-text") as model, asked_at(model, openclaw) as provider:
        error, _ = await fail(provider, "你好")
    assert error.reason is Reason.MODEL_NOT_FOUND
    assert "gateway.http.endpoints.chatCompletions.enabled to true" in error.detail


async def test_a_key_that_the_model_repeats_is_not_in_the_failure() -> None:
    # The script's name comes back in this refusal.
    spying = attrs.evolve(PATIENT, api_key="no.such")
    async with open_scripted_model() as model, asked_at(model, spying) as provider:
        error, _ = await fail(provider, "script:no.such")
    assert error.detail == "HTTP 400: no such script: ***"


def test_the_key_goes_before_the_words_are_cut_so_that_no_half_of_it_stays() -> None:
    assert Blame(KEY).excerpt("x" * 190 + KEY) == "x" * 190 + "***"


async def test_words_are_kept_to_one_short_line() -> None:
    name = "x" * 1000
    async with open_scripted_model() as model, asked_at(model) as provider:
        error, _ = await fail(provider, f"script:{name}")
    assert len(error.detail) < 220


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        provider = open_provider(attrs.evolve(PATIENT, base_url=url))
        error, _ = await fail(provider, "你好")
        await provider.aclose()
    assert error.reason is Reason.MODEL_UNREACHABLE
    assert "nobody listens there" in error.detail
    assert "ConnectError: " in error.detail


async def test_a_name_that_is_nobodys_is_unreachable() -> None:
    # No resolver may know a name under "invalid" (RFC 6761).
    provider = open_provider(attrs.evolve(PATIENT, base_url="http://model.localhost.invalid/v1"))
    error, _ = await fail(provider, "你好")
    await provider.aclose()
    assert error.reason is Reason.MODEL_UNREACHABLE
    assert "nobody has that name" in error.detail


async def test_a_server_without_tls_is_told_so_over_https() -> None:
    async with open_scripted_model() as model:
        url = model.base_url.replace("http:", "https:")
        provider = open_provider(attrs.evolve(PATIENT, base_url=url))
        error, _ = await fail(provider, "你好")
        await provider.aclose()
    assert error.reason is Reason.MODEL_TLS
    assert "no TLS with it" in error.detail
    assert "SSL" in error.detail


async def test_a_handshake_that_is_never_answered_is_given_up() -> None:
    hurried = attrs.evolve(PATIENT, connect_timeout=0.2)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        provider = open_provider(attrs.evolve(hurried, base_url=f"https://127.0.0.1:{port}/v1"))
        error, _ = await fail(provider, "你好")
        await provider.aclose()
    assert error.reason is Reason.MODEL_UNREACHABLE
    assert "no connection within 0.2 s" in error.detail


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
    assert is_openclaw(model)
    assert not is_openclaw(f"my-{model}")


def test_wearers_whose_ids_differ_in_capitals_only_have_memories_of_their_own() -> None:
    names = {name_for_openclaw(f"bot_1_user_{user}") for user in ("alice", "Alice", "ALICE", "ÄB")}
    assert len({name.lower() for name in names}) == 4
    assert all(name.startswith("bot_1_user_") for name in names)
    assert name_for_openclaw("bot_1_user_alice") == "bot_1_user_alice"
