"""A long answer that ends early, at a sentence."""

from __future__ import annotations

import re
from typing import Final

# Characters. Sentences that are said are shorter; where the end of the answer is so near, each
# waits until it is whole.
SENTENCE: Final = 200

_CLOSERS: Final = "”’\"')）】》」』\\]"
_END: Final = re.compile(
    rf"[。！？!?…]+[{_CLOSERS}]*(?=[^。！？!?…{_CLOSERS}])|\.[{_CLOSERS}]*(?=\s)|\n"
)
_CLAUSE: Final = re.compile(r"[，、；：,;:—\s]")
_ENDINGS: Final = "。！？!?….\n”’\"')）】》」』]"


class Shortened:
    """Takes a text piece by piece and lets through at most `longest` characters, ending at a
    sentence; where none ends in time, at a clause. `finish` ends the text.

    It holds back at most SENTENCE characters, and only shortly before the end.
    """

    __slots__ = ("_at_sentence", "_free", "_held", "_is_over", "_left")

    def __init__(self, longest: int) -> None:
        self._left = longest  # characters that may still be said
        self._free = max(longest - SENTENCE, longest // 2)  # of them without waiting
        self._held = ""
        self._at_sentence = True  # whether what was said ends at one
        self._is_over = False

    def feed(self, text: str) -> str:
        """The text goes on: returns what may be said now."""
        if self._is_over or not text:
            return ""
        said = ""
        if self._free:
            said, text = text[: self._free], text[self._free :]
            self._free -= len(said)
            self._left -= len(said)
            self._at_sentence = said[-1] in _ENDINGS
        self._held += text
        end = 0
        for ending in _END.finditer(self._held, 0, self._left + 1):
            if ending.end() <= self._left:
                end = ending.end()
        said += self._let_go(end)
        if len(self._held) > self._left:
            self._is_over = True
            if not self._at_sentence:
                clauses = list(_CLAUSE.finditer(self._held, 0, self._left))
                said += self._held[: clauses[-1].start() if clauses else self._left]
            self._held = ""
        return said

    def finish(self) -> str:
        """The text is over: returns what is left of it."""
        return self._let_go(len(self._held))

    def _let_go(self, end: int) -> str:
        said, self._held = self._held[:end], self._held[end:]
        self._left -= end
        self._at_sentence = self._at_sentence or end > 0
        return said
