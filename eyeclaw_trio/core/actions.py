"""Device actions and follow-ups: what a bot or a model asks for, checked before glasses see it.

They are only ever asked for in so many words of a protocol (PROTOCOL 1, 2, 5), and never guessed
from what is said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from eyeclaw_trio.core.reply_events import DeviceAction
from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.harmless import harmless_line

# Of one turn: glasses can do one thing at a time.
PER_TURN: Final = 1
# Characters of a place, a title, a question to follow.
LONGEST_TEXT: Final = 200

# What the platform's own bridge adds to each call, which is no field of any.
_ADDED: Final = frozenset({"handling_required", "is_recall"})
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", re.ASCII)
_TIME_FORMAT: Final = "%Y-%m-%d %H:%M"

# A check of one value: what is wrong with it, or None.
Check = Callable[[Any], str | None]


def _one_of(*words: str) -> Check:
    known = ", ".join(f'"{word}"' for word in words)
    return lambda value: None if value in words else f"must be one of {known}"


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "must be a text, not empty"
    return None if len(value) <= LONGEST_TEXT else f"must have at most {LONGEST_TEXT} characters"


def _time(value: Any) -> str | None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            datetime.strptime(value, _TIME_FORMAT)
        except ValueError:
            pass
        else:
            return None
    return 'must be a time such as "2026-01-31 09:30"'


_NAVIGATION: Final = {
    "action": _one_of("open", "close"),
    "poi_name": _text,
    "navi_type": _one_of("0", "1", "2"),
}
_CALENDAR: Final = {
    "action": _one_of("create"),
    "title": _text,
    "start_time": _time,
    "end_time": _time,
}
# Each command with its fields, in the order of the wire.
COMMANDS: Final[Mapping[str, Mapping[str, Check]]] = MappingProxyType(
    {
        "take_photo": {},
        "take_navigation": _NAVIGATION,
        "control_calendar": _CALENDAR,
        "notify_agent_off": {},
    }
)


def read_action(call: object, allowed: Collection[str]) -> DeviceAction:
    """The action that a `tool_call` asks for: `command` and exactly its fields.

    Raises BadMessage that names what is wrong, in words of ours: also for one that is not among
    the `allowed`.
    """
    if not isinstance(call, dict):
        raise BadMessage({"tool_call": "must be an object"})
    command = call.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise BadMessage({"command": "must be one of " + ", ".join(COMMANDS)})
    if command not in allowed:
        raise BadMessage({"command": f"{command} is not switched on here"})
    given = {key: each for key, each in call.items() if key not in {"command", *_ADDED}}
    checks = COMMANDS[command]
    faults = {harmless_line(key): "is not known" for key in given if key not in checks}
    for key, check in checks.items():
        if key in given:
            fault = check(given[key])
        else:
            fault = None if _may_miss(key, given) else "is missing"
        if fault is not None:
            faults[key] = fault
    if not faults and given.get("end_time", "") < given.get("start_time", ""):
        faults["end_time"] = "must not be before start_time"
    if faults:
        raise BadMessage(faults)
    return DeviceAction(command, {key: given[key] for key in checks if key in given})


def _may_miss(key: str, given: Mapping[str, object]) -> bool:
    """Whoever ends a navigation need not say where to."""
    return given.get("action") == "close" and key in ("poi_name", "navi_type")


def read_follow_ups(texts: object, most: int) -> tuple[str, ...]:
    """What the wearer might ask next, at most so many; what is no such thing is left out."""
    if not isinstance(texts, list | tuple):
        return ()
    lines = [harmless_line(text) for text in texts[:100] if isinstance(text, str)]
    fit = [line for line in lines if line and len(line) <= LONGEST_TEXT]
    return tuple(dict.fromkeys(fit))[:most]
