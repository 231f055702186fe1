"""What may be said of an answer: the text without markdown and thinking, by choice without emoji
and shortened (PROTOCOL 5, "Clean speech").

Pieces go in as they come, and what may be said comes out: for any way to cut a text the same.
Text without markers passes untouched and undelayed; what is held back may still become a marker,
and is at most HELD characters.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.emoji import WithoutEmoji
from eyeclaw_trio.core.inline_text import InlineText
from eyeclaw_trio.core.markdown import LONGEST_HELD, MARKED, Markdown
from eyeclaw_trio.core.sentences import SENTENCE, Shortened

_THINKING: Final = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_THINKING_BEGUN: Final = re.compile(
    r"<(?:t(?:h(?:i(?:n(?:k(?:i(?:n(?:g)?)?)?)?)?)?)?)?\Z", re.IGNORECASE
)
_THOUGHT: Final = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_LONGEST_TAG: Final = len("</thinking>")

# Characters that may be held back at most: while a marker may still come, and where `longest` is
# set besides it the sentence that may be the last.
HELD: Final = LONGEST_HELD + _LONGEST_TAG + SENTENCE


class _Phase(Enum):
    """Where in an answer something else than text is read."""

    THINKING = "thinking"
    BEHIND_THINKING = "space behind the thinking that an answer began with"


@frozen
class Speech:
    """How a bot's answers are said: as they come, or clean, and then perhaps without `emoji` and
    in at most `longest` characters (0: all)."""

    is_clean: bool = False
    emoji: bool = True
    longest: int = 0

    def begin(self) -> SpokenText | None:
        """The filter for one answer; None where it passes as it comes."""
        return SpokenText(self) if self.is_clean else None


def clean(text: str) -> str:
    """A whole text as it may be said; as it is where nothing of it would be left."""
    said = SpokenText(Speech(is_clean=True))
    words = said.feed(text) + said.finish()
    return words if words.strip() else text


class SpokenText:
    """Takes one answer piece by piece; `finish` ends it."""

    __slots__ = (  # one for each answer
        "_emoji",
        "_has_text",
        "_held",
        "_is_plain",
        "_last",
        "_markdown",
        "_passes",
        "_phase",
        "_short",
        "_text",
    )

    def __init__(self, speech: Speech) -> None:
        self._markdown = Markdown()
        self._emoji = None if speech.emoji else WithoutEmoji()
        self._short = Shortened(speech.longest) if speech.longest else None
        self._held = ""  # what may become a tag around thinking
        self._phase: _Phase | None = None  # None: text
        self._has_text = False
        self._passes = self._emoji is None and self._short is None
        self._text: InlineText | None = None  # what text without a marker can go to, if it waits
        self._is_plain = False  # whether it is to be said as it is
        self._last = ""  # what was said last without looking at it any closer

    def feed(self, piece: str) -> str:
        """The answer goes on: returns what may be said now, often all of it, sometimes nothing."""
        text = self._text
        if text is not None and MARKED.search(piece) is None:  # nearly all of them
            if self._is_plain:
                self._last = piece
                return piece if self._passes else self._filter(piece)
            if text.wait_with(piece):
                return ""
        return self._feed_marked(piece)

    def finish(self) -> str:
        """The answer is over: returns what is left of it."""
        self._note_last()
        held, self._held = self._held, ""
        text = "" if self._phase is _Phase.THINKING else self._markdown.feed(held)
        said = self._filter(text + self._markdown.finish())
        if self._emoji is not None:
            rest = self._emoji.finish()
            said += self._short.feed(rest) if self._short is not None else rest
        return said + self._short.finish() if self._short is not None else said

    def _filter(self, text: str) -> str:
        if self._emoji is not None:
            text = self._emoji.feed(text)
        if self._short is not None:
            text = self._short.feed(text)
        return text

    def _feed_marked(self, piece: str) -> str:
        self._note_last()
        if "<" in piece or self._held or self._phase is not None:
            said = self._feed_with_tags(piece)
        else:
            self._has_text = self._has_text or piece != ""
            said = self._filter(self._markdown.feed(piece))
        is_text = not self._held and self._phase is None
        text = self._text = self._markdown.in_text if is_text else None
        self._is_plain = text is not None and text.is_idle
        return said

    def _note_last(self) -> None:
        if self._last and self._text is not None:
            self._text.pass_by(self._last)
            self._last = ""

    def _feed_with_tags(self, piece: str) -> str:
        text, self._held = self._held + piece, ""
        said: list[str] = []
        while text:
            match self._phase:
                case _Phase.THINKING:
                    text = self._skip_thought(text)
                case _Phase.BEHIND_THINKING:
                    text = text.lstrip()
                    self._phase = None if text else self._phase
                case _:
                    before, tag, behind = text.partition("<")
                    said.append(self._say(before))
                    text = self._read_tag(tag + behind) if tag else ""
                    if self._phase is None and text.startswith("<"):  # none of ours
                        said.append(self._say("<"))
                        text = text[1:]
        return "".join(said)

    def _say(self, text: str) -> str:
        self._has_text = self._has_text or text != ""
        return self._filter(self._markdown.feed(text))

    def _read_tag(self, text: str) -> str:
        """What is left of the text when a tag around thinking was taken from it, if one begins
        it, or what may become one."""
        if self._markdown.may_be_code:
            return text
        if thinking := _THINKING.match(text):
            self._phase = _Phase.THINKING
            return text[thinking.end() :]
        if _THINKING_BEGUN.match(text):
            self._held = text
            return ""
        return text

    def _skip_thought(self, text: str) -> str:
        """What comes behind the end of the thinking, if that has come."""
        thought = _THOUGHT.search(text)
        if thought is None:
            self._held = text[-_LONGEST_TAG + 1 :]
            return ""
        self._phase = None if self._has_text else _Phase.BEHIND_THINKING
        return text[thought.end() :]
