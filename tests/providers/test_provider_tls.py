"""A model over TLS: handshakes are paid for once, and whoever leaves in one leaves nothing open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing
import trustme
from model_scripts import PIECES
from scripted_model import ScriptedModel, open_scripted_model, server_tls

from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.errors import ProviderFailed, Reason
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.departure import Departure
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

SETTINGS = ProviderSettings("model", api_key="sk-1", model="any")


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PEM file for localhost, of an authority that this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    return str(pem)


@asynccontextmanager
async def model_and_provider(
    certificate: str, script: str = "pieces"
) -> AsyncIterator[tuple[ScriptedModel, Provider, list[ProviderAnswer]]]:
    answers: list[ProviderAnswer] = []
    async with open_scripted_model(script, tls=server_tls(certificate)) as model:
        settings = attrs.evolve(SETTINGS, base_url=model.base_url)
        provider = open_provider(settings, note=answers.append)
        with trio.fail_after(15):
            try:
                yield model, provider, answers
            finally:
                await provider.aclose()


async def ask(provider: Provider, text: str = "你好") -> list[str]:
    async with provider.answer(ProviderQuestion(text)) as pieces:
        return [piece async for piece in pieces if isinstance(piece, str)]


async def test_twenty_answers_need_one_connection_and_one_handshake(certificate: str) -> None:
    async with model_and_provider(certificate) as (model, provider, answers):
        await provider.warm_up()
        for _ in range(20):
            assert await ask(provider) == list(PIECES)
        assert (len(model.completions), model.connections) == (20, 1)
    assert [each.is_cold for each in answers] == [False] * 20
    assert all(each.segments.connect is each.segments.tls is None for each in answers)
    assert {each.http_version for each in answers} == {"HTTP/1.1"}


async def test_a_first_question_pays_for_the_handshake_and_says_so(certificate: str) -> None:
    async with model_and_provider(certificate) as (_, provider, answers):
        await ask(provider)
    assert answers[0].is_cold
    connect, tls = answers[0].segments.connect, answers[0].segments.tls
    assert connect is not None
    assert tls is not None
    assert connect <= tls


@pytest.mark.parametrize("script", ["hang-before-head", "hang-after-head", "hang"])
async def test_cancelling_ends_the_models_work_within_a_second_and_hurts_no_other_answer(
    certificate: str, script: str
) -> None:
    async with model_and_provider(certificate) as (model, provider, _):
        async with provider.answer(ProviderQuestion("script:pieces:5:0.05")) as beside:
            said = [await anext(beside)]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, provider, f"script:{script}")
                await model.wait_until(lambda: len(model.completions) == 2)
                nursery.cancel_scope.cancel()
            await model.wait_until(lambda: model.aborted == 1, seconds=1)
            said += [piece async for piece in beside]
        assert said == list(PIECES)
        assert model.aborted == 1


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


_WHILE_CONNECTING = (
    *("connect_tcp.started", "connect_tcp.complete", "start_tls.started", "start_tls.complete"),
    *("send_request_headers.started", "send_request_body.complete"),
)


@pytest.mark.parametrize("step", _WHILE_CONNECTING)
@pytest.mark.parametrize("later", range(4))
async def test_whoever_is_cancelled_while_it_connects_leaves_nothing_open(
    certificate: str, monkeypatch: pytest.MonkeyPatch, step: str, later: int
) -> None:
    """One is cancelled so many checkpoints behind this step; another is asked at the same time."""
    observe = Departure.observe
    first = trio.CancelScope()
    texts: list[list[str]] = []

    async def ask_in_scope() -> None:
        with first:
            await ask(provider)

    async def ask_one() -> None:
        texts.append(await ask(provider))

    async def cancel_later() -> None:
        for _ in range(later):
            await trio.lowlevel.checkpoint()
        first.cancel()

    async def observe_and_cancel(self: Departure, event: str, info: dict[str, Any]) -> None:
        await observe(self, event, info)
        if event.endswith(step):
            nursery.start_soon(cancel_later)

    monkeypatch.setattr(Departure, "observe", observe_and_cancel)
    async with model_and_provider(certificate) as (model, provider, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_in_scope)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask_one)
        assert texts == [list(PIECES)]
        await provider.aclose()
        await model.wait_until(lambda: model.open_connections == 0)


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
