"""Drawings as SVG: what `core` has placed, with classes for its colours.

They may have thousands of parts, so they are put together here and not by a template; everything
in them is a number of ours, or escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta, tzinfo

from markupsafe import Markup, escape

from eyeclaw_trio.core.axis import WIDTH
from eyeclaw_trio.core.scatter import HEIGHT, Scatter, TurnDot
from eyeclaw_trio.core.turn_drawing import TurnDrawing

Address = Callable[[str], str]

# How far down each kind of thing stands in a time line.
_EVENTS, _CHUNKS, _WRITES, _AXIS = 26, 56, 100, 142


def draw_dots(picture: Scatter, address_of: Address, zone: tzinfo | None) -> Iterator[str]:
    """The inside of a picture of many turns, piece by piece; each dot is a link to where
    `address_of` says."""
    for y, delay in picture.delays:
        yield f'<line class="axis" x1="0" x2="{WIDTH:g}" y1="{y}" y2="{y}"/>'
        yield f'<text x="-8" y="{y + 4}" text-anchor="end">{_length(delay)}</text>'
    moments = picture.moments
    span = moments[-1][1] - moments[0][1] if moments else timedelta()
    shape = "%H:%M:%S"
    if span >= timedelta(hours=1):
        shape = "%H:%M" if span < timedelta(days=1) else "%m-%d %H:%M"
    for x, moment in moments:
        shown = moment.astimezone(zone).strftime(shape)
        yield f'<text x="{x}" y="{HEIGHT + 20:g}" text-anchor="middle">{shown}</text>'
    for dot in picture.dots:
        turn = dot.turn
        lost = f" · −{turn.missing_count}" if turn.missing_count else ""
        # Not one by one by the Tab key: the list below has the same turns.
        yield (
            f'<a href="{escape(address_of(turn.trace_id))}" tabindex="-1"'
            f' data-trace-id="{escape(turn.trace_id)}">'
            f'<circle class="{_kind(turn)}" cx="{dot.x}" cy="{dot.y}" r="5"/>'
            f"<title>{escape(turn.created_at)} · {_length(turn.delay)}{lost}</title></a>"
        )


def _kind(turn: TurnDot) -> str:
    if turn.missing_count:
        return "bad"
    return "accent" if turn.outcome in ("answered", None) else "warn"


def draw_turn_marks(drawing: TurnDrawing) -> Markup:
    """The inside of a turn's time line."""
    return Markup("".join(_marks(drawing)))  # noqa: S704  (see above)


def _marks(drawing: TurnDrawing) -> Iterator[str]:
    for x, at in drawing.ticks:
        yield f'<line class="axis" x1="{x}" x2="{x}" y1="10" y2="{_AXIS}"/>'
        yield f'<text x="{x}" y="{_AXIS + 16}" text-anchor="middle">{_length(at)}</text>'
    for gap in drawing.gaps:
        yield (
            f'<g class="gap"><rect x="{gap.x}" y="{_CHUNKS - 8}" width="{gap.width}" height="76"/>'
            f"<title>… {_length(gap.length_ms)}</title></g>"
        )
    for event in drawing.events:
        yield (
            f'<g class="event {escape(event.kind)}" data-event="{escape(event.kind)}">'
            f'<path d="M{event.x} 10V{_AXIS}"/><circle cx="{event.x}" cy="{_EVENTS}" r="6"/>'
            f"<title>{escape(event.kind.replace('_', ' '))} · {_length(event.at_ms)}</title></g>"
        )
    for chunk in drawing.chunks:
        number = "" if chunk.sequence is None else chunk.sequence
        kind = "chunk late" if chunk.is_late else "chunk"
        yield (
            f'<rect class="{kind}" data-sequence="{number}" x="{chunk.x - 1.5:.2f}" y="{_CHUNKS}"'
            f' width="3" height="24"><title>#{number} · {_length(chunk.at_ms)}</title></rect>'
        )
    for write in drawing.writes:
        yield (
            f'<rect class="write" x="{write.x - 1.5:.2f}" y="{_WRITES}" width="3" height="24">'
            f"<title>×{write.chunks} · {_length(write.at_ms)} · +{write.delay_ms:.1f} ms</title>"
            "</rect>"
        )
    for lost in drawing.lost:
        name = f"#{lost.first}" if lost.first == lost.last else f"#{lost.first}–{lost.last}"
        yield (
            f'<g class="lost" data-missing="{lost.first}-{lost.last}">'
            f'<path d="M{lost.x - 5} {_CHUNKS + 6}l10 12m0-12l-10 12"/><title>{name}</title></g>'
        )


def draw_strip(drawing: TurnDrawing, address_of: Callable[[float, float], str]) -> Markup:
    """The inside of the strip that shows a whole turn; each part of it is a link to a closer
    look."""
    return Markup("".join(_strip(drawing, address_of)))  # noqa: S704  (see above)


def _strip(drawing: TurnDrawing, address_of: Callable[[float, float], str]) -> Iterator[str]:
    column = WIDTH / len(drawing.strip)
    for number, share in enumerate(drawing.strip):
        if share:
            height = 4 + 36 * share
            yield (
                f'<rect class="column" x="{number * column:g}" y="{44 - height:.1f}"'
                f' width="{column:g}" height="{height:.1f}"/>'
            )
    window, whole = drawing.window, drawing.whole
    left = whole.x(window.since)
    width = max(2.0, whole.x(window.until) - left)
    yield f'<rect class="seen" x="{left}" y="1" width="{width:.2f}" height="44"/>'
    for choice in drawing.choices:
        wanted = choice.window
        yield (
            f'<a href="{escape(address_of(wanted.since, wanted.until))}" tabindex="-1">'
            f'<rect class="choice" x="{choice.x}" y="0" width="{choice.width}" height="46"/>'
            f"<title>{_length(wanted.since)} – {_length(wanted.until)}</title></a>"
        )


def _length(ms: float) -> str:
    """A time within a turn: `85 ms`, `1.25 s`, `62 s`."""
    if ms < 1_000:
        return f"{ms:.3g} ms" if ms else "0"
    return f"{ms / 1_000:.4g} s"
