"""A model's tool calls, put together from the pieces in which they are streamed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.completions import ToolCallPart
from eyeclaw_trio.protocol.decoding import read_json

# Calls of one answer that are looked at, and characters of the arguments of one; no device action
# comes near either.
MOST_CALLS: Final = 8
LONGEST_ARGUMENTS: Final = 16_384


@frozen
class ToolCall:
    """One call that is whole: the function's name, and its arguments as they came."""

    id: str
    name: str
    arguments: str

    def as_action(self) -> dict[str, Any]:
        """The call in the words of `tool_call`: `command` and its fields, unchecked. Raises
        BadMessage where the arguments are no JSON object."""
        try:
            arguments = read_json(self.arguments) if self.arguments.strip() else {}
        except BadMessage:
            raise BadMessage({"arguments": "must be JSON"}) from None
        if not isinstance(arguments, dict):
            raise BadMessage({"arguments": "must be a JSON object"})
        return {**arguments, "command": self.name}


@frozen
class ToolUse:
    """The model's server uses a tool of its own, and goes on by itself."""

    name: str


@define
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(factory=list)
    size: int = 0


class ToolCalls:
    """The calls of one answer, in the order in which they began."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}

    def add(self, parts: Iterable[ToolCallPart]) -> None:
        """More of one or more calls: a name comes once, arguments piece by piece. Some servers say
        no number: what has a name then begins the next."""
        for part in parts:
            index = part.index
            if index is None:
                index = max(self._calls, default=-1) + (bool(part.name) or not self._calls)
            call = self._calls.get(index)
            if call is None:
                if len(self._calls) == MOST_CALLS:
                    continue
                call = self._calls[index] = _Call()
            call.id = call.id or part.id
            call.name = call.name or part.name
            call.size += len(part.arguments)
            if call.size <= LONGEST_ARGUMENTS:
                call.arguments.append(part.arguments)

    def take(self) -> list[ToolCall]:
        """All that have come, whole now that something else comes; each is returned once."""
        calls, self._calls = self._calls, {}
        return [
            ToolCall(call.id or f"call_{number}", call.name, "".join(call.arguments))
            for number, call in enumerate(calls.values())
        ]
