"""What a question is asked within: a conversation, what was said there, what the model is told."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from fakes import make_bot, question

from eyeclaw_trio.core.beginnings import Beginning
from eyeclaw_trio.core.manners import BotManners, Manners
from eyeclaw_trio.core.system_text import USUAL_STYLE
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.rokid import Question, decode_question
from eyeclaw_trio.protocol.wishes import Wishes
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.occasion import Occasions

BOT = make_bot()
FORGETFUL = Manners(BotManners(needs_history=True))


def asked(text: str = "你好", **fields: Any) -> Question:
    return decode_question(encode(question(text, user_id="u1", **fields)))


async def say(occasions: Occasions, words: Question, *answer: str) -> None:
    """A turn whose answer is written as it is."""
    occasion = occasions.find(words, BOT)

    class Written:
        def send_nowait(self, events: object) -> bool:
            return bool(events)

    async def relay(reply: Reply) -> None:
        for text in answer:
            reply.send_nowait([text])
        await trio.lowlevel.checkpoint()

    reply: Any = Written()
    await occasions.remember(occasion, words, reply, relay)


async def test_the_next_question_is_told_what_was_said_and_a_sentence_about_the_wearer() -> None:
    occasions = Occasions(FORGETFUL)
    await say(occasions, asked("我叫小明"), "你好", "小明")
    occasion = occasions.find(asked("我叫什么", metadata={"battery": 9}), BOT)
    assert occasion.earlier == (
        {"role": "user", "type": "text", "text": "我叫小明"},
        {"role": "agent", "type": "text", "text": "你好小明"},
    )
    assert occasion.system_text.startswith(USUAL_STYLE["zh"])
    assert occasion.system_text.endswith("眼镜电量：9%")


async def test_a_bot_that_remembers_by_itself_is_told_nothing_again() -> None:
    occasions = Occasions()
    await say(occasions, asked("我叫小明"), "你好")
    assert occasions.find(asked(), BOT).earlier == ()


async def test_whoever_brings_the_whole_history_along_gets_nothing_added_and_leaves_nothing() -> (
    None
):
    occasions = Occasions(FORGETFUL)
    await say(occasions, asked("我叫小明"), "你好")
    for text in ("你好", "新对话"):
        apart = attrs.evolve(asked(text), wishes=Wishes(is_whole_history=True))
        occasion = occasions.find(apart, BOT)
        assert (occasion.earlier, occasion.system_text, occasion.is_new_chat) == ((), "", False)
        await say(occasions, apart, "什么？")
    assert len(occasions.find(asked(), BOT).history) == 1


async def test_a_new_chat_is_written_down_and_has_another_name() -> None:
    noted: list[Beginning] = []
    occasions = Occasions(FORGETFUL, on_beginning=noted.append)
    before = occasions.find(asked(), BOT).thread.name
    occasion = occasions.find(asked("新对话"), BOT)
    assert occasion.is_new_chat
    assert before == "bot_1"
    assert occasion.thread.name == f"bot_1_since_{noted[0].number}"
    assert [each.name for each in noted] == ["bot_1"]


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_was_said_is_handed_on_for_the_disk_only_where_it_may_be(keeps: bool) -> None:
    kept: list[object] = []
    manners = BotManners(needs_history=True, wearer=WearerSettings(keep_history=keeps))
    occasions = Occasions(Manners(manners), on_said=lambda *said: kept.append(said))
    await say(occasions, asked(), "你好")
    await say(occasions, asked())  # failed without a word
    assert len(kept) == keeps


async def test_a_photo_is_told_again_without_its_address() -> None:
    occasions = Occasions(FORGETFUL)
    photo = [
        {"role": "user", "type": "image", "text": "这是什么", "image_url": "https://x.example/1"}
    ]
    await say(occasions, asked("", message=photo), "一只猫")
    assert occasions.find(asked(), BOT).earlier[0]["text"] == "[图片] 这是什么"
