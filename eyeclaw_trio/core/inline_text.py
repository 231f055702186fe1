"""The text within a block of Markdown, without its markers: what may be said as it comes.

Only what may still become a marker is held back, and never more than HELD characters: whatever
has no partner within so many is text.
"""

from __future__ import annotations

import re
from typing import Final

from eyeclaw_trio.core.inline_reading import MARKERS, InlineReading

# Characters. A bold sentence, or a link with its address, is seldom longer.
HELD: Final = 320
_FIRST: Final = re.compile(r"!\[|`+|\*+|_+|.", re.DOTALL)
# What nearly all marked text is: one pair, or one link, and text behind it. What it is so far.
_WORDS: Final = r"[^`*_\[\]!<&\\]"
_SIMPLE_PAIR: Final = re.compile(rf"(\*\*?)({_WORDS}+)(?:(\*+)({_WORDS}+)?)?\Z")
_IN_WORD: Final = re.compile(r"[0-9A-Za-z]{2}")
_SIMPLE_CODE: Final = re.compile(rf"`([^`\n]+)(?:`({_WORDS}+)?)?\Z")
_SIMPLE_LINK: Final = re.compile(
    rf"!?\[({_WORDS}*)(?:\](?:\(([^\s()<\\\x00-\x1f]*)(?:\)({_WORDS}*))?)?)?\Z"
)


class InlineText:
    """Takes the text of one block after another; `finish` ends a block."""

    __slots__ = ("_before", "_held", "_is_hungry", "_waits_for_code")  # one for each answer

    def __init__(self) -> None:
        self._held = ""
        self._before = ""
        self._is_hungry = False
        self._waits_for_code = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held back."""
        return not self._held

    @property
    def may_be_code(self) -> bool:
        """Whether what comes next may stand in a code span, whose end has not come."""
        return self._waits_for_code

    def feed(self, text: str) -> str:
        """The block goes on: returns what may be said now."""
        said: list[str] = []
        at = 0
        while at < len(text):
            if not self._held:
                marker = MARKERS.search(text, at)
                end = marker.start() if marker is not None else len(text)
                if end > at:
                    self._before = text[end - 1]
                    said.append(text[at:end])
                    at = end
                if marker is None:
                    break
            part = text[at : at + HELD - len(self._held)]
            at += len(part)
            self._held += part
            if self._is_hungry or len(self._held) == HELD or MARKERS.search(part):
                said.append(self._read(is_last=False))
            while len(self._held) == HELD:
                said.append(self._give_up())
        return "".join(said)

    def wait_with(self, text: str) -> bool:
        """Take text without any marker if it changes nothing of what waits for one: false where it
        may, and nothing has happened."""
        if not self._held or self._is_hungry or len(self._held) + len(text) >= HELD:
            return False
        self._held += text
        return True

    def pass_by(self, text: str) -> None:
        """This was said without being held, while nothing was."""
        self._before = text[-1:] or self._before

    def finish(self) -> str:
        """The block is over: what is left is said as it can only be meant now."""
        said = self._read(is_last=True) if self._held else ""
        self._before = ""
        return said

    def _read(self, *, is_last: bool) -> str:
        if not is_last and (said := self._read_simple()) is not None:
            return said
        reading = InlineReading(self._held, self._before, is_last)
        said, taken = reading.read()
        self._is_hungry = reading.is_hungry
        self._waits_for_code = reading.waits_for_code
        self._let_go(taken)
        return said

    def _read_simple(self) -> str | None:
        """As `_read`, for what nearly all marked text is; None for anything else.

        A whole look at a short bold phrase costs 10 µs for each of its pieces, this one 1.
        """
        held = self._held
        if held == "*" or held == "**" or held == "`":
            self._waits_for_code = held == "`"
            return self._wait_or_say(None, "", is_hungry=True)
        match held[0]:
            case "*":
                return self._read_simple_pair(held)
            case "`":
                code = _SIMPLE_CODE.match(held)
                if code is None or (code[2] is not None and code[1][0] == code[1][-1] == " "):
                    return None
                self._waits_for_code = code[2] is None
                return self._wait_or_say(code[2], code[1], is_hungry=held[-1] == "`")
            case "[" | "!":
                link = _SIMPLE_LINK.match(held)
                if link is None:
                    return None
                return self._wait_or_say(link[3], link[1], is_hungry=link.end(1) != len(held))
            case _:
                return None

    def _read_simple_pair(self, held: str) -> str | None:
        pair = _SIMPLE_PAIR.match(held)
        if pair is None:
            return None
        opening, text, closing, behind = pair.groups()
        if not text[0].isalnum() or _IN_WORD.match(self._before + text[0]):
            return None
        if behind is None:
            return self._wait_or_say(None, text, is_hungry=closing is not None)
        if closing != opening or not text[-1].isalnum() or _IN_WORD.match(text[-1] + behind[0]):
            return None
        return self._wait_or_say(behind, text, is_hungry=False)

    def _wait_or_say(self, behind: str | None, text: str, *, is_hungry: bool) -> str:
        """Say the text and what stands behind it; where nothing does, it is not whole yet."""
        if behind is None:
            self._is_hungry = is_hungry
            return ""
        self._is_hungry = False
        self._let_go(len(self._held))
        return text + behind

    def _give_up(self) -> str:
        """What the held text begins with has no partner near enough: it is text."""
        first = _FIRST.match(self._held)
        said = first[0] if first is not None else ""
        self._let_go(len(said))
        return said + self._read(is_last=False)

    def _let_go(self, taken: int) -> None:
        if taken:
            self._before = self._held[taken - 1]
            self._held = self._held[taken:]
