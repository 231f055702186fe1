"""How long to wait and how much to hold: two small frozen groups that the decisions read.

Defaults are CLI's, "Settings". Durations are in seconds, sizes in bytes.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

# An end with no gap known waits this long for its summary: a lost tail shows only there
# (PROTOCOL, "Ordering and healing").
TAIL_GRACE: Final = 0.25
# Whoever looks so much later than it was time to was away: the process was stopped, its machine had
# no time for it, or it was busy with a slow reader. Nobody else is to be blamed for that (seconds).
LATE: Final = 1.0
# Chunks held back because an earlier one is missing (RELIABILITY 12).
HELD_CHUNKS: Final = 256
# The whole text of one answer (bytes of UTF-8), more than a million Chinese characters: here a
# model that loops for ever is cut off.
ANSWER_LIMIT: Final = 4 * 1_048_576


def _seconds(default: float) -> float:
    return field(default=default, converter=float, validator=[validators.gt(0), validators.lt(1e9)])


def _count(default: int) -> int:
    return field(default=default, validator=validators.gt(0))


@frozen
class Patience:
    """The durations of `[patience]`, in seconds and above zero; a `late_after` of 0 is never."""

    idle_timeout: float = _seconds(60.0)
    keepalive: float = _seconds(7.0)
    presence_timeout: float = _seconds(300.0)
    resume_grace: float = _seconds(20.0)
    summary_grace: float = _seconds(2.0)
    queue_timeout: float = _seconds(30.0)
    drain_timeout: float = _seconds(30.0)
    request_timeout: float = _seconds(10.0)
    write_timeout: float = _seconds(10.0)
    late_after: float = field(
        default=0.0, converter=float, validator=[validators.ge(0), validators.lt(1e9)]
    )
    late_timeout: float = _seconds(600.0)


@frozen
class Limits:
    """The bounds of `[limits]`: bytes, except `queued_turns` (per bot) and `connections`."""

    request_body: int = _count(1_048_576)
    answer_buffer: int = _count(1_048_576)
    cable_message: int = _count(1_048_576)
    queued_turns: int = _count(16)
    connections: int = _count(10_000)
    image: int = _count(10_485_760)
