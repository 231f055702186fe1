"""Whether a question asks for a new conversation: only as the whole of it (PROTOCOL 5).

A loose match swallowed real questions elsewhere: "我们昨天的新对话说了什么" is none.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_ASKED: Final = frozenset({"新对话", "newchat"})
_FIRST: Final = ("新", "n", "N")
# A longer text is none of them, whatever is left of it without its spaces.
_LONGEST: Final = 64


def asks_for_new_chat(question: str) -> bool:
    """Whether this is `新对话` or `new chat` and nothing else, spaces and ending punctuation
    aside."""
    if len(question) > _LONGEST or not question.lstrip().startswith(_FIRST):
        return False
    words = "".join(question.split())
    while words and unicodedata.category(words[-1]).startswith("P"):
        words = words[:-1]
    return words.casefold() in _ASKED
