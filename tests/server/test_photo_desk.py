"""Photos at the desk: what is left of one that was refused."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import pytest
import trio
import trio.testing
from attrs import define
from photo_hosts import Opened, guard_of, respond

from eyeclaw_trio.core.awaited_photos import Talk
from eyeclaw_trio.core.reply_events import ReplyEvent
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.protocol.to_bot import CommandMetadata, CommandParams, ExecuteCommand
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.photo_desk import AskedPhotos, PhotoDesk

COMMAND = ExecuteCommand(
    params=CommandParams("what"),
    metadata=CommandMetadata(agent_id="1", session_id="s", openclaw_session_id="b", trace_id="t"),
    timestamp="2026-11-30T12:00:00Z",
)


@define
class Reader:
    """Somebody who stays."""

    def monitor_hangup(
        self, _: trio.Nursery, __: Callable[[], None]
    ) -> AbstractContextManager[None]:
        return nullcontext()

    async def open(self) -> None:
        await trio.lowlevel.checkpoint()

    def send_nowait(self, _: Sequence[ReplyEvent]) -> bool:
        return True


@contextmanager
def no_collection() -> Iterator[None]:
    """What is in a cycle stays, as it may for minutes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_what_was_sent_is_not_kept_by_the_refusal_of_it() -> None:
    """Its traceback has the frames that hold the photos, of which some had the refusal."""
    refused = Opened(failure=PhotoRefused(PhotoFault.NO_IMAGE, "it is broken"))
    desk = PhotoDesk(guard_of(respond(b"x"), refused), 7.0)
    reply = cast(Reply, Reader())

    async def ask() -> weakref.ref[AskedPhotos]:
        address = "data:image/png;base64,eA=="
        room = Shares(1_000_000).portion(1)
        photos = AskedPhotos([address], "", "what", Talk(1, None, "m"), 1, room)
        with pytest.raises(PhotoRefused):
            await desk.complete(COMMAND, photos, reply, trio.CancelScope())
        refused.failure = None
        return weakref.ref(photos)

    with no_collection():
        asked = await ask()
        await trio.testing.wait_all_tasks_blocked()
        assert asked() is None
