"""The system text that a model gets with a question: its parts, in one order, put together here.

What changes least comes first, so that servers that keep what they have read (prompt caches) can
use it again.
"""

from __future__ import annotations

from typing import Final

from eyeclaw_trio.core.texts import Language

# What kind of answer is wanted where the settings do not say.
USUAL_STYLE: Final[dict[Language, str]] = {
    "zh": (
        "你的回答会在智能眼镜上念出来，并显示在很小的屏幕上。"
        "请用两三句口语直接回答，不要开场白，不要列表、表格和其他格式。"
        "问题来自语音识别，可能听错了字，请按最合理的意思理解。"
    ),
    "en": (
        "Your answer is read aloud by smart glasses and shown on their very small display. "
        "Answer in two or three spoken sentences, without preamble, lists, tables or other "
        "formatting. The question comes from speech recognition and may be misheard: take it in "
        "its most sensible meaning."
    ),
}


def style_text(style: str | None, language: Language) -> str:
    """What kind of answer is wanted: as the settings say, empty for nothing, or the usual one."""
    return USUAL_STYLE[language] if style is None else style


def join_system_text(*parts: str | None) -> str:
    """The parts that there are, each a paragraph of its own; empty where there is none.

    Their order is the caller's: the owner's own prompt, the style, how to ask for actions, and
    last what changes with each question.
    """
    return "\n\n".join(part for part in parts if part)
