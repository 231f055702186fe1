"""Questions with photos, from the door to the bot: memory streams and virtual time."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs
import pytest
import trio
from attrs import define
from bot_fakes import FakeBot
from fakes import FAILED, OFFLINE, Gateway, assert_whole, make_bot, make_directory, question, spoken
from photo_hosts import ADDRESS, Opened, Script, guard_of, respond
from trio.testing import MockClock

from eyeclaw_trio.core.awaited_photos import Talk
from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.reply_events import DeviceAction, FollowUps
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.errors import PhotoRefused
from eyeclaw_trio.photos.data_url import make_data_url
from eyeclaw_trio.protocol.sse import AnswerFraming
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand
from eyeclaw_trio.server.photo_desk import AskedPhotos, PhotoDesk
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster
from eyeclaw_trio.server.sse_reply import SseReply

IMAGE = make_data_url(b"jpeg of photo")


def gateway_with(script: Script, opened: Opened | None = None, **fields: Any) -> Gateway:
    guard = guard_of(script, opened)
    return Gateway(photos=PhotoDesk(guard, 7.0), **fields)


def photo(words: str | None = None, **fields: Any) -> dict[str, Any]:
    entry = {"role": "user", "type": "image", "text": words, "image_url": ADDRESS}
    return question(message=[entry], **fields)


async def ask(gateway: Gateway, bot: FakeBot, body: dict[str, Any]) -> list[str]:
    """All blocks of the answer; the bot says one word to it."""
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(body)
            await glasses.receive_head()
            commands = await bot.wait_for_commands(1)
            bot.answer(commands[-1].session_id, "一朵花")
            return await glasses.receive_answer()


async def refusal(gateway: Gateway, body: dict[str, Any]) -> list[str]:
    """All blocks of an answer that no bot is asked for."""
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(body)
            await glasses.receive_head()
            blocks = await glasses.receive_answer()
    assert not bot.told
    return blocks


async def test_a_bot_gets_the_photo_beside_its_address_and_the_words() -> None:
    gateway = gateway_with(respond(b"photo"))
    bot = gateway.bot()
    assert_whole(await ask(gateway, bot, photo("这是什么？")), "一朵花")
    [command] = bot.commands
    assert command.params.message == f"[图片] {ADDRESS} 这是什么？"
    assert command.metadata.images == (IMAGE,)
    assert command.metadata.photo_words == "这是什么？"
    [trace] = gateway.traces
    assert trace.outcome is Outcome.ANSWERED


async def test_about_a_photo_without_words_the_usual_is_asked() -> None:
    gateway = gateway_with(respond(b"photo"))
    bot = gateway.bot()
    await ask(gateway, bot, photo())
    assert bot.commands[0].params.message == f"[图片] {ADDRESS}"
    assert bot.commands[0].metadata.photo_words == "图里是什么？"


async def test_a_photo_that_was_asked_for_belongs_to_its_question_though_that_is_still_open() -> (
    None
):
    gateway = gateway_with(respond(b"photo"))
    desk, bot = gateway.photos, gateway.bot(capacity=2)
    assert desk is not None
    with bot.station.attached(bot):
        async with gateway.glasses() as first, gateway.glasses() as second:
            await first.send(question("这朵花叫什么？"))
            [asked] = await bot.wait_for_commands(1)
            # As the first reply does when it tells the glasses so.
            talk = Talk(1, "user_123", "1021")
            desk.expect(talk, "这朵花叫什么？", DeviceAction("take_navigation", {}))
            desk.expect(talk, "这朵花叫什么？", DeviceAction("take_photo", {}))
            await second.send(photo())
            taken = (await bot.wait_for_commands(2))[1]
            assert taken.metadata.photo_words == "这朵花叫什么？"
            assert taken.metadata.images == (IMAGE,)
            bot.answer(taken.session_id, "月季")
            bot.answer(asked.session_id, "我看看。")
            for glasses, text in ((first, "我看看。"), (second, "月季")):
                await glasses.receive_head()
                assert_whole(await glasses.receive_answer(), text)


async def test_what_a_reply_tells_the_glasses_to_do_is_told_to_whoever_asks() -> None:
    done: list[DeviceAction] = []
    connection = KeepingConnection()
    reply = SseReply(connection, AnswerFraming("1021", "1"), Wording("zh"), on_action=done.append)
    action = DeviceAction("take_photo", {})
    await reply.open()
    reply.send_nowait(["好", action, FollowUps(["还有呢？"])])
    assert done == [action]
    await reply.open()
    assert connection.written.count(b": connected") == 1


@define
class KeepingConnection:
    """A `server.sse_reply.ReplyConnection` that keeps what is written."""

    written: bytes = b""

    @property
    def writer(self) -> KeepingConnection:
        return self

    @property
    def reader(self) -> KeepingConnection:
        return self

    async def start_stream(self, _: object, data: bytes, *, ends: bool = False) -> None:
        self.written += data

    def write_nowait(self, data: bytes) -> bool:
        self.written += data
        return True

    async def drain(self) -> None:
        pass

    async def end_stream(self, data: bytes) -> None:
        self.written += data

    def monitor_hangup(self, *_: object) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.mark.parametrize("bad", [None, 0, 2])
async def test_several_photos_are_taken_in_side_by_side_and_keep_their_order(
    autojump_clock: trio.abc.Clock, bad: int | None
) -> None:
    gateway = gateway_with((), Opened(seconds=3.0))
    assert gateway.photos is not None
    addresses = [make_data_url(name.encode()) for name in "abcd"]
    if bad is not None:
        addresses[bad] = "data:text/html,x"
    photos = AskedPhotos(
        addresses, "哪个好？", "", Talk(1, None, ""), 1, gateway.reception.questions.portion(1)
    )
    command = ExecuteCommand(
        CommandParams("[图片]"), CommandMetadata("1", "turn", "bot_1", "trace_1"), ""
    )
    reply = SseReply(KeepingConnection(), AnswerFraming("1021", "1"), Wording("zh"))
    if bad is not None:
        with pytest.raises(PhotoRefused):
            await gateway.photos.complete(command, photos, reply, trio.CancelScope())
        assert trio.current_time() < 1
        return
    command = await gateway.photos.complete(command, photos, reply, trio.CancelScope())
    taken = [f"jpeg of {name}".encode() for name in "abcd"]
    assert command.metadata.images == tuple(map(make_data_url, taken))
    assert trio.current_time() == pytest.approx(3.0)


# ---- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "said", "code"),
    [
        (respond(b"<html>", kind="text/html"), "照片打不开，请再拍一张。", "photo_no_image"),
        (respond(b"x" * 1001), "照片太大，请换一张小一点的。", "photo_large"),
        (
            respond(status="302 Found", Location="http://127.0.0.1/"),
            "这张照片的地址不能用。",
            "photo_address",
        ),
    ],
)
async def test_a_refused_photo_is_told_to_the_wearer_in_one_sentence(
    script: Script, said: str, code: str
) -> None:
    gateway = gateway_with(script)
    blocks = await refusal(gateway, photo("这是什么？"))
    assert spoken(blocks) == said
    assert blocks[-1].startswith("event: done")
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, code)


GONE = respond(b"", status="404 Gone")


async def test_a_model_is_not_asked_about_a_photo_that_it_cannot_see() -> None:
    embedded = attrs.evolve(make_bot(), provider="model", token_digest=None)
    directory = Directory(keys=make_directory().keys, bots={1: embedded})
    gateway = gateway_with(GONE, directory=directory)
    assert spoken(await refusal(gateway, photo())) == "没能取到照片，请再拍一张。"
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "photo_unreachable")


async def test_a_wearer_who_speaks_english_is_told_in_english() -> None:
    body = photo(metadata={"lang": "en-US"})
    blocks = await refusal(gateway_with(respond(b"", kind="text/plain")), body)
    assert spoken(blocks) == "The photo cannot be opened. Please take it again."


async def test_while_a_photo_comes_slowly_the_reader_is_kept_and_others_are_answered(
    autojump_clock: trio.abc.Clock,
) -> None:
    script: list[bytes | float] = [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"]
    for _ in range(20):
        script += [b"x", 1.0]
    gateway = gateway_with(script)
    bot = gateway.bot(2)
    with gateway.bot().station.attached(FakeBot(gateway.switchboard.station(1))):
        async with gateway.glasses() as slow:
            await slow.send(photo())
            await slow.receive_head()
            assert await slow.receive_event() == ": connected"
            assert_whole(await ask(gateway, bot, question("你好", agent_id="2")), "一朵花")
            assert trio.current_time() < 1
            assert await slow.receive_event() == ": keep-alive"
            assert trio.current_time() == pytest.approx(7.0)
            assert spoken(await slow.receive_answer()) == "照片传得太慢，请稍后再拍一张。"
            assert trio.current_time() == pytest.approx(8.0)
            assert gateway.patience.request_timeout == 10.0


async def test_who_hangs_up_lets_go_of_the_photo(autojump_clock: trio.abc.Clock) -> None:
    opened = Opened(seconds=5.0)
    gateway = gateway_with(respond(b"photo"), opened)
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(photo())
            await glasses.receive_head()
            await trio.sleep(1.0)
        assert trio.current_time() < 2.0
    [trace] = gateway.traces
    assert trace.outcome is Outcome.CANCELLED
    assert not bot.told
    assert not gateway.answers.count


async def test_a_key_that_is_revoked_meanwhile_opens_no_bot(autojump_clock: trio.abc.Clock) -> None:
    gateway = gateway_with(respond(b"photo"), Opened(seconds=2.0))

    async def revoke() -> None:
        await trio.sleep(1.0)
        assert gateway.answers.count == 1  # a drain would wait for it
        gateway.directory = Directory(bots=gateway.directory.bots)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(revoke)
        blocks = await refusal(gateway, photo())
    assert spoken(blocks) == FAILED
    assert gateway.traces[0].reason == "key_revoked"


async def test_an_answer_to_a_photo_is_waited_for_to_its_end_and_ends_with_its_key() -> None:
    gateway = gateway_with(respond(b"photo"))
    revocation = Revocation(gateway.switchboard, Roster(gateway.answers))
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(photo())
            await glasses.receive_head()
            await bot.wait_for_commands(1)
            assert gateway.answers.count == 1
            await revocation.enforce(Directory(bots=gateway.directory.bots))
            assert spoken(await glasses.receive_answer()) == FAILED
    await gateway.answers.wait_for_none()
    assert gateway.traces[0].outcome is Outcome.REJECTED


async def test_a_bot_that_is_offline_is_said_to_be_so_before_any_photo_is_fetched() -> None:
    opened = Opened()
    gateway = gateway_with(respond(b"photo"), opened)
    async with gateway.glasses() as glasses:
        await glasses.send(photo())
        await glasses.receive_head()
        assert spoken(await glasses.receive_answer()) == OFFLINE
    assert not opened.given


async def test_a_linked_bot_gets_the_photos_that_fit_and_an_embedded_one_all() -> None:
    limits = Limits(cable_message=8192 + 200)
    gateway = gateway_with(respond(b"photo"), limits=limits)
    bot = gateway.bot()
    await ask(gateway, bot, photo())
    assert bot.commands[0].metadata.images == ()
    assert bot.commands[0].params.message == f"[图片] {ADDRESS}"
    embedded = attrs.evolve(make_bot(), provider="model", token_digest=None)
    directory = Directory(keys=make_directory().keys, bots={1: embedded})
    gateway = gateway_with(respond(b"photo"), limits=limits, directory=directory)
    bot = gateway.bot()
    await ask(gateway, bot, photo())
    assert bot.commands[0].metadata.images == (IMAGE,)


async def test_a_photo_for_which_the_questions_have_no_room_is_refused() -> None:
    gateway = gateway_with(respond(b"photo"))
    others = gateway.reception.questions.portion("another key")
    body = photo()
    assert others.take(gateway.reception.questions.limit // 2)
    room = gateway.reception.questions.portion(1)
    assert room.take(gateway.reception.questions.limit // 4 - len(json.dumps(body)) // 2)
    assert spoken(await refusal(gateway, body)) == "照片太多，请稍后再试。"


async def test_a_filler_that_is_due_when_a_photo_is_there_is_said_and_ends_nothing(
    autojump_clock: MockClock,
) -> None:
    gateway = gateway_with(respond(b"photo"), Opened(seconds=4.0))
    wearer = WearerSettings(filler_after=2.0)
    gateway.reception.occasions.manners = Manners(BotManners(wearer=wearer))
    bot = gateway.bot()
    assert_whole(await ask(gateway, bot, photo()), "嗯，一朵花")
    [trace] = gateway.traces
    assert (trace.outcome, trace.chunks_written) == (Outcome.ANSWERED, 2)
