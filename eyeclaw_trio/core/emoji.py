"""Emoji out of a text that comes in pieces; Unicode 17's, with what they are joined from.

What has a plain form of its own (©, ☎, ❤) goes only where it is asked to be a picture; of a keycap
the digit stays.
"""

from __future__ import annotations

import re
from typing import Final

# Always pictures: Emoji_Presentation, and all pictographs beyond the first 65,536 characters.
_PICTURES: Final = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1"
    "\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705"
    "\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50"
    "\u2b55\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1e6-\U0001f1ff\U0001f201\U0001f202\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f90c-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001f9ff\U0001fa70-\U0001faff"
)
# Pictures where U+FE0F stands behind them, or where they are joined to one.
_BOTH: Final = (
    "©®\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u2328\u23cf\u23ed-\u23ef\u23f1\u23f2"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb\u25fc\u2600-\u2604\u260e\u2611\u2618\u261d"
    "\u2620\u2622\u2623\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u265f\u2660\u2663\u2665"
    "\u2666\u2668\u267b\u267e\u2692\u2694-\u2697\u2699\u269b\u269c\u26a0\u26a7\u26b0\u26b1\u26c8"
    "\u26cf\u26d1\u26d3\u26e9\u26f0\u26f1\u26f4\u26f7-\u26f9\u2702\u2708\u2709\u270c\u270d\u270f"
    "\u2712\u2714\u2716\u271d\u2721\u2733\u2734\u2744\u2747\u2763\u2764\u27a1\u2934\u2935"
    "\u2b05-\u2b07\u3030\u303d\u3297\u3299"
)
_JOINER: Final = "\u200d"
# Behind a picture: its presentation, the letters of a flag, what is joined to it.
_SIGNS: Final = "\ufe0f\u20e3\U000e0020-\U000e007f"
_TAIL: Final = rf"(?:[{_SIGNS}]|{_JOINER}[{_PICTURES}{_BOTH}]?)*"
_EMOJI: Final = re.compile(
    rf"(?:[{_PICTURES}]|[{_BOTH}](?=[\ufe0f\U0001f3fb-\U0001f3ff])){_TAIL}"
    rf"|[{_BOTH}]\Z|[\ufe0f\u20e3]"
)
_ANY: Final = re.compile(rf"[{_PICTURES}{_BOTH}\ufe0f\u20e3]")
_PLAIN: Final = re.compile(rf"[{_BOTH}]")
_SOME_PICTURE: Final = "\u2b50"


class WithoutEmoji:
    """Takes a text piece by piece; `finish` ends it. It holds back one character at most."""

    __slots__ = ("_held", "_is_plain")

    def __init__(self) -> None:
        self._held = ""  # in front of the next piece: what it may be joined to
        self._is_plain = False  # whether that is itself to be said, if nothing joins

    def feed(self, text: str) -> str:
        """The text goes on: returns what may be said now."""
        if not self._held and not _ANY.search(text):
            return text
        text = self._held + text
        self._held, self._is_plain = "", False
        said: list[str] = []
        at = 0
        for emoji in _EMOJI.finditer(text):
            said.append(text[at : emoji.start()])
            at = emoji.end()
            if at == len(text):
                self._hold(emoji[0])
        said.append(text[at:])
        return "".join(said)

    def finish(self) -> str:
        """The text is over: returns what is left of it."""
        said = self._held if self._is_plain else ""
        self._held, self._is_plain = "", False
        return said

    def _hold(self, last: str) -> None:
        self._is_plain = _PLAIN.fullmatch(last) is not None
        if self._is_plain:
            self._held = last
        elif last not in ("\ufe0f", "\u20e3"):
            self._held = _SOME_PICTURE + (_JOINER if last[-1] == _JOINER else "")
