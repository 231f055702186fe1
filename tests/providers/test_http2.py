"""HTTP/2 to a model: one connection for all answers, and each of them can be left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import h2.config
import h2.connection
import h2.events
import httpcore2
import pytest
import scripted_model_http2
import trio
import trio.testing
import trustme
from scripted_model import PIECES, ScriptedModel, open_scripted_model, server_tls
from trio.testing import MockClock

from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.departure import Departure
from eyeclaw_trio.providers.http2 import Http2Connection
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

SETTINGS = ProviderSettings("model", api_key="sk-1", model="any")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PEM file for localhost, of an authority that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    return str(pem)


@asynccontextmanager
async def model_and_provider(
    certificate: str, script: str = "pieces", *, http2: bool = True, offers: bool = True
) -> AsyncIterator[tuple[ScriptedModel, Provider, list[ProviderAnswer]]]:
    answers: list[ProviderAnswer] = []
    tls = server_tls(certificate, http2=offers)
    async with open_scripted_model(script, tls=tls) as model:
        settings = attrs.evolve(SETTINGS, base_url=model.base_url, http2=http2)
        provider = open_provider(settings, note=answers.append)
        with trio.fail_after(15):
            try:
                yield model, provider, answers
            finally:
                await provider.aclose()


async def ask(provider: Provider, text: str = "你好") -> list[str]:
    async with provider.answer(ProviderQuestion(text)) as pieces:
        return [piece async for piece in pieces]


@pytest.mark.parametrize(
    ("http2", "offers", "version"),
    [(True, True, "HTTP/2"), (False, True, "HTTP/1.1"), (True, False, "HTTP/1.1")],
)
async def test_it_is_spoken_where_it_is_offered_and_wanted(
    certificate: str, http2: bool, offers: bool, version: str
) -> None:
    async with model_and_provider(certificate, http2=http2, offers=offers) as (_, provider, seen):
        assert await ask(provider) == list(PIECES)
    assert [each.http_version for each in seen] == [version]


@pytest.mark.parametrize("offers", [True, False])
async def test_twenty_answers_need_one_connection_and_one_handshake(
    certificate: str, offers: bool
) -> None:
    async with model_and_provider(certificate, offers=offers) as (model, provider, answers):
        await provider.warm_up()
        for _ in range(20):
            assert await ask(provider) == list(PIECES)
        assert (len(model.completions), model.connections) == (20, 1)
    assert [each.is_cold for each in answers] == [False] * 20
    assert all(each.segments.connect is each.segments.tls is None for each in answers)


async def test_a_hundred_answers_at_once_share_the_connection(certificate: str) -> None:
    texts: list[list[str]] = []

    async def ask_one() -> None:
        texts.append(await ask(provider, "script:pieces:5:0.01"))

    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(ask_one)
        assert model.connections <= 2  # the server takes a hundred streams on one
    assert texts == [list(PIECES)] * 100


@pytest.mark.parametrize("script", ["hang-before-head", "hang-after-head", "hang"])
async def test_cancelling_ends_the_stream_within_a_second_and_hurts_no_other_answer(
    certificate: str, script: str
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        async with provider.answer(ProviderQuestion("script:pieces:5:0.05")) as beside:
            said = [await anext(beside)]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, provider, f"script:{script}")
                await model.wait_until(lambda: len(model.completions) == 2)
                nursery.cancel_scope.cancel()
            await model.wait_until(lambda: model.aborted == 1, seconds=1)
            said += [piece async for piece in beside]
        assert said == list(PIECES)
        assert await ask(provider) == list(PIECES)
        assert (model.aborted, model.connections, model.open_connections) == (1, 1, 1)


async def test_leaving_many_answers_uses_nothing_up(certificate: str) -> None:
    async with model_and_provider(certificate, "pieces:50:0.001") as (model, provider, _):
        started = trio.current_time()
        for _ in range(300):  # three times as many as there may be streams at once
            async with provider.answer(ProviderQuestion("你好")) as pieces:
                await anext(pieces)
        await model.wait_until(lambda: model.aborted == 300, seconds=1)
        assert trio.current_time() - started < 10
        assert model.connections == 1


class SlowStream(httpcore2.AsyncNetworkStream):
    """Takes 0.4 s for each write, and never says anything."""

    def __init__(self) -> None:
        self.written = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await trio.sleep_forever()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if buffer:
            await trio.sleep(0.4)
            self.written += buffer

    async def aclose(self) -> None:
        pass


async def test_a_request_that_is_cancelled_while_it_is_written_leaves_no_half_of_it(
    autojump_clock: MockClock,
) -> None:
    stream = SlowStream()
    connection = Http2Connection(httpcore2.Origin(b"https", b"localhost", 443), stream)
    request = httpcore2.Request("GET", "https://localhost/", headers={"Host": "localhost"})
    with trio.move_on_after(0.6):  # the connection's own words take the first 0.4 s
        await connection.handle_async_request(request)
    config = h2.config.H2Configuration(client_side=False)
    events = h2.connection.H2Connection(config).receive_data(stream.written)
    kinds = [type(event) for event in events]
    assert h2.events.RequestReceived in kinds
    assert kinds[-1] is h2.events.StreamReset
    assert connection.is_available()


@pytest.mark.parametrize("script", ["close-before-head", "reset-before-head"])
async def test_a_connection_that_dies_is_not_used_again(certificate: str, script: str) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        await ask(provider)
        with pytest.raises(ProviderFailed) as caught:
            await ask(provider, f"script:{script}")
        assert caught.value.reason is Reason.MODEL_UNREACHABLE
        assert model.connections == 2  # asked once more on a new one, which died too
        assert await ask(provider) == list(PIECES)
        assert model.connections == 3


async def test_a_kept_connection_that_has_died_meanwhile_is_replaced(certificate: str) -> None:
    async with model_and_provider(certificate) as (model, provider, answers):
        await ask(provider)
        with pytest.raises(ProviderFailed):
            await ask(provider, "script:dropped")  # the connection ends with it
        await model.wait_until(lambda: model.open_connections == 0)
        assert await ask(provider) == list(PIECES)
        assert answers[-1].is_cold


async def test_an_answer_goes_on_when_the_server_goes_away_and_the_next_has_a_new_connection(
    certificate: str,
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        assert await ask(provider, "script:go-away") == list(PIECES)
        assert await ask(provider) == list(PIECES)
        assert model.connections == 2
        await model.wait_until(lambda: model.open_connections == 1)


@pytest.mark.parametrize(("code", "asked"), [(2, 1), (7, 2), (13, 1)])
async def test_a_stream_that_the_server_resets_is_not_asked_for_again_and_again(
    certificate: str, code: int, asked: int
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        with pytest.raises(ProviderFailed) as caught:
            await ask(provider, f"script:reset-stream:{code}")
        assert caught.value.reason is Reason.MODEL_UNREACHABLE
        # 7 says that the question was not even looked at: once more, and no more.
        assert len(model.completions) == asked
        assert await ask(provider) == list(PIECES)
        assert model.connections == 1


async def test_what_cannot_be_read_is_an_answer_that_broke_off_for_all_on_the_connection(
    certificate: str,
) -> None:
    caught: list[Reason] = []

    async def ask_one(script: str) -> None:
        with pytest.raises(ProviderFailed) as failure:
            await ask(provider, f"script:{script}")
        caught.append(failure.value.reason)

    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_one, "hang")
            nursery.start_soon(ask_one, "pieces:500:0.001")
            await model.wait_until(lambda: len(model.completions) == 2)
            nursery.start_soon(ask_one, "nonsense")
        assert caught == [Reason.CUT_ANSWER] * 3
        assert await ask(provider) == list(PIECES)


@pytest.mark.parametrize("limit", [None, 250])
async def test_answers_wait_for_each_other_neither_without_a_limit_nor_over_our_own(
    certificate: str, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    """A server that names no limit has none; one that names more than we take has ours."""
    serve = scripted_model_http2.Http2Connection.serve

    async def serve_with_limit(connection: scripted_model_http2.Http2Connection) -> None:
        connection.limit_streams(limit)
        await serve(connection)

    monkeypatch.setattr(scripted_model_http2.Http2Connection, "serve", serve_with_limit)
    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(ask, provider, "script:hang")
            await model.wait_until(lambda: len(model.completions) == 100)
            assert await ask(provider) == list(PIECES)
            nursery.cancel_scope.cancel()


async def test_a_question_that_is_refused_before_it_was_sent_fails_at_once_and_a_long_one_arrives(
    certificate: str,
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        assert await ask(provider, "很长" * 300_000) == list(PIECES)
        model.too_large = 100_000
        started = trio.current_time()
        with pytest.raises(ProviderFailed) as caught:
            await ask(provider, "很长" * 300_000)
        assert caught.value.reason is Reason.MODEL_REQUEST_REFUSED
        assert "413" in caught.value.detail
        assert trio.current_time() - started < 2
        assert await ask(provider) == list(PIECES)
        assert (len(model.completions), model.connections) == (2, 1)


async def test_whoever_waits_for_anothers_handshake_has_a_cold_connection_too(
    certificate: str,
) -> None:
    async with model_and_provider(certificate) as (model, provider, answers):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, provider)
            nursery.start_soon(ask, provider)
        await ask(provider)
        assert model.connections == 1
    assert [each.is_cold for each in answers] == [True, True, False]
    assert len([each for each in answers if each.segments.tls is not None]) == 1


_WHILE_CONNECTING = (
    *("connect_tcp.started", "connect_tcp.complete", "start_tls.started", "start_tls.complete"),
    *("send_request_headers.started", "send_request_body.complete"),
)


@pytest.mark.parametrize("step", _WHILE_CONNECTING)
@pytest.mark.parametrize("later", range(4))
async def test_whoever_is_cancelled_while_it_connects_spoils_nothing_for_those_who_wait(
    certificate: str, monkeypatch: pytest.MonkeyPatch, step: str, later: int
) -> None:
    """The first of three is cancelled, so many checkpoints behind this step; so is a fourth,
    which only waited. Nothing is left open that nobody knows of."""
    observe = Departure.observe
    first, waiting = trio.CancelScope(), trio.CancelScope()
    texts: list[list[str]] = []

    async def ask_in(scope: trio.CancelScope) -> None:
        with scope:
            await ask(provider)

    async def ask_one() -> None:
        texts.append(await ask(provider))

    async def cancel_soon() -> None:
        for _ in range(later):
            await trio.lowlevel.checkpoint()
        waiting.cancel()
        first.cancel()

    async def observe_and_cancel(self: Departure, event: str, info: dict[str, Any]) -> None:
        await observe(self, event, info)
        if event.endswith(step):
            nursery.start_soon(cancel_soon)

    monkeypatch.setattr(Departure, "observe", observe_and_cancel)
    async with model_and_provider(certificate) as (model, provider, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_in, first)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                nursery.start_soon(ask_one)
            nursery.start_soon(ask_in, waiting)
        assert texts == [list(PIECES)] * 2
        await provider.aclose()
        await model.wait_until(lambda: model.open_connections == 0)


@pytest.mark.parametrize(
    ("script", "reason", "said"),
    [
        ("401", Reason.MODEL_KEY_REFUSED, 0),
        ("429", Reason.MODEL_BUSY, 0),
        ("500", Reason.MODEL_ERROR, 0),
        ("error-then-done", Reason.MODEL_ERROR, 0),
        ("cut", Reason.CUT_ANSWER, 2),
        ("dropped", Reason.CUT_ANSWER, 2),
        ("reset", Reason.CUT_ANSWER, 2),
        ("reset-stream-later:2", Reason.CUT_ANSWER, 2),
        ("nonsense", Reason.CUT_ANSWER, 2),
    ],
)
async def test_failures_are_told_as_over_http_1(
    certificate: str, script: str, reason: Reason, said: int
) -> None:
    heard: list[str] = []

    async def ask_and_keep() -> None:
        async with provider.answer(ProviderQuestion(f"script:{script}")) as pieces:
            async for piece in pieces:
                heard.append(piece)  # noqa: PERF401  # what came before a failure counts

    async with model_and_provider(certificate) as (_, provider, answers):
        with pytest.raises(ProviderFailed) as caught:
            await ask_and_keep()
        assert caught.value.reason is reason
        assert heard == list(PIECES[:said])
        assert [each.reason for each in answers] == [reason]
        assert await ask(provider) == list(PIECES)


async def test_held_open_behind_done_costs_neither_time_nor_the_connection(
    certificate: str,
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        await provider.warm_up()
        started = trio.current_time()
        assert await ask(provider, "script:held-open") == list(PIECES[:2])
        assert trio.current_time() - started < 0.5
        assert await ask(provider) == list(PIECES)
        assert (model.aborted, model.connections) == (0, 1)


# --- TLS ------------------------------------------------------------------------------------------


async def test_a_certificate_of_nobody_we_trust_is_named(
    certificate: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    async with model_and_provider(certificate) as (_, provider, _answers):
        with pytest.raises(ProviderFailed) as caught:
            await ask(provider)
    assert caught.value.reason is Reason.MODEL_TLS
    assert "its certificate is not trusted: " in caught.value.detail
