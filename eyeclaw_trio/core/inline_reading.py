"""One look at the text of a block of Markdown: what of it may be said, by CommonMark's rules.

Code spans, links and images bind tighter than emphasis; what may still become one of them, or a
pair, is left for the next look.
"""

from __future__ import annotations

import re
from html.entities import html5
from typing import Final

from attrs import define, field, frozen

from eyeclaw_trio.core.emphasis import Run, pair, read_run
from eyeclaw_trio.core.markdown_link import MORE, find_end

MARKERS: Final = re.compile(r"[`*_\[\]!<&\\]")
_RUN: Final = re.compile(r"`+|\*+|_+")
_TICKS: Final = re.compile(r"`+")
_ESCAPABLE: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_NAME: Final = re.compile(r"__[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*__(?=\.[A-Za-z])")
_NAME_BEGUN: Final = re.compile(r"__[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*(?:_|__\.?)?\Z")
_ENTITY: Final = re.compile(
    r"&(?:#[xX]([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([A-Za-z][A-Za-z0-9]{1,31}));"
)
_ENTITY_BEGUN: Final = re.compile(r"&(?:#(?:[xX][0-9a-fA-F]{0,6}|[0-9]{0,7})|[A-Za-z0-9]{0,32})\Z")
_ATTRIBUTE: Final = r"\s+[A-Za-z_:][A-Za-z0-9_.:-]*"
_VALUE: Final = r"[^\s\"'=<>`]+"
_TAG: Final = re.compile(
    rf"<(?:[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE}(?:\s*=\s*(?:{_VALUE}|'[^'>]*'|\"[^\">]*\"))?)*\s*/?"
    rf"|/[A-Za-z][A-Za-z0-9-]*\s*|![A-Za-z][^>]*)>"
)
_AUTOLINK: Final = re.compile(
    r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>\x00-\x1f]*|[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)>"
)
_ANGLE_BEGUN: Final = re.compile(
    rf"<(?:[A-Za-z][A-Za-z0-9-]*(?:{_ATTRIBUTE}(?:\s*=\s*(?:{_VALUE}|'[^'>]*'|\"[^\">]*\"))?)*"
    rf"(?:{_ATTRIBUTE}\s*=\s*(?:'[^'>]*|\"[^\">]*)?)?\s*/?"
    rf"|/(?:[A-Za-z][A-Za-z0-9-]*\s*)?|!(?:[A-Za-z][^>]*)?"
    rf"|[A-Za-z][A-Za-z0-9+.-]{{0,31}}:[^\s<>\x00-\x1f]*"
    rf"|[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+(?:@[A-Za-z0-9.-]*)?)?\Z"
)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)


@frozen
class _Shown:
    """A part of the text, and what is shown of it."""

    start: int
    shown: str


@define(eq=False)
class _Bracket:
    """A `[` or `![` that may begin a link or an image: its place in the text and among the parts,
    and how many runs stand before it."""

    start: int
    part: int
    runs: int
    is_image: bool
    is_active: bool = True


@define(eq=False)
class InlineReading:
    """One look at what is held of a block."""

    text: str
    before: str
    is_last: bool
    is_hungry: bool = False
    """Whether more text of any kind may decide something."""
    waits_for_code: bool = False
    _parts: list[_Shown | Run] = field(factory=list)
    _runs: list[Run] = field(factory=list)
    _brackets: list[_Bracket] = field(factory=list)

    def read(self) -> tuple[str, int]:
        """What may be said, and how many characters of the text that is."""
        text, at = self.text, 0
        stop = len(text)
        while at < stop:
            marker = MARKERS.search(text, at)
            if marker is None:
                self._show(at, text[at:])
                break
            place = marker.start()
            if place > at:
                self._show(at, text[at:place])
            taken = self._take(place)
            if taken < 0:
                stop = place
                break
            at = taken
        if not self.is_last:
            stop = min([stop, *(each.start for each in self._brackets if each.is_active)])
        runs = [run for run in self._runs if run.start < stop]
        pair(runs)
        if not self.is_last:
            stop = min([stop, *(run.anchor for run in runs)])
        return "".join([part.shown for part in self._parts if part.start < stop]), stop

    def _show(self, start: int, shown: str) -> None:
        self._parts.append(_Shown(start, shown))

    def _take(self, place: int) -> int:
        """Take the marker at this place: returns where the text goes on, -1 where more is needed
        to say."""
        match self.text[place]:
            case "`":
                return self._take_code(place)
            case "*" | "_":
                return self._take_run(place)
            case "[":
                return self._open_bracket(place, 1)
            case "]":
                return self._close_bracket(place)
            case "!":
                if self.text.startswith("[", place + 1):
                    return self._open_bracket(place, 2)
                return self._as_text(place, needs_more=place + 1 == len(self.text))
            case "\\":
                return self._take_backslash(place)
            case "&":
                return self._take_entity(place)
            case _:
                return self._take_angle(place)

    def _as_text(self, place: int, length: int = 1, *, needs_more: bool = False) -> int:
        if needs_more and not self.is_last:
            self.is_hungry = True
            return -1
        self._show(place, self.text[place : place + length])
        return place + length

    def _take_code(self, place: int) -> int:
        text = self.text
        ticks = _end_of_run(text, place)
        if ticks == len(text):
            self.waits_for_code = not self.is_last
            return self._as_text(place, ticks - place, needs_more=True)
        for run in _TICKS.finditer(text, ticks):
            if run.end() - run.start() == ticks - place:
                if run.end() == len(text) and not self.is_last:
                    break
                code = text[ticks : run.start()].replace("\n", " ")
                if code[0] == code[-1] == " " and not code.isspace():
                    code = code[1:-1]
                self._show(place, code)
                return run.end()
        if self.is_last:
            return self._as_text(place, ticks - place)
        self.waits_for_code = True
        self.is_hungry = text.endswith("`")
        return -1

    def _take_run(self, place: int) -> int:
        text = self.text
        if text[place] == "_" and (name := _NAME.match(text, place)):
            return self._as_text(place, name.end() - place)
        end = _end_of_run(text, place)
        if not self.is_last and (end == len(text) or _NAME_BEGUN.match(text, place)):
            self.is_hungry = True
            return -1
        run = read_run(
            place,
            text[place:end],
            text[place - 1] if place else self.before,
            text[end : end + 1],
        )
        self._parts.append(run)
        if run.can_open or run.can_close:
            self._runs.append(run)
        return end

    def _take_backslash(self, place: int) -> int:
        behind = self.text[place + 1 : place + 2]
        if behind in _ESCAPABLE and behind:
            self._show(place, behind)
            return place + 2
        if behind == "\n" and place + 2 < len(self.text):
            self._show(place, "")  # a line break: the block goes on
            return place + 1
        return self._as_text(place, needs_more=place + 1 + len(behind) == len(self.text))

    def _take_entity(self, place: int) -> int:
        entity = _ENTITY.match(self.text, place)
        if entity is not None:
            character = _decode(entity)
            if character is not None:
                self._show(place, character)
                return entity.end()
        return self._as_text(place, needs_more=_ENTITY_BEGUN.match(self.text, place) is not None)

    def _take_angle(self, place: int) -> int:
        text = self.text
        if text.startswith("<!--", place):
            end = text.find("-->", place + 4)
            if end < 0:
                return self._as_text(place, needs_more=True)
            self._show(place, "")
            return end + 3
        end = text.find(">", place) + 1
        if not end:
            return self._as_text(place, needs_more=_ANGLE_BEGUN.match(text, place) is not None)
        if link := _AUTOLINK.fullmatch(text, place, end):
            self._show(place, link[1])
        elif _TAG.fullmatch(text, place, end):
            self._show(place, "\n" if _BREAK.fullmatch(text, place, end) else "")
        else:
            return self._as_text(place)
        return end

    def _open_bracket(self, place: int, length: int) -> int:
        self._brackets.append(
            _Bracket(place, len(self._parts), len(self._runs), is_image=length == 2)
        )
        return self._as_text(place, length)

    def _close_bracket(self, place: int) -> int:
        if not self._brackets:
            return self._as_text(place)
        bracket = self._brackets[-1]
        end = find_end(self.text, place + 1, is_last=self.is_last) if bracket.is_active else None
        if end is MORE:
            self.is_hungry = True
            return -1
        self._brackets.pop()
        if end is None:
            return self._as_text(place)
        self._parts[bracket.part] = _Shown(bracket.start, "")
        self._show(place, "")
        inside = self._runs[bracket.runs :]
        del self._runs[bracket.runs :]
        pair(inside)
        if not bracket.is_image:  # no link within a link
            for outer in self._brackets:
                outer.is_active = outer.is_active and outer.is_image
        return end


def _end_of_run(text: str, place: int) -> int:
    run = _RUN.match(text, place)
    return run.end() if run is not None else place


def _decode(entity: re.Match[str]) -> str | None:
    hexadecimal, decimal, name = entity.groups()
    if name is not None:
        return html5.get(f"{name};")
    code = int(hexadecimal, 16) if hexadecimal is not None else int(decimal)
    is_character = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if is_character else "\ufffd"
