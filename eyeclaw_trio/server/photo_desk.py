"""The photos of questions, taken in before a bot is asked: what it is asked about them, and what
the reader sees meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import attrs
import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.awaited_photos import AwaitedPhotos, Talk
from eyeclaw_trio.core.reply_events import DeviceAction, KeepAlive
from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.errors import (
    GatewayStopping,
    HungUp,
    PhotoFault,
    PhotoRefused,
    ReaderGone,
    TurnFailed,
)
from eyeclaw_trio.photos.guard import PhotoGuard, Sender
from eyeclaw_trio.protocol.rokid import Question
from eyeclaw_trio.protocol.to_bot import ExecuteCommand, fit_images
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.traced_turn import TracedTurn

Result = TypeVar("Result")

# Bytes of a message to a linked bot around its command.
ENVELOPE: Final = 8192


@frozen
class AskedPhotos:
    """The photos of one question: their addresses, the words that came with them, what is asked
    where they came without any and answer no other question, and whose they are; without a key the
    owner's own. What they become takes its part of `room`, and fits into a message of `limit` bytes
    where there is a limit. One that cannot be fetched may be missing where the bot has the address.
    """

    addresses: Sequence[str]
    said: str
    usual: str
    talk: Talk
    key_id: int | None
    room: Portion
    limit: int | None = None
    may_be_missing: bool = False

    def without(self, places: Container[int]) -> tuple[str, ...]:
        """The addresses at all places but these."""
        return tuple(each for at, each in enumerate(self.addresses) if at not in places)

    @classmethod
    def of(
        cls, question: Question, bot_id: int, turn: TracedTurn, usual: str, limit: int | None = None
    ) -> AskedPhotos:
        """Those of this question, of which none may be missing."""
        talk = Talk(bot_id, question.user_id, question.message_id)
        said, key_id = question.asked.text, turn.trace.asked_by
        return cls(question.photos, said, usual, talk, key_id, turn.room, limit)


@frozen
class PhotoDesk:
    """Takes the photos of questions; `keepalive` in seconds."""

    guard: PhotoGuard
    keepalive: float
    awaited: AwaitedPhotos = field(factory=AwaitedPhotos)

    async def complete(
        self, command: ExecuteCommand, photos: AskedPhotos, reply: Reply, over: trio.CancelScope
    ) -> ExecuteCommand:
        """The command with these photos as `data:` URLs, taken in while the reader sees that
        somebody is at work.

        Raises PhotoRefused, ReaderGone, and GatewayStopping where `over` is cancelled; that
        cuts no write in two. Cancelled from outside, nothing is left of the photos; the reply
        may hold half an event then, as after all writes.
        """
        words = self._find_words(photos)  # also of a photo that is refused: it is taken once
        take_all_in = partial(
            self.guard.take_all_in,
            photos.addresses,
            Sender(photos.key_id, photos.talk.user_id),
            # The bot has the address, and may be where it can be reached (PROTOCOL 1).
            may_be_missing=photos.may_be_missing,
        )
        taken = await wait_beside(reply, self.keepalive, take_all_in, over)
        if not photos.room.take(sum(map(len, taken.values()))):
            raise PhotoRefused(PhotoFault.BUSY, "questions take all the room there is")
        metadata = attrs.evolve(
            command.metadata,
            images=tuple(taken.values()),
            missing_photos=photos.without(taken),
            photo_words=words,
        )
        command = attrs.evolve(command, metadata=metadata)
        if photos.limit is None:
            return command
        addresses = [photos.addresses[place] for place in taken]
        return fit_images(command, addresses, photos.limit - ENVELOPE)

    def expect(self, talk: Talk, question: str, action: DeviceAction) -> None:
        """The glasses were told to do this for that question: take a photo, perhaps."""
        if action.command == "take_photo":
            self.awaited.expect(talk, question, trio.current_time())

    def _find_words(self, photos: AskedPhotos) -> str:
        awaited = self.awaited.take(photos.talk, trio.current_time())
        return photos.said or awaited or photos.usual


@define(eq=False)
class PhotoExpectation:
    """What the glasses are told to do for this question is heard by the desk; smaller than a
    partial, because there may be thousands."""

    _desk: PhotoDesk
    _talk: Talk
    _question: str

    def __call__(self, action: DeviceAction) -> None:
        """They were told this."""
        self._desk.expect(self._talk, self._question, action)


async def wait_beside(
    reply: Reply,
    keepalive: float,
    work: Callable[[], Awaitable[Result]],
    over: trio.CancelScope | None = None,
) -> Result:
    """Open the reply, do this work, and show every `keepalive` seconds that it goes on.

    One task writes, and it is never cut in the middle of an event by the end of the work. Raises
    what the work raises of TurnFailed, GatewayStopping where `over` is cancelled, and ReaderGone
    when nobody reads any more: then the work is cancelled. Cancelled, so is the work.
    """
    waiting = _Waiting(work, over or trio.CancelScope())
    async with trio.open_nursery() as nursery:
        waiting.scope = nursery.cancel_scope
        with reply.monitor_hangup(nursery, waiting.leave):
            nursery.start_soon(waiting.run)
            try:
                await reply.open()
                while not await waiting.is_done_within(keepalive):
                    if not reply.send_nowait([KeepAlive(is_early=True)]):
                        await reply.drain()
            except ReaderGone as gone:
                waiting.gone = gone
        nursery.cancel_scope.cancel()
    return waiting.result()


@define
class _Waiting(Generic[Result]):
    """The work, and how it has ended."""

    _work: Callable[[], Awaitable[Result]]
    _over: trio.CancelScope
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    gone: ReaderGone | None = None
    _failure: TurnFailed | None = None
    _results: list[Result] = field(factory=list)
    _done: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        """Do it. Cancelled, it has no result."""
        try:
            with self._over:
                self._results.append(await self._work())
        except TurnFailed as failure:
            self._failure = failure
        if self._over.cancelled_caught:
            self._failure = GatewayStopping()
        self._done.set()

    async def is_done_within(self, seconds: float) -> bool:
        """Wait for its end, so long at most. Cancellation changes nothing."""
        with trio.move_on_after(seconds):
            await self._done.wait()
        return self._done.is_set()

    def leave(self) -> None:
        """Nobody reads any more."""
        self.gone = HungUp()
        self.scope.cancel()

    def result(self) -> Result:
        """What has come of it, once."""
        error, self.gone, self._failure = self.gone or self._failure, None, None
        if error is None:
            return self._results[0]
        try:
            raise error
        finally:
            del error  # whose traceback holds this frame, and that all that was sent
