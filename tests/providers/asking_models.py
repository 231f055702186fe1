"""Asking a scripted model, and what it must be told to fail with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from scripted_model import ScriptedModel

from eyeclaw_trio.errors import ProviderFailed
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.providers.provider import Provider, ProviderQuestion
from eyeclaw_trio.providers.settings import ProviderSettings

KEY = "sk-secret-0123456789"
PATIENT = ProviderSettings("model", api_key=KEY, model="glm-4")


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
            return [piece async for piece in pieces if isinstance(piece, str)]


async def ask_into(said: list[str], provider: Provider, text: str) -> None:
    async with provider.answer(ProviderQuestion(text)) as pieces:
        async for piece in pieces:
            said += [piece] if isinstance(piece, str) else []


async def fail(provider: Provider, text: str) -> tuple[ProviderFailed, list[str]]:
    """The failure, and what was said before it."""
    said: list[str] = []
    with trio.fail_after(10), pytest.raises(ProviderFailed) as caught:
        await ask_into(said, provider, text)
    assert KEY not in str(caught.value)
    assert "\n" not in caught.value.detail
    return caught.value, said
