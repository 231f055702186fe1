"""Which traces a page shows, as its address says it: every filter is in there, so that a list can
be kept, sent and gone back to. Pure; the clock and the zone are arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from attrs import frozen

from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store.trace_list import TraceFilter

# The filters, by their names in an address, in the order in which a page shows them.
NAMES: Final = ("outcome", "anomaly", "loss", "bot", "source", "wearer", "since", "slower", "q")
# As an anomaly: any.
ANY: Final = "1"

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TO_THE_MINUTE: Final = re.compile(_DATE.pattern + r"[T ]\d\d:\d\d(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_AGO: Final = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_MINUTE: Final = timedelta(minutes=1)
_LONGEST_TIME: Final = 40  # characters
_LONGEST_DELAY: Final = 86_400.0  # seconds

FindBot = Callable[[str], int | None]
"""The id of the bot of this name; None: there is none."""


@frozen
class Clock:
    """What time it is, and in which zone times without one are meant: that of whoever reads."""

    now: datetime
    zone: tzinfo | None

    @property
    def midnight(self) -> datetime:
        """When today began there."""
        today = self.now.astimezone(self.zone).date()
        return datetime.combine(today, time()).replace(tzinfo=self.zone).astimezone()


@frozen
class TraceQuery:
    """What was asked for. `until` is the end of the moment to jump to; `fields` are the filters as
    they were given."""

    wanted: TraceFilter
    fields: Mapping[str, str]
    after: str | None = None
    until: datetime | None = None

    def chosen(self, name: str) -> str | None:
        """The value of this filter, as the counts beside it name it; None: there is none."""
        if name == "bot" and self.wanted.bot_id is not None:
            return str(self.wanted.bot_id)
        return self.fields.get(name)

    def address(self, path: str, **changes: str | None) -> str:
        """This list's address at `path`, with some fields changed; None takes one away. Places in
        the list are not kept."""
        fields = {**self.fields, **changes}
        query = urlencode([(name, value) for name, value in fields.items() if value])
        return f"{path}?{query}" if query else path


def read_query(given: Iterable[tuple[str, str]], clock: Clock, find_bot: FindBot) -> TraceQuery:
    """The query of an address; of two fields with one name the last one counts, and an empty one
    is none. Raises RequestRefused (400), which names the field, for what cannot be read."""
    known = {name: value for name, value in given if name in (*NAMES, "at", "after")}
    values = {name: value for name, value in known.items() if value.strip()}
    anomaly = values.get("anomaly")
    wanted = TraceFilter(
        outcome=values.get("outcome"),
        bot_id=_read_bot(values["bot"], find_bot) if "bot" in values else None,
        source=values.get("source"),
        anomaly=None if anomaly in (None, "0", ANY) else anomaly,
        is_anomaly=anomaly == ANY,
        loss_position=values.get("loss"),
        user_id=values.get("wearer"),
        slower_than=_read_seconds(values["slower"]) * 1000 if "slower" in values else None,
        since=read_since(values["since"], clock) if "since" in values else None,
        text=values.get("q", ""),
    )
    return TraceQuery(
        wanted,
        {name: values[name] for name in NAMES if name in values},
        values.get("after"),
        read_moment("at", values["at"], clock)[1] if "at" in values else None,
    )


def read_moment(field: str, text: str, clock: Clock) -> tuple[datetime, datetime]:
    """A moment's beginning and end: a second of `14:03:05`, a minute of `14:03`, the last time
    that it was so; or of ISO 8601, where a date alone is a day. Raises RequestRefused (400)."""
    text = text.strip()
    try:
        if len(text) > _LONGEST_TIME:
            raise ValueError
        found = _CLOCK.fullmatch(text)
        if found is None:
            return _read_iso(text, clock)
        hour, minute, second = (int(each or 0) for each in found.groups())
        start = clock.midnight.astimezone(clock.zone).replace(
            hour=hour, minute=minute, second=second
        )
        if start > clock.now:
            start -= timedelta(days=1)
        return start, start + (timedelta(seconds=1) if found[3] else _MINUTE)
    except (ValueError, OverflowError):
        detail = {field: "HH:MM, HH:MM:SS or a moment of ISO 8601"}
        raise RequestRefused(400, f"{field} is no time", detail) from None


def _read_iso(text: str, clock: Clock) -> tuple[datetime, datetime]:
    if "T" in text:
        text = text.replace(" ", "+")  # a + that was put into an address as it is
    start = datetime.fromisoformat(text)
    if start.tzinfo is None:
        # Without a zone at all, that of this machine.
        start = start.astimezone() if clock.zone is None else start.replace(tzinfo=clock.zone)
    if _DATE.fullmatch(text):
        length = timedelta(days=1)
    elif _TO_THE_MINUTE.fullmatch(text):
        length = _MINUTE
    else:
        length = timedelta(milliseconds=1) if "." in text else timedelta(seconds=1)
    end = start + length
    for each in (start, end):
        each.astimezone(UTC)  # raises where that is beyond the calendar
    return start, end


def read_since(text: str, clock: Clock) -> datetime:
    """A moment that something is to have begun after: `today`, `30m`, `2h`, `7d`, or as
    `read_moment` has it. Raises RequestRefused (400)."""
    if text == "today":
        return clock.midnight
    found = _AGO.fullmatch(text)
    if found is not None:
        return clock.now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    return read_moment("since", text, clock)[0]


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
        if not 0 <= seconds <= _LONGEST_DELAY:  # NaN is not either
            raise ValueError
        return seconds
    except ValueError:
        raise RequestRefused(400, "slower is no time", {"slower": "seconds"}) from None


def _read_bot(text: str, find_bot: FindBot) -> int:
    # Any number: traces outlive their bots.
    is_number = text.isascii() and text.isdigit() and len(text) < 19
    found = int(text) if is_number else find_bot(text)
    if found is None:
        raise RequestRefused(400, "There is no such bot", {"bot": "an id or a name of a bot"})
    return found
