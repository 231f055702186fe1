"""Images of OpenAI clients go through the guard of photos (PROTOCOL 6)."""

from __future__ import annotations

from typing import Any

import pytest
from openai_fakes import PROVIDER, OpenAIGateway, ask, completion, read_json_answer
from photo_hosts import ADDRESS, Script, guard_of, respond

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.photos.data_url import make_data_url
from eyeclaw_trio.server.photo_desk import PhotoDesk


def gateway_with(script: Script) -> OpenAIGateway:
    return OpenAIGateway(photos=PhotoDesk(guard_of(script), 7.0))


def about_an_image(**fields: Any) -> dict[str, Any]:
    parts = [
        {"type": "text", "text": "这是什么？"},
        {"type": "image_url", "image_url": {"url": ADDRESS}},
    ]
    return completion(messages=[{"role": "user", "content": parts}], **fields)


@pytest.mark.parametrize("model", ["eyeclaw", PROVIDER])
async def test_a_bot_and_a_provider_get_the_image_as_it_was_taken_in(model: str) -> None:
    gateway = gateway_with(respond(b"photo"))
    bot = gateway.bot()
    if model == PROVIDER:
        bot.station = gateway.switchboard.provider_station(PROVIDER)
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client, about_an_image(model=model))
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "一朵花")
            response, said = await read_json_answer(client)
    assert response.status_code == 200
    assert said["choices"][0]["message"]["content"] == "一朵花"
    assert command.metadata.images == (make_data_url(b"jpeg of photo"),)
    assert command.params.message == f"[图片] {ADDRESS} 这是什么？"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_image_that_is_not_taken_in_is_a_bad_request_and_asks_nobody(
    stream: bool,
) -> None:
    gateway = gateway_with(respond(b"photo", status="404 Not Found"))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as client:
            await ask(client, about_an_image(stream=stream))
            response, said = await read_json_answer(client)
    assert response.status_code == 400
    assert said["error"]["type"] == "invalid_request_error"
    assert said["error"]["code"].startswith("photo")
    assert bot.told == []
    assert gateway.traces[0].outcome is Outcome.REJECTED
