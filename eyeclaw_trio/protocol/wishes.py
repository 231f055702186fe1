"""What an OpenAI client asks for beside its question (PROTOCOL 6); glasses ask for nothing."""

from __future__ import annotations

from attrs import frozen


@frozen
class Wishes:
    """How the answer is to be made and written.

    `system`, `max_tokens` and `temperature` go to the model of an embedded bot, within its own
    limits, and never over a link. `is_whole_history` says that what stands before the question is
    all that the model is to know: it goes into no conversation that is remembered.
    """

    system: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    streams: bool = True
    includes_usage: bool = False
    is_whole_history: bool = False


NO_WISHES = Wishes()
