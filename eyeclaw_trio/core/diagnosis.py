"""What one check of `doctor` or `selftest` came to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from attrs import asdict, frozen

State = Literal["ok", "warn", "fail"]

_MARKS: Final[dict[State, str]] = {"ok": "✓", "warn": "!", "fail": "✗"}


@frozen
class Diagnosis:
    """What was looked at, how it is, in words, and the command or setting that mends it."""

    check: str
    state: State
    text: str
    fix: str | None = None

    @property
    def record(self) -> dict[str, Any]:
        """As scripts get it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As people read it."""
        first = f"{_MARKS[self.state]} {self.text}"
        return [first] if self.fix is None else [first, f"    → {self.fix}"]


def is_sound(found: Iterable[Diagnosis]) -> bool:
    """Whether nothing of it is a fault; a warning is none."""
    return all(each.state != "fail" for each in found)
