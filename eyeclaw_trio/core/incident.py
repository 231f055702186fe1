"""The short code behind a failure's text, by which its trace is found (PROTOCOL 1).

It is read out by people and typed by people, in English or Chinese: of letters and digits that
sound or look alike there is one at most (of B C D E G P T V Z, of F S X, of M N, of Q U, of I Y; of
1 7, of 6 9, of 5 9; neither 0 nor O, neither A nor H beside 8). Whoever mishears one finds no trace
rather than another.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from eyeclaw_trio.core.texts import Language, apology, chat_apology
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.errors import TurnFailed

ALPHABET: Final = "2345678FKLMPQRWY"
LENGTH: Final = 6
_AS_CODE: Final = str.maketrans("0123456789abcdef", ALPHABET)
_BEHIND: Final = {"zh": "（代码 {}）", "en": " (code {})"}


def code_of(session_id: str) -> str:
    """The code of the turn with this id: the beginning of what is random in it, in letters."""
    return session_id[:LENGTH].translate(_AS_CODE)


@define(weakref_slot=False)  # there may be thousands
class Wording:
    """The words of ours that one turn may need, in its reader's language.

    A failure's text ends with a code where the turn's `trace` is given, and the trace has it too
    then: only what was said to somebody can be asked for.
    """

    language: Language
    trace: Trace | None = None

    def apology(self, failure: TurnFailed) -> str:
        """What the wearer hears of a failure."""
        return self._with_code(apology(failure, self.language))

    def chat_apology(self, failure: TurnFailed) -> str:
        """What the user of a chat client reads of a failure."""
        return self._with_code(chat_apology(failure, self.language))

    def _with_code(self, text: str) -> str:
        if self.trace is None:
            return text
        self.trace.code = code_of(self.trace.session_id)
        return text + _BEHIND[self.language].format(self.trace.code)
