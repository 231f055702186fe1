"""How a model is told what the glasses can do: as functions, or in the words of a system text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from eyeclaw_trio.core.action_fence import CLOSING, OPENING
from eyeclaw_trio.core.actions import LONGEST_TEXT
from eyeclaw_trio.core.texts import Language


@frozen
class Offer:
    """What this turn's reader can do: the commands of its glasses, and how many follow-ups it
    shows; a reader that is no pair of glasses, nothing."""

    actions: tuple[str, ...] = ()
    follow_ups: int = 0
    language: Language = "zh"


NO_OFFER: Final = Offer()

_Words = Mapping[Language, str]


@frozen
class _Command:
    does: _Words
    fields: Mapping[str, Mapping[str, Any]]
    example: str
    needed: tuple[str, ...] = ()


def _text(chinese: str, english: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": LONGEST_TEXT, "description": (chinese, english)}


def _choice(chinese: str, english: str, *words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words), "description": (chinese, english)}


_TIME: Final = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}$"}
_COMMANDS: Final[Mapping[str, _Command]] = {
    "take_photo": _Command(
        {
            "zh": "用眼镜拍一张照片；照片会随下一个问题到来",
            "en": "take a photo with the glasses; it comes with the next question",
        },
        {},
        '{"command": "take_photo"}',
    ),
    "take_navigation": _Command(
        {"zh": "打开或关闭眼镜上的导航", "en": "open or close navigation on the glasses"},
        {
            "action": _choice("打开或关闭", "open or close", "open", "close"),
            "poi_name": _text("目的地", "where to"),
            "navi_type": _choice(
                "0 驾车，1 步行，2 骑行", "0 driving, 1 walking, 2 cycling", "0", "1", "2"
            ),
        },
        '{"command": "take_navigation", "action": "open", "poi_name": "西湖", "navi_type": "1"}',
        needed=("action",),
    ),
    "control_calendar": _Command(
        {"zh": "在眼镜上新建日程", "en": "put an entry into the calendar of the glasses"},
        {
            "action": _choice("新建", "create", "create"),
            "title": _text("标题", "its title"),
            "start_time": {**_TIME, "description": ("开始时间", "when it begins")},
            "end_time": {**_TIME, "description": ("结束时间", "when it ends")},
        },
        '{"command": "control_calendar", "action": "create", "title": "…", '
        '"start_time": "YYYY-MM-DD HH:mm", "end_time": "YYYY-MM-DD HH:mm"}',
        needed=("action", "title", "start_time", "end_time"),
    ),
    "notify_agent_off": _Command(
        {
            "zh": "用户想结束对话时，退出智能体",
            "en": "leave the agent, when the user wants to end the conversation",
        },
        {},
        '{"command": "notify_agent_off"}',
    ),
}
_ACTIONS: Final[_Words] = {
    "zh": "用户的眼镜可以做下面这些事。只有用户确实要求时，才在回答最前面单独写一个这样的代码块，"
    "每次最多一件，代码块不会读出来：",
    "en": "The user's glasses can do what follows. Only where the user asks for it, begin your "
    "answer with one block like this on lines of its own, for one thing at most; it is never read "
    "out:",
}
_FOLLOW_UPS: Final[_Words] = {
    "zh": "回答结束后，可以另起一行写一个代码块，给出最多 {} 个用户可能接着问的短问题；"
    "代码块不会读出来：",
    "en": "Behind your answer you may write one block on lines of its own with at most {} short "
    "questions that the user might ask next; it is never read out:",
}
_FOLLOW_UP_EXAMPLE: Final = '{"follow_up": ["…", "…"]}'


def describe_functions(offer: Offer) -> list[dict[str, Any]]:
    """The offered actions as OpenAI's `tools`, in the order of the offer."""
    return [_function(name, offer.language) for name in offer.actions if name in _COMMANDS]


def describe_blocks(offer: Offer) -> str:
    """What the system text says of the fenced block; empty where there is nothing to say."""
    language = offer.language
    parts: list[str] = []
    actions = [name for name in offer.actions if name in _COMMANDS]
    if actions:
        lines = [_block(f'{{"tool_call": {_COMMANDS[actions[0]].example}}}')]
        lines += [
            f"- {_COMMANDS[name].example} {_COMMANDS[name].does[language]}"
            + _explain(_COMMANDS[name].fields, language)
            for name in actions
        ]
        parts.append("\n".join([_ACTIONS[language], *lines]))
    if offer.follow_ups:
        said = _FOLLOW_UPS[language].format(offer.follow_ups)
        parts.append(f"{said}\n{_block(_FOLLOW_UP_EXAMPLE)}")
    return "\n\n".join(parts)


def describe_fault(faults: Mapping[str, str]) -> str:
    """What a model is told of a call that cannot be obeyed."""
    why = "; ".join(f"{key}: {fault}" for key, fault in faults.items())
    return f"error: the glasses did nothing ({why}). Answer in words, or call it once more, right."


def _function(name: str, language: Language) -> dict[str, Any]:
    command = _COMMANDS[name]
    properties = {
        key: {**schema, "description": _in(schema["description"], language)}
        for key, schema in command.fields.items()
    }
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": command.does[language],
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": list(command.needed),
                "additionalProperties": False,
            },
        },
    }


def _in(words: Sequence[str], language: Language) -> str:
    chinese, english = words
    return english if language == "en" else chinese


def _block(line: str) -> str:
    return f"{OPENING}\n{line}\n{CLOSING}"


def _explain(fields: Mapping[str, Mapping[str, Any]], language: Language) -> str:
    said = [
        _in(schema["description"], language) for key, schema in fields.items() if key == "navi_type"
    ]
    return f" ({said[0]})" if said else ""
