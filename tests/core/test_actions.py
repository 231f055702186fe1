"""Device actions and follow-ups are checked strictly, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from eyeclaw_trio.core.action_words import (
    Offer,
    describe_blocks,
    describe_fault,
    describe_functions,
)
from eyeclaw_trio.core.actions import COMMANDS, read_action, read_follow_ups
from eyeclaw_trio.errors import BadMessage

ALL = tuple(COMMANDS)
NAVIGATE = {"command": "take_navigation", "action": "open", "poi_name": "西湖", "navi_type": "1"}
CALENDAR = {
    "command": "control_calendar",
    "action": "create",
    "title": "开会",
    "start_time": "2026-12-01 09:30",
    "end_time": "2026-12-01 10:00",
}


@pytest.mark.parametrize(
    "call",
    [
        {"command": "take_photo"},
        {"command": "notify_agent_off"},
        NAVIGATE,
        {"command": "take_navigation", "action": "close"},
        CALENDAR,
        {**CALENDAR, "end_time": CALENDAR["start_time"]},
    ],
)
def test_what_is_right_passes_with_exactly_its_fields(call: dict[str, Any]) -> None:
    action = read_action(call, ALL)
    assert {"command": action.command, **action.fields} == call


def test_fields_stand_in_the_order_of_the_wire_and_what_the_platform_adds_is_no_fault() -> None:
    shuffled = {"navi_type": "1", "poi_name": "西湖", "is_recall": True, "action": "open"}
    action = read_action(
        {**shuffled, "command": "take_navigation", "handling_required": False}, ALL
    )
    assert list(action.fields) == ["action", "poi_name", "navi_type"]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("take_photo", "tool_call"),
        ({}, "command"),
        ({"command": "TAKE_PHOTO"}, "command"),
        ({"command": ["take_photo"]}, "command"),
        ({"command": "take_photo", "zoom": 2}, "zoom"),
        ({"command": "take_navigation"}, "action"),
        ({**NAVIGATE, "action": "start"}, "action"),
        ({**NAVIGATE, "poi_name": " "}, "poi_name"),
        ({**NAVIGATE, "poi_name": "湖" * 201}, "poi_name"),
        ({**NAVIGATE, "navi_type": 1}, "navi_type"),
        ({**NAVIGATE, "navi_type": "3"}, "navi_type"),
        ({**CALENDAR, "title": None}, "title"),
        ({**CALENDAR, "start_time": "2026-13-01 09:30"}, "start_time"),
        ({**CALENDAR, "start_time": "2026-12-01T09:30"}, "start_time"),
        ({**CALENDAR, "start_time": "2026-12-1 9:30"}, "start_time"),
        ({**CALENDAR, "start_time": "２０２６-12-01 09:30"}, "start_time"),
        ({**CALENDAR, "end_time": "2026-12-01 09:29"}, "end_time"),
        ({**CALENDAR, "action": "delete"}, "action"),
        ({key: CALENDAR[key] for key in ("command", "action", "title")}, "end_time"),
    ],
)
def test_what_is_wrong_is_refused_by_the_name_of_its_field(call: object, fault: str) -> None:
    with pytest.raises(BadMessage) as refused:
        read_action(call, ALL)
    assert fault in refused.value.faults


def test_an_action_that_is_not_switched_on_is_refused() -> None:
    with pytest.raises(BadMessage, match="not switched on"):
        read_action({"command": "take_photo"}, ["notify_agent_off"])


def test_what_was_sent_is_in_no_fault() -> None:
    with pytest.raises(BadMessage) as refused:
        read_action({"command": "secret-word", "x": "secret-word"}, ALL)
    assert "secret-word" not in str(refused.value)


def test_follow_ups_are_short_lines_each_once_and_not_too_many() -> None:
    said = ["还有呢？", " 还有\n呢？ ", "", 5, "x" * 201, "还有呢？", "多少钱？", "在哪？"]
    assert read_follow_ups(said, 3) == ("还有呢？", "还有 呢？", "多少钱？")
    assert read_follow_ups(said, 0) == ()
    assert read_follow_ups("还有呢？", 3) == ()


def test_a_model_is_offered_exactly_what_is_switched_on() -> None:
    functions = describe_functions(Offer(("notify_agent_off", "take_navigation"), language="en"))
    assert [each["function"]["name"] for each in functions] == [
        "notify_agent_off",
        "take_navigation",
    ]
    for function in describe_functions(Offer(ALL)):
        described = function["function"]
        assert list(described["parameters"]["properties"]) == list(COMMANDS[described["name"]])
    assert describe_functions(Offer()) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_block_is_explained_with_what_is_switched_on_only(language: Any) -> None:
    said = describe_blocks(Offer(("take_photo",), 2, language))
    assert '```eyeclaw\n{"tool_call": {"command": "take_photo"}}\n```' in said
    assert "take_navigation" not in said
    assert '{"follow_up": ["…", "…"]}' in said
    assert describe_blocks(Offer()) == ""
    assert "zoom: is not known" in describe_fault({"zoom": "is not known"})
