"""Questions as glasses send them: every shape seen in the field, and every fault by its name."""

from __future__ import annotations

from typing import Any

import pytest
from rokid_bodies import a_body, ask, faults_of

from eyeclaw_trio.protocol.rokid import (
    LONGEST_ID,
    MOST_ENTRIES,
    Entry,
    Question,
    name_photos,
    read_history,
)

_FIELD_METADATA = {
    "lang": "zh-CN",
    "location": "杭州市西湖区湖滨路1号",
    "company_id": 1,
    "latitude": "30.250000000000000",
    "longitude": "120.16000000000000",
    "currentTime": "2026-02-28 00:17:36",
    "weather": "1. 今日：当前天气多云，21度，最低20度，最高26度。\n2. 明天：小雨，最低19度",
    "battery": "28",
    "runningApp": "",
}
PHOTO = {"role": "user", "type": "image", "image_url": "u"}
WORDS = {"role": "user", "type": "text", "text": "这是什么？"}
BOTH = {"role": "user", "type": "image", "image_url": "v", "text": "那个呢？"}
AGENT = {"role": "agent", "type": "text", "text": "好"}
_REAL_AGENT = "0f0e0d0c0b0a09080706050403020100"
_WEARER = "00000000000000000000000000000001"


def asking(**entry: Any) -> Question:
    """A question whose only entry is this one, of role user."""
    return ask(a_body(message=[{"role": "user"} | entry]))


# ---- shapes seen in the field -------------------------------------------------------------------


def test_a_text_with_metadata_as_the_platform_documents_it() -> None:
    context = {
        "location": "杭州市西湖区",
        "latitude": "30.2500",
        "longitude": "120.1300",
        "currentTime": "2025-03-11 11:22:41",
        "weather": "晴天",
        "battery": "85%",
    }
    entry = {"role": "user", "type": "text", "text": "若琪帮我写一首诗"}
    question = ask(
        {
            "message_id": "1021",
            "agent_id": "1",
            "user_id": "user_123",
            "metadata": {"context": context},
            "message": [entry],
        }
    )
    assert question == Question(
        message_id="1021",
        agent_id="1",
        user_id="user_123",
        asked=Entry("user", "若琪帮我写一首诗"),
        messages=(entry,),
        metadata=context,
        original_metadata={"context": context},
    )


def test_a_text_with_flat_metadata_and_nulls_as_glasses_really_send_it() -> None:
    question = ask(
        {
            "metadata": _FIELD_METADATA,
            "agent_id": _REAL_AGENT,
            "user_id": _WEARER,
            "message_id": "1772209056436",
            "message": [{"role": "user", "type": "text", "text": "你好", "image_url": None}],
        }
    )
    assert question.asked == Entry("user", "你好")
    assert question.metadata == _FIELD_METADATA
    assert question.original_metadata == _FIELD_METADATA
    assert (question.agent_id, question.user_id) == (_REAL_AGENT, _WEARER)


def test_two_turns_of_one_conversation_differ_in_their_text_only() -> None:
    first, second = (
        ask(a_body(message=[{"role": "user", "type": "text", "text": text, "image_url": None}]))
        for text in ("你好", "上次我们聊到哪里了？")
    )
    assert first.message_id == second.message_id
    assert first.text != second.text


@pytest.mark.parametrize(
    ("entries", "asked", "history"),
    [
        ([PHOTO], Entry("user", "", "u"), []),
        ([WORDS, PHOTO], Entry("user", "这是什么？", "u"), []),
        ([PHOTO, WORDS], Entry("user", "这是什么？", "u"), []),
        ([WORDS, AGENT, PHOTO], Entry("user", "", "u"), ["这是什么？", "好"]),
        ([PHOTO, AGENT, WORDS], Entry("user", "这是什么？"), ["[图片] u", "好"]),
        ([WORDS, WORDS], Entry("user", "这是什么？"), ["这是什么？"]),
        ([PHOTO, PHOTO], Entry("user", "", "u"), ["[图片] u"]),
        ([WORDS, WORDS, PHOTO], Entry("user", "这是什么？", "u"), ["这是什么？"]),
        ([WORDS, BOTH], Entry("user", "那个呢？", "v"), ["这是什么？"]),
        ([WORDS, PHOTO, AGENT], Entry("user", "这是什么？", "u"), []),
        ([AGENT, PHOTO], Entry("user", "", "u"), ["好"]),
    ],
)
def test_a_photo_and_the_words_right_beside_it_are_one_question(
    entries: list[dict[str, Any]], asked: Entry, history: list[str]
) -> None:
    question = ask(a_body(message=entries))
    assert question.asked == asked
    assert question.photos == ((asked.image,) if asked.image else ())
    assert [entry.as_text for entry in read_history(question.messages)] == history


def test_a_photo_within_its_address_is_not_said_in_words() -> None:
    assert name_photos(["data:image/png;base64,AAAA", "https://x/y"], "?") == (
        "[图片] [图片] https://x/y ?"
    )


def test_a_photo_has_its_address_in_image_url_and_text_is_null() -> None:
    question = asking(type="image", text=None, image_url="https://images.example/photo.webp")
    assert question.asked == Entry("user", "", "https://images.example/photo.webp")
    assert question.text == "[图片] https://images.example/photo.webp"


def test_a_photo_from_some_senders_has_its_address_in_text() -> None:
    question = asking(type="image", text="https://images.example/image.jpg")
    assert question.asked == Entry("user", "", "https://images.example/image.jpg")
    assert question.text == "[图片] https://images.example/image.jpg"


def test_without_a_type_the_text_is_in_content() -> None:
    assert asking(content="你好").asked == Entry("user", "你好")


def test_the_last_entry_of_the_user_is_the_question_and_the_earlier_ones_are_history() -> None:
    messages = [
        {"role": "user", "type": "text", "text": "我叫小明"},
        {"role": "agent", "type": "text", "text": "你好小明"},
        {"role": "user", "type": "text", "text": "我叫什么？"},
    ]
    question = ask(a_body(message=messages))
    assert question.asked == Entry("user", "我叫什么？")
    before = (Entry("user", "我叫小明"), Entry("agent", "你好小明"))
    assert read_history(question.messages) == before
    assert list(question.messages) == messages


# ---- entries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"content": "c"}, Entry("user", "c")),
        ({"type": None, "content": "c"}, Entry("user", "c")),
        ({"text": "t"}, Entry("user", "t")),
        ({"text": "", "content": "c"}, Entry("user", "c")),
        ({"text": None, "content": "c"}, Entry("user", "c")),
        ({"text": "t", "content": "c"}, Entry("user", "c")),
        ({"text": "t", "content": ""}, Entry("user", "t")),
        ({"type": "text", "text": "t", "content": "c"}, Entry("user", "t")),
        ({"type": "text", "text": "", "content": "c"}, Entry("user", "c")),
        ({"type": "text", "text": None, "content": "c"}, Entry("user", "c")),
        ({"type": "text", "text": "  t \n"}, Entry("user", "t")),
        ({"type": "text", "text": "t", "image_url": ""}, Entry("user", "t")),
        ({"type": "text", "text": "t", "image_url": "u"}, Entry("user", "t", "u")),
        ({"type": "image", "image_url": "u"}, Entry("user", "", "u")),
        ({"type": "image", "content": "u"}, Entry("user", "", "u")),
        ({"type": "image", "text": "t", "image_url": "u"}, Entry("user", "t", "u")),
        ({"type": "image", "text": "u", "image_url": "u"}, Entry("user", "", "u")),
        ({"type": "image", "text": "", "image_url": " u "}, Entry("user", "", "u")),
        ({"content": "c", "image_url": "u"}, Entry("user", "c", "u")),
    ],
)
def test_each_way_of_writing_an_entry_is_read(entry: dict[str, Any], expected: Entry) -> None:
    assert asking(**entry).asked == expected


def test_a_photo_with_words_is_asked_with_both() -> None:
    assert asking(type="image", text="这是什么？", image_url="u").text == "[图片] u 这是什么？"


def test_the_role_assistant_is_the_agent_too() -> None:
    messages = [{"role": "assistant", "content": "早"}, {"role": "user", "content": "早"}]
    assert read_history(ask(a_body(message=messages)).messages) == (Entry("agent", "早"),)


def test_what_the_agent_said_after_the_question_is_not_history() -> None:
    messages = [{"role": "user", "content": "一"}, {"role": "agent", "content": "二"}]
    question = ask(a_body(message=messages))
    assert (question.text, read_history(question.messages)) == ("一", ())


def test_a_history_entry_may_be_empty() -> None:
    messages = [
        {"role": "agent", "type": "text", "text": None},
        {"role": "user", "content": "x"},
    ]
    question = ask(a_body(message=messages))
    assert (question.text, read_history(question.messages)) == ("x", ())


def test_a_question_has_two_hundred_entries_and_no_more() -> None:
    entries = [{"role": "user", "content": str(number)} for number in range(MOST_ENTRIES)]
    assert MOST_ENTRIES == 200
    assert ask(a_body(message=entries)).text == "199"
    assert faults_of(a_body(message=[*entries, {}])) == {"message": "must hold at most 200 entries"}


def test_of_many_faults_the_first_twenty_are_named() -> None:
    faults = faults_of(a_body(message=[{"role": "user", "content": "x"}, *[{}] * 150]))
    assert list(faults) == [*(f"message[{place}].role" for place in range(1, 21)), "…"]
    assert faults["…"] == "and more"


# ---- ids ----------------------------------------------------------------------------------------


def test_a_number_as_message_id_becomes_a_string() -> None:
    assert ask(a_body(message_id=1772209056436)).message_id == "1772209056436"


@pytest.mark.parametrize("agent_id", ["1", 1, _REAL_AGENT, "007", 2**63, " a "])
def test_the_agent_id_is_kept_as_it_came_for_the_echo(agent_id: str | int) -> None:
    question = ask(a_body(agent_id=agent_id))
    assert question.agent_id == agent_id
    assert type(question.agent_id) is type(agent_id)
    assert question.agent_name == str(agent_id)


@pytest.mark.parametrize("name", ["message_id", "agent_id", "user_id"])
def test_an_id_may_have_128_characters_and_not_one_more(name: str) -> None:
    longest = "👓" * LONGEST_ID
    assert LONGEST_ID == 128
    assert getattr(ask(a_body(**{name: longest})), name) == longest
    assert list(faults_of(a_body(**{name: longest + "x"}))) == [name]


@pytest.mark.parametrize("name", ["message_id", "agent_id"])
@pytest.mark.parametrize("empty", ["", " ", "\n\t", "\u3000"])
def test_a_needed_id_is_not_empty(name: str, empty: str) -> None:
    assert list(faults_of(a_body(**{name: empty}))) == [name]


@pytest.mark.parametrize("user_id", [None, "", "u"])
def test_the_user_id_is_optional(user_id: str | None) -> None:
    assert ask(a_body(user_id=user_id)).user_id == user_id
    assert ask(a_body()).user_id is None


@pytest.mark.parametrize(("sent", "read"), [(3, 3), ("3", 3), ("003", 3), (None, None)])
def test_a_bot_id_of_a_worker_is_read_from_a_number_or_digits(
    sent: object, read: int | None
) -> None:
    assert ask(a_body(bot_id=sent)).bot_id == read
