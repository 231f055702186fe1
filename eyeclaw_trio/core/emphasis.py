"""Which `*` and `_` are markers: runs of them, what each may do, and which belong together.

CommonMark's rules, and two exceptions for what is heard (PROTOCOL 5, "Clean speech"): between
ASCII letters or digits they stay, and CJK punctuation beside a `*` does not keep it from pairing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from attrs import define, field

_ALPHANUMERIC: Final = re.compile(r"[0-9A-Za-z]")
# Punctuation of Chinese and Japanese text. The quotation marks, dashes and dots among it are
# shared with Latin text, where a pair beside them is no worse for it.
_CJK_PUNCTUATION: Final = re.compile(
    r"[·—‘’“”…\u3001-\u303f\u30fb\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65]"
)
_SPACE: Final = "space"
_PUNCTUATION: Final = "punctuation"
_WORD: Final = "word"


@define(eq=False)
class Run:
    """So many of one marker in a row, from `start` on; those that are `left` over are shown.

    `anchor` is where the first run stands that it belongs together with, itself included: from
    there on nothing is certain while it may still open something.
    """

    start: int
    mark: str
    length: int
    can_open: bool = False
    can_close: bool = False
    left: int = field(init=False)
    anchor: int = field(init=False)
    is_both: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.left = self.length
        self.anchor = self.start
        self.is_both = self.can_open and self.can_close

    @property
    def shown(self) -> str:
        """What a reader sees of it."""
        return self.mark * self.left


def read_run(start: int, run: str, before: str, behind: str) -> Run:
    """The run between these two characters ("" for none: the edge of a block)."""
    mark = run[0]
    if _ALPHANUMERIC.match(before) and _ALPHANUMERIC.match(behind):
        return Run(start, mark, len(run))
    left, right = _kind(before), _kind(behind)
    opens = right != _SPACE and (right != _PUNCTUATION or left != _WORD)
    closes = left != _SPACE and (left != _PUNCTUATION or right != _WORD)
    if mark == "_":  # within a word it is none
        inside = opens and closes
        opens = opens and (not inside or left == _PUNCTUATION)
        closes = closes and (not inside or right == _PUNCTUATION)
    else:
        opens = opens or _CJK_PUNCTUATION.match(behind) is not None
        closes = closes or _CJK_PUNCTUATION.match(before) is not None
    return Run(start, mark, len(run), opens, closes)


def pair(runs: list[Run]) -> None:
    """Take away what belongs together, and from the list what can do nothing any more."""
    place = 0
    while place < len(runs):
        closer = runs[place]
        opener_at = _find_opener(runs, place) if closer.can_close else -1
        if opener_at < 0:
            closer.can_close = False  # nothing that comes later can be before it
            if closer.can_open:
                place += 1
            else:
                del runs[place]
            continue
        opener = runs[opener_at]
        taken = 2 if opener.left > 1 and closer.left > 1 else 1
        opener.left -= taken
        closer.left -= taken
        closer.anchor = min(closer.anchor, opener.anchor)
        keep = opener_at + (opener.left > 0)
        del runs[keep : place + (closer.left == 0)]
        place = keep


def _find_opener(runs: list[Run], place: int) -> int:
    closer = runs[place]
    for at in range(place - 1, -1, -1):
        opener = runs[at]
        if opener.mark != closer.mark:
            continue
        # A run that could do both is no partner where three of them would be left over.
        is_odd = closer.length % 3 and (opener.length + closer.length) % 3 == 0
        if not (is_odd and (opener.is_both or closer.is_both)):
            return at
    return -1


@lru_cache(maxsize=1024)
def _kind(character: str) -> str:
    if not character or character.isspace():
        return _SPACE
    return _PUNCTUATION if unicodedata.category(character)[0] in "PS" else _WORD
