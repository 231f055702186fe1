"""Times as the wire and the pages say them: ISO 8601 in UTC, with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def format_timestamp(unix_ns: int) -> str:
    """What messages say (unix nanoseconds): `2026-01-31T12:00:00.000+00:00`."""
    second, rest = divmod(unix_ns // 1_000_000, 1_000)
    return f"{_whole_second(second)}.{rest:03d}+00:00"


def to_stamp(moment: datetime) -> str:
    """What records and pages say: `2026-01-31T12:00:00.000Z`. `moment` has a time zone."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


@lru_cache(maxsize=1)
def _whole_second(second: int) -> str:
    # Most messages of a moment say the same second.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
