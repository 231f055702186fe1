"""The seam where a second host would join: what a bot's link needs of the relay, and a turn.

In one process a `relay/station` is both. One contract suite runs on each implementation
(tests/relay/test_seam_contract).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import trio

from eyeclaw_trio.protocol.bot import Status, StreamMessage
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.relay.link import Link
from eyeclaw_trio.relay.turns import OpenTurn


class LinkSide(Protocol):
    """What the links of one bot need of the relay. Nothing here waits."""

    @property
    def bot_id(self) -> int:
        """Whose links these are."""

    @property
    def is_online(self) -> bool:
        """Whether the bot can be asked now."""

    @property
    def links(self) -> int:
        """How many links of the bot live now."""

    @property
    def links_ever(self) -> int:
        """How many there have been."""

    @property
    def is_quiet(self) -> bool:
        """Whether no turn has anything to read just now. Else their readers come first: what a
        link has to say may wait for what they will have to say on it too."""

    def attached(self, link: Link) -> AbstractContextManager[None]:
        """The link takes this bot's commands while inside, as between `attach` and `detach`."""

    def attach(self, link: Link) -> None:
        """The link takes this bot's commands from now on."""

    def detach(self, link: Link) -> None:
        """The link has gone: tell the open turns."""

    def heard(self, link: Link, at: float) -> None:
        """Any message of a bot, received at that moment (monotonic seconds), is a heartbeat of its
        link."""

    def deliver(
        self, link: Link, message: StreamMessage | Status, received_at: float | None = None
    ) -> None:
        """Hand a bot's message, received at that moment (monotonic seconds) or now, to the turn
        that it names.

        A bot speaks for its own turns only; what is said of a turn that is over is acknowledged
        and dropped (RELIABILITY 23, 26).
        """


class TurnSide(Protocol):
    """What a turn needs of the relay. Nothing here waits."""

    @property
    def is_online(self) -> bool:
        """Whether the bot can be asked now."""

    def open(
        self, command: ExecuteCommand, *, overflow: trio.CancelScope, owner: Hashable = None
    ) -> OpenTurn:
        """A turn, open until it is left as a block: listen first, then ask.

        All owners share the bot's queue and the memory of inboxes (RELIABILITY 36).

        A free place is granted by a message in its inbox, at once or later; it is the turn's own
        task that sends the command then (`send_command`). Raises BotOffline and BotBusy at once.
        Leaving it, however, tells the bot `cancel` when its end has not come, without
        waiting; its place is then free at once where the bot can cancel, else when it has ended
        or been silent (PROTOCOL 2). `overflow` is cancelled when the reader takes less than the
        bot gives, and has its deadline set when the turn's key is revoked.
        """

    def send_command(self, turn: OpenTurn) -> None:
        """The place was granted: send the command on the newest link. Where there is none just
        now, it is granted again when there is."""

    def acknowledge(self, turn: OpenTurn, sequences: Sequence[int]) -> None:
        """Tell the bot that these chunks have been written, on the link that the turn was last
        heard on, else the newest."""

    def next_place_due(self) -> float:
        """When a place may become free by silence alone (monotonic seconds, inf for never): when
        a turn that waits must look again."""

    def assign_places(self) -> None:
        """Grant what silence has freed."""
