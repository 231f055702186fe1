"""An embedded bot: in the gateway's process, without a socket (DESIGN, "Two ways for a bot").

It takes the same commands as a linked one and gives the same messages; a turn cannot tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import trio

from eyeclaw_trio.connector.delivery import Unacknowledged
from eyeclaw_trio.connector.running import Runs, SendWindow, keep_warm
from eyeclaw_trio.protocol.bot import StreamAside, StreamChunk, StreamMessage
from eyeclaw_trio.protocol.to_bot import Cancel, ExecuteCommand, ToBot
from eyeclaw_trio.providers.provider import Provider
from eyeclaw_trio.relay.seam import LinkSide

# Questions at once; a model's own limits are lower, and say so themselves.
CAPACITY: Final = 64


async def run_embedded_bot(
    station: LinkSide,
    provider: Provider,
    *,
    heartbeat: float = 60.0,
    keeps_warm: bool = True,
    task_status: trio.TaskStatus[EmbeddedLink] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Be this bot until cancelled: online for as long as it runs, answering with the provider.

    `heartbeat` is in seconds and has to be shorter than `presence_timeout`. Cancellation ends all
    answers at once, and their turns learn that the link is lost. The provider stays the caller's
    to close, and without `keeps_warm` to keep warm.
    """
    async with trio.open_nursery() as nursery:
        if keeps_warm:
            nursery.start_soon(keep_warm, provider)
        link = EmbeddedLink(station, Runs(nursery, provider, "shared"))
        with station.attached(link):
            task_status.started(link)
            while True:
                await trio.sleep(heartbeat)
                station.heard(link, trio.current_time())  # it runs, so it is alive


class EmbeddedLink:
    """The `relay.link.Link` of an embedded bot."""

    capacity = CAPACITY
    can_cancel = True
    can_resume = True
    is_alive = True

    def __init__(self, station: LinkSide, runs: Runs) -> None:
        self._station = station
        self._runs = runs
        self._answers: dict[str, SendWindow] = {}

    def send(self, message: ToBot) -> None:
        """Start or cancel a run; other messages are for bots elsewhere."""
        match message:
            case ExecuteCommand(metadata=metadata) if not self._runs.knows(metadata.session_id):
                self._answers[metadata.session_id] = window = SendWindow(Unacknowledged())
                self._runs.start(message, partial(self._say, window))
            case Cancel(session_id):
                self._runs.cancel(session_id)
                self._answers.pop(session_id, None)

    def acknowledge(self, session_id: str, sequences: Sequence[int]) -> None:
        """These chunks have been written: the answer may go on."""
        window = self._answers.get(session_id)
        if window is None:
            return
        for sequence in sequences:
            window.unacknowledged.acknowledge(sequence)
        window.acknowledged()

    def replace(self) -> None:
        """An embedded bot ends with the gateway, or when its nursery is told to."""

    async def _say(self, window: SendWindow, message: StreamMessage) -> None:
        # Cancelled, but already on its way here: nothing more of it may be said.
        await trio.lowlevel.checkpoint_if_cancelled()
        if isinstance(message, StreamChunk):
            window.unacknowledged.add(message)
            self._station.deliver(self, message)
            await window.wait()
        elif isinstance(message, StreamAside):
            self._station.deliver(self, message)
            await trio.lowlevel.checkpoint()
        else:
            self._answers.pop(message.session_id, None)
            self._station.deliver(self, message)
            # Let the turn take its end first: both at once could be more than may wait for it.
            await trio.lowlevel.checkpoint()
