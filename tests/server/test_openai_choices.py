"""Who answers an OpenAI client, and how it is refused, over memory streams (PROTOCOL 6)."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import KEY, LIMITED_KEY
from openai_fakes import PROVIDER, OpenAIGateway, ask, completion, read_json_answer


@pytest.mark.parametrize(
    ("fields", "headers", "key", "bot_id"),
    [
        ({}, (), None, 1),
        ({"model": "home"}, (), None, 1),
        ({"model": "2"}, (), None, 2),
        ({"model": "other"}, (), None, 2),
        ({"model": "home"}, (("X-OpenClaw-Agent-Id", "other"),), None, 2),
        ({"model": "openclaw"}, (("x-openclaw-agent-id", "main"),), None, 1),  # as Even G2 says it
        ({"model": "eyeclaw"}, (), LIMITED_KEY, 2),
        ({"model": "other"}, (), LIMITED_KEY, 2),
    ],
)
async def test_the_header_the_model_and_the_key_say_who_answers(
    fields: dict[str, Any], headers: tuple[tuple[str, str], ...], key: str | None, bot_id: int
) -> None:
    gateway = OpenAIGateway()
    bots = [gateway.bot(1), gateway.bot(2)]
    bot = bots[bot_id - 1]
    async with gateway.glasses() as client:
        with bots[0].station.attached(bots[0]), bots[1].station.attached(bots[1]):
            await ask(client, completion(**fields), target="/", key=key or KEY, headers=headers)
            bot.answer((await bot.wait_for_commands())[0].session_id, "好")
            response, _ = await read_json_answer(client)
    assert response.status_code == 200
    assert gateway.traces[0].bot_id == bot_id


async def test_a_provider_is_asked_by_its_name_without_any_bot() -> None:
    gateway = OpenAIGateway()
    model = gateway.bot()
    model.station = gateway.switchboard.provider_station(PROVIDER)
    async with gateway.glasses() as client:
        with model.station.attached(model):
            await ask(client, completion(model=PROVIDER))
            model.answer((await model.wait_for_commands())[0].session_id, "好")
            response, _ = await read_json_answer(client)
    assert response.status_code == 200
    assert (gateway.traces[0].bot_id, gateway.traces[0].provider) == (None, PROVIDER)


@pytest.mark.parametrize(
    ("body", "key", "status", "code", "param"),
    [
        (completion(), None, 401, "invalid_api_key", None),
        (completion(), "ak_wrong", 401, "invalid_api_key", None),
        (completion(model="gpt-4o"), KEY, 404, "model_not_found", "model"),
        (completion(model="home"), LIMITED_KEY, 403, "forbidden", None),
        (completion(model=PROVIDER), LIMITED_KEY, 403, "forbidden", None),
        (completion(model="gpt-4o"), LIMITED_KEY, 404, "model_not_found", "model"),
        (b"{", KEY, 400, None, ""),
        (completion(messages=[]), KEY, 400, None, "messages"),
        (completion(stream="yes"), KEY, 400, None, "stream"),
        (b"x" * 1_100_000, KEY, 413, None, None),
    ],
)
async def test_a_refusal_has_the_form_that_openai_clients_read(
    body: object, key: str | None, status: int, code: str | None, param: str | None
) -> None:
    gateway = OpenAIGateway()
    async with gateway.glasses() as client:
        await ask(client, body, key=key)
        response, said = await read_json_answer(client)
    error = said["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert gateway.answers.count == 0


async def test_the_models_are_those_that_the_key_may_ask() -> None:
    gateway = OpenAIGateway()

    async def get(target: str, key: str = KEY) -> tuple[int, Any]:
        async with gateway.glasses() as client:
            await client.send(method="GET", target=target, key=key)
            response, said = await read_json_answer(client)
            return response.status_code, said

    status, said = await get("/v1/models")
    assert (status, said["object"]) == (200, "list")
    assert [model["id"] for model in said["data"]] == ["eyeclaw", PROVIDER, "home", "other"]
    status, said = await get("/v1/models", LIMITED_KEY)
    assert [model["id"] for model in said["data"]] == ["other", "eyeclaw"]
    assert await get("/v1/models/home") == (
        200,
        {"id": "home", "object": "model", "created": 1767225600, "owned_by": "eyeclaw"},
    )
    status, said = await get("/v1/models/home", LIMITED_KEY)
    assert (status, said["error"]["code"]) == (404, "model_not_found")
    assert (await get("/v1/models", "ak_wrong"))[0] == 401
