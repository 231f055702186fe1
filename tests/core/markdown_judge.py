"""What a reader sees of a Markdown text: markdown-it-py says it, with PROTOCOL 5's exceptions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.rules_inline.state_inline import Scanned, StateInline
from markdown_it.token import Token

_ALPHANUMERIC: Final = re.compile(r"[0-9A-Za-z]\Z")
_CJK: Final = "·—‘’“”…"


def _is_cjk_punctuation(character: str) -> bool:
    if character in _CJK:
        return True
    is_wide = "\u3001" <= character <= "\u303f" or "\ufe10" <= character <= "\uff65"
    return is_wide and unicodedata.category(character)[0] in "PS"


class _State(StateInline):
    """Flanking with the exceptions; all else is markdown-it's."""

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803 (its name)
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        end = start + scanned.length
        behind = self.src[end] if end < self.posMax else " "
        if _ALPHANUMERIC.match(before) and _ALPHANUMERIC.match(behind):
            return Scanned(False, False, scanned.length)
        if self.src[start] != "*":
            return scanned
        return Scanned(
            scanned.can_open or _is_cjk_punctuation(behind),
            scanned.can_close or _is_cjk_punctuation(before),
            scanned.length,
        )


def _keep_names(state: StateInline, silent: bool) -> bool:
    name = re.compile(r"__[0-9A-Za-z]+(?:_[0-9A-Za-z]+)*__(?=\.[A-Za-z])").match(
        state.src, state.pos, state.posMax + 2
    )
    before = re.search(r"(\\*)_\Z", state.src[: state.pos])
    is_midway = before is not None and len(before[1]) % 2 == 0  # else that one is shown as it is
    if name is None or is_midway:
        return False
    if not silent:
        state.pending += name[0]
    state.pos = name.end()
    return True


def make_judge() -> MarkdownIt:
    judge = MarkdownIt("commonmark").enable("table")
    judge.disable(["html_block", "reference"])
    setattr(judge, "validateLink", lambda _: True)  # noqa: B010 (all are shown alike here)
    judge.inline.ruler.before("emphasis", "names", _keep_names)

    def parse(src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        state = _State(src, md, env, tokens)
        judge.inline.tokenize(state)
        for rule in judge.inline.ruler2.getRules(""):
            rule(state)
        return state.tokens

    judge.inline.parse = parse  # type: ignore[method-assign]
    return judge


_JUDGE: Final = make_judge()


def read(text: str) -> list[str]:
    """The words that a reader sees, in order."""
    return "".join(_blocks(_JUDGE.parse(text))).split()


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield "".join(_inline(token.children or []))
        elif token.type in ("fence", "code_block"):
            yield token.content
        elif token.type == "list_item_open" and token.info:
            yield f"{token.info}{token.markup} "
        if token.type not in ("td_open", "th_open"):
            yield "\n"


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "text" | "text_special" | "code_inline":
                yield token.content
            case "softbreak" | "hardbreak":
                yield "\n"
            case "image":
                yield "".join(_inline(token.children or []))
            case "html_inline" if re.fullmatch(r"<br\s*/?>", token.content, re.IGNORECASE):
                yield "\n"
            case _:
                pass
