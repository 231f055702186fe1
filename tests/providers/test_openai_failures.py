"""How asking a model fails: each failure has its reason, and says nothing secret."""

from __future__ import annotations

import socket

import attrs
import pytest
import trio
from asking_models import KEY, PATIENT, ask, asked_at, fail
from model_scripts import PIECES
from scripted_model import open_scripted_model

from eyeclaw_trio.errors import Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.failures import Blame

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
