"""What a scripted model says that wants something of the glasses, thinks aloud or writes markdown.

Importing it adds these to the scripts by name. Each takes the size of its pieces in characters.
"""

from __future__ import annotations

from collections.abc import Callable

from model_scripts import (
    DONE,
    ENDING,
    SCRIPTS,
    STOP,
    End,
    Head,
    Script,
    Send,
    Step,
    Whole,
    event,
    piece,
)

NAVIGATION = '{"action":"open","poi_name":"西湖","navi_type":"1"}'
MEETING = (
    '{"action":"create","title":"开会","start_time":"2026-12-01 09:30",'
    '"end_time":"2026-12-01 10:00"}'
)
THOUGHT = "<think>用户想…**\n```\n</think>\n\n好的，**重点**：`__init__.py`。"
BLOCK = '好的。\n```eyeclaw\n{"tool_call": {"command": "take_photo"}}\n```\n'
QUESTIONS = '好的。\n\n```eyeclaw\n{"follow_up": ["多少钱？", "在哪？", "几点？", "谁？"]}\n```'
MARKDOWN = "# 天气\n\n- **今天**：晴，*25*度\n- 明天：[雨](https://example.com/a_b)\n"
HEARD_MARKDOWN = "天气\n\n今天：晴，25度\n明天：雨\n"


def call_in_pieces(name: str, arguments: str, size: int) -> list[Step]:
    """One call of a function, its arguments streamed in pieces of this size."""
    head = {"index": 0, "id": "call_1", "type": "function"}
    steps = [_calls({**head, "function": {"name": name, "arguments": ""}})]
    steps += [
        _calls({"index": 0, "function": {"arguments": arguments[at : at + size]}})
        for at in range(0, len(arguments), size)
    ]
    return steps


def _calls(call: dict[str, object]) -> Step:
    return event({"choices": [{"delta": {"tool_calls": [call]}}]})


def _calling(name: str, arguments: str = "{}", before: str = "") -> Callable[..., Script]:
    def script(size: float = 3) -> Script:
        said = [piece(before)] if before else []
        calls = call_in_pieces(name, arguments, int(size))
        return (Head(), *said, *calls, piece(None, "tool_calls"), DONE, Whole(), End())

    return script


def _saying(text: str) -> Callable[..., Script]:
    def script(size: float = 3) -> Script:
        count = int(size)
        pieces = [piece(text[at : at + count]) for at in range(0, len(text), count)]
        return (Head(), *pieces, *ENDING)

    return script


_WHOLE_CALL = event(
    {
        "choices": [
            {
                "message": {
                    "tool_calls": [
                        {"id": "c", "function": {"name": "take_photo", "arguments": "{}"}}
                    ]
                },
                "finish_reason": "tool_calls",
            }
        ]
    }
)
_THOUGHT = event({"choices": [{"delta": {"reasoning_content": "嗯……", "content": None}}]})

SCRIPTS.update(
    {
        "photo": _calling("take_photo", before="好的，"),
        "navigate": _calling("take_navigation", NAVIGATION),
        "calendar": _calling("control_calendar", MEETING),
        "goodbye": _calling("notify_agent_off", ""),
        "unknown-call": _calling("take_video"),
        "wrong-call": _calling("take_navigation", '{"action":"fly"}', before="我看看。"),
        "call-then-text": lambda: (
            *(Head(), *call_in_pieces("take_photo", "", 1), piece("拍好了"), *ENDING),
        ),
        "cut-call": lambda: (
            Head(),
            *call_in_pieces("take_navigation", NAVIGATION[:9], 3),
            End(),
        ),
        "whole-call": lambda: (
            *(Head(content_type="application/json"), Send(_WHOLE_CALL.data[6:]), End()),
        ),
        "reasoning": lambda: (Head(), _THOUGHT, _THOUGHT, piece("好"), STOP, DONE, Whole(), End()),
        "thought": _saying(THOUGHT),
        "only-thought": _saying("<think>想不出来"),
        "block": _saying(BLOCK),
        "questions": _saying(QUESTIONS),
        "markdown": _saying(MARKDOWN),
    }
)
