"""What a server says behind the end of an answer is nobody's: it never becomes the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trustme
from model_scripts import PIECES
from scripted_model import ScriptedModel, open_scripted_model, server_tls

from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings


async def ask(provider: Provider, text: str = "你好") -> list[str]:
    async with provider.answer(ProviderQuestion(text)) as pieces:
        return [piece async for piece in pieces if isinstance(piece, str)]


async def check(model: ScriptedModel, script: str, *, later: bool = False) -> None:
    provider = open_provider(ProviderSettings("model", base_url=model.base_url, model="any"))
    with trio.fail_after(10):
        try:
            assert await ask(provider, f"script:{script}") == list(PIECES)
            if later:
                await model.wait_until(lambda: model.surplus_said == 1)
            assert await ask(provider) == list(PIECES)
            assert model.connections == 2  # the one with the surplus is not used again
            assert await ask(provider) == list(PIECES)
            assert model.connections == 2  # the one without is
            await model.wait_until(lambda: model.open_connections == 1)
        finally:
            await provider.aclose()


_SCRIPTS = ("surplus", "surplus-begun", "surplus-bytes", "surplus-later")


@pytest.mark.parametrize("script", _SCRIPTS)
async def test_a_connection_with_a_surplus_is_not_used_again(script: str) -> None:
    async with open_scripted_model() as model:
        await check(model, script, later=script == "surplus-later")


@pytest.mark.parametrize("script", [*_SCRIPTS, "surplus-in-its-own-record"])
async def test_a_connection_with_a_surplus_is_not_used_again_over_tls(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    async with open_scripted_model(tls=server_tls(str(pem))) as model:
        await check(model, script, later=script == "surplus-later")


async def test_a_connection_with_a_surplus_through_a_proxy_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_scripted_model() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        settings = ProviderSettings("model", base_url="http://model.invalid/v1", model="any")
        provider = open_provider(settings)
        with trio.fail_after(10):
            assert await ask(provider, "script:surplus") == list(PIECES)
            assert await ask(provider) == list(PIECES)
            assert await ask(provider) == list(PIECES)
            await provider.aclose()
        assert proxy.connections == 2
