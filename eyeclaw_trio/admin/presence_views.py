"""The history of bots as pages draw it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from attrs import field, frozen
from starlette.requests import Request

from eyeclaw_trio.admin.drawings import Stroke, draw_bar, minute_stamp
from eyeclaw_trio.admin.kept import freshness, kept_of
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.core.presence import (
    MINUTES,
    Hours,
    Span,
    beats_of,
    outages_of,
    share_online,
)
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.store.presence_history import read_presence


@frozen
class Bar:
    """The heartbeat bar of one bot: its strokes, and of the time that is known the percentage
    that it was online, None of nothing."""

    strokes: tuple[Stroke, ...]
    percent: str | None


@frozen
class ShownOutage:
    """An outage: ISO 8601; `end` is None while it goes on."""

    began: str
    end: str | None
    minutes: int


@frozen
class PresenceHistory:
    """What is known of all bots over a span, up to and with the minute `last` (since 1970)."""

    span: Span
    last: int
    hours: Mapping[int, Hours]
    _bars: dict[int, Bar] = field(factory=dict, init=False, eq=False)

    def is_recent(self) -> bool:
        """Whether no minute is over since."""
        return self.last == last_minute()

    def bar(self, bot_id: int) -> Bar:
        """The bar of this bot."""
        if (known := self._bars.get(bot_id)) is not None:
            return known
        beats = beats_of(self.hours.get(bot_id, {}), self.last, self.span)
        share = share_online(beats)
        # Never rounded up to a whole that it was not.
        percent = None if share is None else f"{int(share * 1000) / 10:g}"
        return self._bars.setdefault(bot_id, Bar(tuple(draw_bar(beats)), percent))

    def outages(self, bot_id: int) -> list[ShownOutage]:
        """The outages of this bot, the newest first."""
        first = self.last - self.span.minutes + 1
        return [
            ShownOutage(
                minute_stamp(each.first),
                minute_stamp(each.end) if each.is_over else None,
                each.end - each.first,
            )
            for each in outages_of(self.hours.get(bot_id, {}), first, self.last)
        ]


async def recent_history(request: Request, span: Span) -> PresenceHistory:
    """As `read_history`, also when cancelled; for open pages, which ask every second, it is read
    once a minute."""
    kept, work = kept_of(request), partial(read_history, request, span)
    found = await kept.read(("history", span), freshness(request, 60.0), work)
    return found if found.is_recent() else await kept.read(("history", span), 0.0, work)


async def read_history(request: Request, span: Span) -> PresenceHistory:
    """What is written: up to the minute that was over last. Raises StoreError; cancelled, nothing
    has happened."""
    last = last_minute()
    # A beat begins at a whole multiple of its width: a little more than the span.
    since = (last - span.minutes) // MINUTES - span.value[1] // MINUTES - 1
    hours = await office_of(request).views.read(lambda db: read_presence(db, since))
    return PresenceHistory(span, last, hours)


def last_minute() -> int:
    """The minute that was over last (since 1970)."""
    return int(time.time()) // 60 - 1


def span_of(request: Request) -> Span:
    """How far back the page looks: `?span=`, else a day. Raises RequestRefused (400)."""
    name = request.query_params.get("span")
    if name is None:
        return Span.DAY
    for span in Span:
        if span.name.lower() == name:
            return span
    raise RequestRefused(400, "There is no such span", "span: hour, day, week, month")
