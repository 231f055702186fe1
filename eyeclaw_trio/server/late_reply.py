"""A reply whose reader may leave: the answer goes on without him, and is delivered whole.

The turn runs beside the listener, the reader's part in his own connection's task (`server/late`).
Whatever the turn says is remembered before it is written, so that nothing of it depends on where
the reader left: what is delivered is the whole answer, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import trio
from attrs import define, field

from eyeclaw_trio.core.reply_events import ReplyEvent
from eyeclaw_trio.errors import HungUp, TurnFailed
from eyeclaw_trio.relay.turn import Reply

# Characters of an answer that are kept for its delivery: what is pushed has 2,000 of them at most,
# and markdown that is not spoken takes room too.
KEPT: Final = 8_000
# Seconds that the ending has to be written when its reader has hung up meanwhile.
_LAST_WRITE: Final = 1.0


@define(eq=False)
class LateReply:
    """Writes one answer to its reader for as long as there is one; a `relay.turn.Reply`.

    `may_go_on` is asked when the reader leaves: whether the answer is wanted all the same, with
    true where it is whole already. `deliver` gets the whole answer of a turn without a reader.
    Without a reader nothing is written, and what is said counts as written.
    """

    _reader: Reply
    _may_go_on: Callable[[bool], bool]
    _deliver: Callable[[str], Awaitable[None]]
    has_text: bool = field(default=False, init=False)
    """Whether a word of the answer has come."""
    is_attached: bool = field(default=True, init=False)
    """Whether the reader is still here."""
    _texts: list[str] = field(factory=list, init=False)
    _kept: int = field(default=0, init=False)
    _is_whole: bool = field(default=False, init=False)
    _has_left: bool = field(default=False, init=False)
    _writing: trio.CancelScope | None = field(default=None, init=False)
    _leave: Callable[[], None] = field(default=lambda: None, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    # ---- as the reader's task sees it -----------------------------------------------------------

    def reader_left(self) -> None:
        """The reader has hung up. Never waits."""
        self._has_left = True
        if not self.is_attached:
            return
        if self._is_whole and self._writing is not None:
            # He may have left because he has it all: whether it could be written will say.
            self._writing.deadline = trio.current_time() + _LAST_WRITE
        elif self._detach():
            if self._writing is not None:
                self._writing.cancel()  # nobody reads the rest of it
        else:
            self._leave()

    def let_go(self) -> bool:
        """The reader is not to wait any longer; true where the answer goes on without him. Then
        wait until what is being written to him is."""
        return self.is_attached and self._detach()

    def close(self) -> None:
        """The turn is over."""
        self.is_attached = False
        self._note_change()

    async def wait_until_unattached(self) -> None:
        """Return when nothing more will be written to the reader by the turn. Cancellation changes
        nothing."""
        while self.is_attached or self._writing is not None:
            await self._changed.wait()

    # ---- as the turn sees it --------------------------------------------------------------------

    async def open(self) -> None:
        """As the reader's; cancellation too. Raises ReaderGone where the turn ends with him."""
        if not self.is_attached:
            self._may_go_on(
                False
            )  # he left while his photo was opened: now there is a turn to tell
        await self._write(self._reader.open)

    def send_nowait(self, events: Sequence[ReplyEvent]) -> bool:
        """Remember the texts among these events, and write all to the reader as far as that can be
        done without waiting. Raises ReaderGone as `open`."""
        for event in events:
            if isinstance(event, str):
                self._keep(event)
        if not self.is_attached:
            return True
        try:
            return self._reader.send_nowait(events)
        except HungUp:
            if not self._detach():
                raise
            return True

    async def drain(self) -> None:
        """Write the rest to the reader, who may have been let go meanwhile. Raises ReaderGone and
        is cancelled as `open`."""
        await self._write(self._reader.drain)

    async def finish(self) -> None:
        """The answer is whole: write its ending to the reader, or deliver it where he has left, at
        this very moment too. Raises ReaderGone as `open`; cancelled, it may not be delivered."""
        self._is_whole = True
        await self._write(self._reader.finish)
        if not self.is_attached:
            await self._deliver("".join(self._texts))

    async def apologise(self, failure: TurnFailed) -> None:
        """Say this failure to the reader, if he is here: an answer that broke off is not delivered.
        Raises ReaderGone and is cancelled as `open`."""
        await self._write(lambda: self._reader.apologise(failure))

    def monitor_hangup(
        self, _: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """`leave` is called when the reader has gone and the answer is not to go on. He is watched
        by his own task."""
        self._leave = leave
        if self._has_left and self.is_attached:
            leave()
        return nullcontext()

    # ---- inside ---------------------------------------------------------------------------------

    def _keep(self, text: str) -> None:
        self.has_text = self.has_text or not text.isspace()
        if self._kept < KEPT:
            self._texts.append(text)
            self._kept += len(text)

    def _detach(self) -> bool:
        if not self._may_go_on(self._is_whole):
            return False
        self.is_attached = False
        self._note_change()
        return True

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write to the reader, who may leave meanwhile. What has begun is written to its end also
        where he was let go."""
        if not self.is_attached:
            return
        try:
            with trio.CancelScope() as self._writing:
                await write()
            if self._writing.cancelled_caught and self.is_attached:
                raise HungUp
        except HungUp:
            if self.is_attached and not self._detach():
                raise
        finally:
            self._writing = None
            self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
