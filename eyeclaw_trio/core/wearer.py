"""What the gateway adds for whoever wears the glasses: the group `[wearer]`."""

from __future__ import annotations

from attrs import frozen

from eyeclaw_trio.core.actions import COMMANDS
from eyeclaw_trio.core.wearer_context import PARTS, Part


@frozen
class WearerSettings:
    """What of a request goes to the model, and what is said and remembered for its wearer.

    `style` is what kind of answer is wanted, empty for nothing; None: the usual one, in the
    wearer's language. `filler` is said behind `filler_after` seconds without a text, 0: never.
    Behind `forget_after` seconds of silence a new conversation begins, 0: never.
    `photo_question` is what a model is asked about a photo that came without words.
    `allow_private_images` is for tests: photos from private addresses. `actions` may be asked of
    the glasses, and `follow_ups` questions may be shown at most; of what is said clean, `longest`
    characters (0: all), with `emoji` or without.
    """

    context: tuple[Part, ...] = PARTS
    style: str | None = None
    filler_after: float = 0.0
    filler: str = "嗯，"
    status_words: bool = True
    photo_question: str = "图里是什么？"
    keep_history: bool = False
    allow_private_images: bool = False
    actions: tuple[str, ...] = tuple(COMMANDS)
    follow_ups: int = 3
    longest: int = 0
    emoji: bool = True
    forget_after: float = 0.0
