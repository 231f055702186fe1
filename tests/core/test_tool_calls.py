"""A model's tool calls are put together from the pieces in which they are streamed."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.tool_calls import LONGEST_ARGUMENTS, MOST_CALLS, ToolCall, ToolCalls
from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.completions import Delta, ToolCallPart, decode_completion, decode_delta


def test_arguments_come_piece_by_piece_and_several_calls_side_by_side() -> None:
    calls = ToolCalls()
    calls.add([ToolCallPart(0, "a", "take_navigation"), ToolCallPart(1, "b", "take_photo")])
    for piece in ['{"action"', ': "open"', "}"]:
        calls.add([ToolCallPart(0, arguments=piece)])
    calls.add([ToolCallPart(1, arguments="{}")])
    assert calls.take() == [
        ToolCall("a", "take_navigation", '{"action": "open"}'),
        ToolCall("b", "take_photo", "{}"),
    ]
    assert calls.take() == []


def test_servers_that_number_nothing_say_a_name_for_each() -> None:
    calls = ToolCalls()
    calls.add([ToolCallPart(name="take_photo"), ToolCallPart(arguments="{}")])
    calls.add([ToolCallPart(name="notify_agent_off", arguments="")])
    assert [(each.name, each.arguments) for each in calls.take()] == [
        ("take_photo", "{}"),
        ("notify_agent_off", ""),
    ]


def test_neither_calls_nor_arguments_fill_memory() -> None:
    calls = ToolCalls()
    for number in range(1000):
        calls.add([ToolCallPart(number, name="x", arguments="y" * LONGEST_ARGUMENTS)])
        calls.add([ToolCallPart(number, arguments="y" * LONGEST_ARGUMENTS)])
    taken = calls.take()
    assert len(taken) == MOST_CALLS
    assert all(len(each.arguments) <= LONGEST_ARGUMENTS for each in taken)


def test_a_call_becomes_the_words_of_a_device_action() -> None:
    call = ToolCall("a", "take_navigation", '{"action": "close", "command": "x"}')
    assert call.as_action() == {"command": "take_navigation", "action": "close"}
    assert ToolCall("a", "take_photo", " ").as_action() == {"command": "take_photo"}


@pytest.mark.parametrize("arguments", ["[]", '"x"', "{", '{"a":1}}', "null"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(BadMessage):
        ToolCall("a", "take_photo", arguments).as_action()


def test_calls_are_read_from_a_stream_and_from_a_whole_answer() -> None:
    delta = decode_delta(
        '{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"a","type":"function",'
        '"function":{"name":"take_photo","arguments":""}}]}}]}'
    )
    assert delta == Delta(calls=(ToolCallPart(0, "a", "take_photo", ""),))
    whole = decode_completion(
        b'{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"take_photo",'
        b'"arguments":{"x":1}}}]},"finish_reason":"tool_calls"}]}'
    )
    assert whole == Delta(
        "", "tool_calls", None, (ToolCallPart(None, "a", "take_photo", '{"x":1}'),)
    )


@pytest.mark.parametrize("calls", ["{}", "5", "[5]", '[{"function":5}]', '[{"index":"a"}]'])
def test_calls_of_an_unknown_shape_are_nothing_that_breaks(calls: str) -> None:
    delta = decode_delta(f'{{"choices":[{{"delta":{{"tool_calls":{calls}}}}}]}}')
    assert isinstance(delta, Delta)
    assert all(not each.name for each in delta.calls)
