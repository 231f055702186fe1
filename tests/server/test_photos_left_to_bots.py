"""Photos that the gateway cannot fetch, of bots that link and may reach them."""

from __future__ import annotations

import attrs
from bot_fakes import FakeBot
from fakes import Gateway, assert_whole, question, spoken
from photo_hosts import ADDRESS, guard_of, respond

from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError, StreamMessage
from eyeclaw_trio.server.photo_desk import PhotoDesk


async def answered(bot: FakeBot, gateway: Gateway, *said: StreamMessage) -> list[str]:
    """All blocks of the answer to a question with a photo that is gone."""
    entry = {"role": "user", "type": "image", "text": "这是什么？", "image_url": ADDRESS}
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(question(message=[entry]))
            await glasses.receive_head()
            [command] = await bot.wait_for_commands(1)
            assert command.params.message == f"[图片] {ADDRESS} 这是什么？"
            bot.say(*(attrs.evolve(each, session_id=command.session_id) for each in said))
            return await glasses.receive_answer()


def gateway_without_way_out() -> Gateway:
    return Gateway(photos=PhotoDesk(guard_of(respond(b"", status="404 Gone")), 7.0))


async def test_a_linked_bot_is_asked_about_a_photo_that_only_it_may_reach() -> None:
    gateway = gateway_without_way_out()
    bot = gateway.bot()
    blocks = await answered(bot, gateway, StreamChunk("", "一朵花", 0), StreamEnd(""))
    assert_whole(blocks, "一朵花")
    metadata = bot.commands[0].metadata
    assert metadata.images == ()
    assert metadata.missing_photos == (ADDRESS,)
    assert metadata.photo_words == "这是什么？"
    assert gateway.traces[0].outcome is Outcome.ANSWERED


async def test_a_photo_that_its_bot_cannot_fetch_either_is_told_in_the_same_sentence() -> None:
    gateway = gateway_without_way_out()
    error = StreamError("", "HTTP 404", "photo_unreachable")
    blocks = await answered(gateway.bot(), gateway, error)
    assert spoken(blocks) == "没能取到照片，请再拍一张。"
    assert not any("event: error" in block for block in blocks)
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "photo_unreachable")
    assert trace.said == "HTTP 404"
