"""How long a provider took for one answer, segment by segment, and what it was meant to take.

All times are in seconds, and of one answer they count from the moment when it was asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Literal

from attrs import asdict, fields, frozen

from eyeclaw_trio.core.timings import WINDOW, Spread
from eyeclaw_trio.errors import Reason

Region = Literal["home", "abroad"]


@frozen
class Segments:
    """When each step of one answer was done; None: not reached, or not needed.

    A warm connection has no `connect` and no `tls`, one without encryption no `tls`.
    `first_token` is the first text that is more than space, `last_token` the answer's end.
    """

    connect: float | None = None
    tls: float | None = None
    request_sent: float | None = None
    headers: float | None = None
    first_token: float | None = None
    last_token: float | None = None

    def in_ms(self) -> dict[str, float | None]:
        """The same in milliseconds, in the order of time."""
        pairs = ((each.name, getattr(self, each.name)) for each in fields(Segments))
        return {name: None if at is None else round(at * 1000, 1) for name, at in pairs}


SEGMENTS: Final = tuple(each.name for each in fields(Segments))


@frozen
class ProviderAnswer:
    """One answer of a provider, or its failure with `reason`."""

    provider: str
    segments: Segments
    is_cold: bool
    http_version: str = ""
    reason: Reason | None = None

    def describe(self) -> dict[str, Any]:
        """Its time line for people and programs."""
        return {
            "connection": "cold" if self.is_cold else "warm",
            "http": self.http_version or None,
            "segments_ms": self.segments.in_ms(),
        }


@frozen
class Target:
    """How soon the first token and the whole answer are meant to be there."""

    first_token: float
    total: float

    def is_met(self, segments: Segments) -> bool:
        """Whether both were in time."""
        first, last = segments.first_token, segments.last_token
        if first is None or last is None:
            return False
        return first < self.first_token and last < self.total


@frozen
class Targets:
    """The targets of one provider: over a warm connection, and over one that had to be made."""

    warm: Target
    cold: Target

    def in_ms(self) -> dict[str, dict[str, float]]:
        """The same in milliseconds."""
        return {
            name: {"first_token": each.first_token * 1000, "total": each.total * 1000}
            for name, each in (("warm", self.warm), ("cold", self.cold))
        }

    def of(self, answer: ProviderAnswer) -> Target:
        """The one that counts for this answer."""
        return self.cold if answer.is_cold else self.warm


TARGETS: Final[dict[Region, Targets]] = {
    "home": Targets(Target(1.0, 3.0), Target(1.0, 3.0)),
    "abroad": Targets(Target(3.0, 5.0), Target(8.0, 10.0)),
}


class ProviderTimings:
    """The answers of one provider, the newest WINDOW of them; the counts are of all."""

    def __init__(self, targets: Targets) -> None:
        self.targets = targets
        self.answered = 0
        self.failed = 0
        self.met = 0
        self.missed = 0
        self.last: ProviderAnswer | None = None
        self._kept: deque[Segments] = deque(maxlen=WINDOW)

    def add(self, answer: ProviderAnswer) -> bool | None:
        """Count one; whether its target was met, None for a failure."""
        if answer.reason is not None:
            self.failed += 1
            return None
        self.answered += 1
        self.last = answer
        self._kept.append(answer.segments)
        is_met = self.targets.of(answer).is_met(answer.segments)
        self.met += is_met
        self.missed += not is_met
        return is_met

    def extend(self, answers: Iterable[ProviderAnswer]) -> None:
        """Count many, in their order of time."""
        for each in answers:
            self.add(each)

    def describe(self) -> dict[str, Any]:
        """For people and programs: spreads and targets in milliseconds, met and missed."""
        spreads = {name: self.spread(name) for name in SEGMENTS}
        last = self.last
        return {
            "asked": {"answered": self.answered, "failed": self.failed},
            "first_token_ms": _as_dict(spreads["first_token"]),
            "last_token_ms": _as_dict(spreads["last_token"]),
            "segments_ms": {name: _as_dict(each) for name, each in spreads.items()},
            "last_answer": None if last is None else last.describe(),
            "targets_ms": self.targets.in_ms(),
            "targets_met": self.met,
            "targets_missed": self.missed,
        }

    def spread(self, segment: str) -> Spread | None:
        """Last, median and 95th percentile of a segment, in milliseconds; None without any."""
        return Spread.of(
            round(at * 1000, 1) for each in self._kept if (at := getattr(each, segment)) is not None
        )


def resolve_targets(
    region: Region,
    *,
    first_token: float | None = None,
    total: float | None = None,
    cold_first_token: float | None = None,
    cold_total: float | None = None,
) -> Targets:
    """The region's targets, with what was changed of them.

    A cold connection is never given less time than a warm one, unless that was said.
    """
    usual = TARGETS[region]
    warm = Target(first_token or usual.warm.first_token, total or usual.warm.total)
    return Targets(
        warm,
        Target(
            cold_first_token or max(usual.cold.first_token, warm.first_token),
            cold_total or max(usual.cold.total, warm.total),
        ),
    )


def _as_dict(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else asdict(spread)
