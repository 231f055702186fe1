"""One bot: its links, the places its commands take, the questions that wait, the open turns.

Turns and places belong to the bot and not to a link (PROTOCOL 2): an EyeClaw SDK comes back on a
new link and finishes there what it began. Nothing here waits. Links put in what their bot said,
turns wait for it in their own channel.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define

from eyeclaw_trio.core.answer import (
    CommandSent,
    DrainOver,
    ForeignWord,
    LinkBack,
    LinkLost,
    Notice,
)
from eyeclaw_trio.errors import BotBusy, BotOffline
from eyeclaw_trio.protocol.bot import (
    Cancel,
    ExecuteCommand,
    Status,
    StreamChunk,
    StreamMessage,
)
from eyeclaw_trio.relay.link import Link
from eyeclaw_trio.relay.open_turn import OpenTurn

if TYPE_CHECKING:
    from eyeclaw_trio.relay.switchboard import Switchboard


@define(eq=False)
class _Presence:
    """A link, and when its bot was last heard on it (monotonic seconds)."""

    link: Link
    heard_at: float


@define(eq=False)
class _Place:
    """Whose command a bot is busy with, on which link, and when it was last heard of."""

    link: Link
    heard_at: float


class Station:
    """One bot: its links, its places, its queue and its open turns."""

    def __init__(self, bot_id: int, board: Switchboard) -> None:
        self.bot_id = bot_id
        self.late_messages = 0
        self.foreign_messages = 0
        self.links_ever = 0
        self.now = board.now
        self._board = board
        self._links: list[_Presence] = []  # the newest last
        self._places: dict[str, _Place] = {}
        self._queue: OrderedDict[str, OpenTurn] = OrderedDict()
        self._turns: dict[str, OpenTurn] = {}

    # ---- links ----------------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether a link lives whose last heartbeat is younger than `presence_timeout`."""
        youngest = self.now() - self._board.patience.presence_timeout
        return any(each.heard_at > youngest and each.link.is_alive for each in self._links)

    @property
    def links(self) -> int:
        """How many links live now."""
        return len(self._links)

    @property
    def open_turns(self) -> int:
        """How many turns are open, the waiting ones too."""
        return len(self._turns)

    @contextmanager
    def attached(self, link: Link) -> Iterator[None]:
        """The link takes this bot's commands while inside; leaving tells the open turns."""
        was_linked = bool(self._links)
        presence = _Presence(link, self.now())
        self._links.append(presence)
        self.links_ever += 1
        self._retire_older_links()
        if not was_linked:
            self._notify_all(LinkBack())
            self._repeat_unheard_commands()
        self._cancel_left_turns(link)
        self.assign_places()
        try:
            yield
        finally:
            self._links.remove(presence)
            if self._links:
                self._repeat_unheard_commands()
                self.assign_places()
            else:
                self._notify_all(LinkLost())

    def heard(self, link: Link) -> None:
        """Any message of a bot is a heartbeat of its link."""
        for presence in self._links:
            if presence.link is link:
                presence.heard_at = self.now()

    def deliver(
        self, link: Link, message: StreamMessage | Status, received_at: float | None = None
    ) -> None:
        """Hand a bot's message, received at that moment or now, to the turn that it names.

        A bot speaks for its own turns only; what is said of a turn that is over is acknowledged
        and dropped (RELIABILITY 23, 26).
        """
        session_id = message.session_id
        if session_id is None:
            return
        turn = self._turns.get(session_id)
        if turn is not None:
            turn.link = link
            if not turn.has_spoken:
                turn.has_spoken = True
                if session_id in self._places:
                    turn.command = None
            turn.put(message, received_at)
        elif self._board.is_turn_of_another(session_id, self):
            self.foreign_messages += 1
            self._board.note_foreign_word(session_id)
            return
        else:
            self.late_messages += 1
            if isinstance(message, StreamChunk) and message.sequence is not None:
                link.acknowledge(session_id, [message.sequence], at_once=False)
        place = self._places.get(session_id)
        if place is None:
            return
        if message.__class__ is not StreamChunk and message.__class__ is not Status:
            self._free_place(session_id)
        else:
            place.link = link
            place.heard_at = self.now() if received_at is None else received_at

    # ---- turns ----------------------------------------------------------------------------------

    def turn(self, command: ExecuteCommand, *, overflow: trio.CancelScope) -> OpenTurn:
        """A turn, open while it is inside as a block: listen first, then ask (or wait in the
        queue for a place).

        Entering it raises BotOffline and BotBusy at once. Leaving it, however, tells the bot
        `cancel` when its end has not come, without waiting; its place is then free at once where
        the bot can cancel, else when it has ended or been silent for `idle_timeout`.
        """
        return OpenTurn(self, command, self._board.limits.answer_buffer, overflow)

    def open_turn(self, turn: OpenTurn) -> None:
        """Listen for this turn and ask (for turns). Raises BotOffline and BotBusy."""
        if not self.is_online:
            raise BotOffline
        self.assign_places()
        if len(self._places) >= self._capacity and (
            len(self._queue) >= self._board.limits.queued_turns
        ):
            raise BotBusy
        session_id = turn.session_id
        self._turns[session_id] = self._queue[session_id] = turn
        self._board.note_open(session_id, self)
        try:
            self.assign_places()
        except BaseException:
            self.close_turn(turn)
            raise

    def close_turn(self, turn: OpenTurn) -> None:
        """Listen for it no longer, and tell its bot (for turns)."""
        session_id = turn.session_id
        del self._turns[session_id]
        self._board.note_closed(session_id)
        if self._queue.pop(session_id, None) is None:
            self._leave_place(session_id)
        # What came behind the last word is late as well, and no bot may wait in vain.
        unread = turn.close()
        self.late_messages += len(unread)
        turn.acknowledge(unread)
        self._retire_older_links()

    def acknowledge(self, turn: OpenTurn, sequences: Sequence[int]) -> None:
        """Pass acknowledgements on: to the link the turn was last heard on, else the newest."""
        link = turn.link
        if link is None or not link.is_alive:
            link = self._newest_link
        if link is not None:
            # While other turns have something to read, their readers come first, and what they
            # have to say on the same link goes along.
            is_last = not self._board.unread_turns
            link.acknowledge(turn.session_id, sequences, at_once=is_last)

    def note_unread(self) -> None:
        """A turn that had read all has something to read (for turns)."""
        self._board.unread_turns += 1

    def note_read(self) -> None:
        """A turn has read all there was (for turns)."""
        self._board.unread_turns -= 1

    def end_turns(self) -> None:
        """The drain is over: tell every open turn."""
        self._notify_all(DrainOver())

    def note_foreign_word(self, session_id: str) -> None:
        """Another bot spoke of this turn of ours."""
        turn = self._turns[session_id]
        if not turn.has_foreign_word:
            turn.has_foreign_word = True
            turn.put(ForeignWord())

    def revoke_turn(self, session_id: str) -> None:
        """The key of this turn of ours, or the bot, is gone."""
        self._turns[session_id].revoke()

    # ---- places ---------------------------------------------------------------------------------

    def assign_places(self) -> None:
        """Send the next questions, in order, while the newest link has places for them."""
        now = self.now()
        self._forget_silent_places(now)
        link = self._newest_link
        while self._queue and link is not None and len(self._places) < link.capacity:
            session_id, turn = self._queue.popitem(last=False)
            turn.link = link
            self._places[session_id] = _Place(link, now)
            _send_command(turn, link)
            turn.put(CommandSent())

    def is_waiting(self, turn: OpenTurn) -> bool:
        """Whether this turn has no place yet."""
        return turn.session_id in self._queue

    def next_place_due(self, turn: OpenTurn) -> float:
        """When the first abandoned place is free by silence, for a turn that waits for one."""
        if not self.is_waiting(turn) or not self._links:
            return math.inf
        left = [place.heard_at for key, place in self._places.items() if key not in self._turns]
        return min(left, default=math.inf) + self._board.patience.idle_timeout

    @property
    def _newest_link(self) -> Link | None:
        """The link that takes the next command: one that was told to end takes none."""
        return next((each.link for each in reversed(self._links) if each.link.is_alive), None)

    @property
    def _capacity(self) -> int:
        link = self._newest_link
        return link.capacity if link is not None else 1

    def _leave_place(self, session_id: str) -> None:
        """The turn is over for its reader; its place may be needed longer than it."""
        place = self._places.get(session_id)
        if place is None:
            return
        link = place.link if place.link.is_alive else self._newest_link
        if link is not None:
            link.send(_cancel(session_id))
        if link is not None and link.can_cancel:
            self._free_place(session_id)
        else:
            self.assign_places()

    def _cancel_left_turns(self, link: Link) -> None:
        """A turn may have been left while no link lived to tell: tell it now."""
        if not link.can_cancel:
            return
        for session_id in [key for key in self._places if key not in self._turns]:
            link.send(_cancel(session_id))
            del self._places[session_id]

    def _free_place(self, session_id: str) -> None:
        del self._places[session_id]
        self._retire_older_links()
        self.assign_places()

    def _forget_silent_places(self, now: float) -> None:
        """Free the places of turns that are over and whose bot has said nothing for long."""
        # The same sum as in `next_place_due`: else rounding could make the two disagree, and a
        # turn that waits would look again and again.
        patience = self._board.patience.idle_timeout
        silent = [
            session_id
            for session_id, place in self._places.items()
            if place.heard_at + patience <= now and session_id not in self._turns
        ]
        for session_id in silent:
            del self._places[session_id]
        if silent:
            self._retire_older_links()

    def _retire_older_links(self) -> None:
        """An older link goes once its running turns are over (RELIABILITY 25)."""
        # A link is busy with what it answers, also for a reader who has left, and with the last
        # words (a summary) of a turn that is still open.
        busy = {id(place.link) for place in self._places.values()}
        busy |= {id(turn.link) for turn in self._turns.values()}
        for presence in self._links[:-1]:
            if id(presence.link) not in busy:
                presence.link.replace()

    def _repeat_unheard_commands(self) -> None:
        """A command may have died with its link: send it again where that is safe."""
        link = self._newest_link
        if link is None or not link.can_resume:
            return
        for session_id, place in self._places.items():
            turn = self._turns.get(session_id)
            if turn is None or turn.has_spoken or self._is_attached(place.link):
                continue
            place.link = turn.link = link
            _send_command(turn, link)

    def _is_attached(self, link: Link | None) -> bool:
        return any(presence.link is link for presence in self._links)

    def _notify_all(self, notice: Notice) -> None:
        for turn in self._turns.values():
            turn.put(notice)


def _send_command(turn: OpenTurn, link: Link) -> None:
    if turn.command is not None:  # it always is there until its bot has had it and spoken
        link.send(turn.command)


def _cancel(session_id: str) -> Cancel:
    return Cancel(session_id, "the turn is over")
