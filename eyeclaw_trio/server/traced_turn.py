"""A turn with its trace, as a block: over when it is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import trio
from attrs import define, field

from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.core.trace import Happening, Outcome, Trace


@define(eq=False)
class TracedTurn:
    """A block for a turn; smaller than a generator, because there may be thousands."""

    trace: Trace
    room: Portion
    """What its question takes, until it is over."""
    _on_over: Callable[[Trace], None]
    _life: AbstractContextManager[None] = field(factory=nullcontext)
    _is_handed_over: bool = False

    def hand_over(self) -> None:
        """From now on it is over when it is closed, and not when the block is left."""
        self._is_handed_over = True

    def begin(self, life: AbstractContextManager[None]) -> None:
        """From now on it is among the answers that are being written, until the block is left."""
        life.__enter__()
        self._life = life

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_handed_over:
            self.close()

    def close(self) -> None:
        """It is over."""
        self.room.release()
        self.trace.end(Outcome.INTERRUPTED)
        self.trace.note(Happening.FINISHED, trio.current_time())
        try:
            self._on_over(self.trace)
        finally:
            self._life.__exit__(None, None, None)
