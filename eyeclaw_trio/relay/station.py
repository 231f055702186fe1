"""One bot: its links, its open turns, and their way to each other.

Turns and places belong to the bot and not to a link (PROTOCOL 2): an EyeClaw SDK comes back on a
new link and finishes there what it began. Whose turn it is decides `core/places`. Nothing here
waits. Links put in what their bot said, turns wait for it in their own inbox.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import trio

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.places import Place, Places
from eyeclaw_trio.core.quota import Quota
from eyeclaw_trio.core.turn_messages import (
    DrainOver,
    EarlierWords,
    LinkBack,
    LinkReplaced,
    PlaceMoved,
    QueuedOut,
    lose_link,
)
from eyeclaw_trio.core.written_text import FailedWords
from eyeclaw_trio.errors import BotOffline
from eyeclaw_trio.protocol.bot import (
    Status,
    StreamChunk,
    StreamFollowUp,
    StreamMessage,
    StreamStatus,
    StreamSummary,
    StreamToolCall,
)
from eyeclaw_trio.protocol.to_bot import Cancel, ExecuteCommand, RunningTurns
from eyeclaw_trio.relay.inbox import Inbox
from eyeclaw_trio.relay.link import Link
from eyeclaw_trio.relay.told_turns import ToldTurns
from eyeclaw_trio.relay.turns import OpenTurn, OpenTurns


class Station:
    """One bot in this process: a `relay.seam.LinkSide` and a `relay.seam.TurnSide`.

    `turns` are those of all bots; `now` is the monotonic clock.
    """

    __slots__ = (  # one for each bot
        "_all_turns",
        "_failed",
        "_heard_at",
        "_limits",
        "_now",
        "_patience",
        "_told_due",
        "_turns",
        "bot_id",
        "foreign_messages",
        "late_messages",
        "links_ever",
        "offline_reason",
        "places",
    )

    def __init__(
        self,
        bot_id: int,
        turns: OpenTurns,
        patience: Patience,
        limits: Limits,
        now: Callable[[], float],
    ) -> None:
        self.bot_id = bot_id
        self.late_messages = 0
        self.foreign_messages = 0
        self.links_ever = 0
        self.places: Places[Link] = Places(
            patience.idle_timeout, patience.resume_grace, limits.queued_turns
        )
        """Whose turn it is, for those who look."""
        self.offline_reason = ""
        """What keeps the bot away, in a word of ours, where somebody knows."""
        self._all_turns = turns
        self._patience = patience
        self._limits = limits
        self._now = now
        self._heard_at: dict[Link, float] = {}
        self._turns = ToldTurns(now)
        self._failed = FailedWords()
        self._told_due = math.inf

    # ---- what is so -----------------------------------------------------------------------------

    @property
    def is_online(self) -> bool:
        """Whether a link lives whose last heartbeat is younger than `presence_timeout`."""
        youngest = self._now() - self._patience.presence_timeout
        return any(at > youngest and link.is_alive for link, at in self._heard_at.items())

    @property
    def links(self) -> int:
        """How many links live now."""
        return self.places.links

    @property
    def open_turns(self) -> int:
        """How many turns are open, the waiting ones too."""
        return len(self._turns)

    @property
    def is_quiet(self) -> bool:
        """Whether no turn, of any bot, has anything to read just now."""
        return not self._all_turns.unread.inboxes

    # ---- for links ------------------------------------------------------------------------------

    @contextmanager
    def attached(self, link: Link) -> Iterator[None]:
        """The link takes this bot's commands while inside, as between `attach` and `detach`."""
        self.attach(link)
        try:
            yield
        finally:
            self.detach(link)

    def attach(self, link: Link) -> None:
        """The link takes this bot's commands from now on."""
        now = self._now()
        had_links = bool(self.places.links)
        left = self.places.attach(link, now)
        self._heard_at[link] = now
        self.links_ever += 1
        if not had_links:
            self._turns.tell_all(self._turns, LinkBack())
        for place in left:
            link.send(_cancel(place.session_id))
        # A bot that has come back may be a new process, which knows nothing of the turns that were
        # spoken of, and says so when it is told of them (RELIABILITY 39).
        spoken = [turn.session_id for turn in self._turns if turn.command is None]
        if spoken and not had_links and link.can_resume:
            link.send(RunningTurns(tuple(spoken)))
        self.assign_places()

    def detach(self, link: Link) -> None:
        """The link has gone: tell the open turns."""
        del self._heard_at[link]
        silenced = self.places.detach(link)
        if self.places.links:
            self._turns.tell_all(
                [self._turns[each.session_id] for each in silenced], LinkReplaced()
            )
            self.assign_places()
        else:
            lost = lose_link(len(self._turns))
            self._turns.tell_each(zip(self._turns, lost, strict=True))

    def heard(self, link: Link, at: float) -> None:
        """Any message of a bot is a heartbeat of its link (`relay.seam.LinkSide`)."""
        if link in self._heard_at:
            self._heard_at[link] = at

    def deliver(
        self, link: Link, message: StreamMessage | Status, received_at: float | None = None
    ) -> None:
        """Hand a bot's message, received at that moment (monotonic seconds) or now, to the turn
        that it names (`relay.seam.LinkSide`)."""
        session_id = message.session_id
        if session_id is None:
            return
        at = self._now() if received_at is None else received_at
        turn = self._turns.by_id.get(session_id)
        if turn is None:
            place = self._take_late(link, message, session_id, at)
            if place is None:
                return
        else:
            if self._turns.untold:  # seldom
                self._turns.tell_rest(turn)
            place = turn.place
            turn.command = None
            if message.__class__ is StreamSummary:
                self._take_summary(turn, message, at)
            turn.inbox.send_nowait(message, at)
        place.hear(link, at)
        if message.__class__ is StreamChunk or message.__class__ in _GOES_ON:
            return
        if self.places.end(place):
            self._fill_freed()

    # ---- for turns ------------------------------------------------------------------------------

    def open(
        self, command: ExecuteCommand, *, overflow: trio.CancelScope, owner: Hashable = None
    ) -> OpenTurn:
        """A turn, open until it is left as a block (`relay.seam.TurnSide`)."""
        if not self.is_online:
            raise BotOffline(code=self.offline_reason)
        now = self._now()
        if self.places.waiting:
            self._grant(now)  # what silence has freed belongs to those who wait already
        queued_out = self.places.make_room(owner)
        if queued_out is not None:
            queued = self._turns[queued_out.session_id]
            self._turns.tell(queued, QueuedOut(queued_out.held_by))
        place = self.places.ask(command.session_id, command.metadata.trace_id, now, owner)
        quota = Quota(self._limits.answer_buffer, self._all_turns.waiting, owner)
        inbox = Inbox(quota, overflow, self._all_turns.unread)
        turn = OpenTurn(command, place, inbox, overflow, self)
        self._turns.add(turn)
        self._all_turns.add(turn)
        self._grant(now)
        return turn

    def end_turn(self, turn: OpenTurn) -> None:
        """Listen for it no longer, and tell its bot (for blocks)."""
        session_id = turn.session_id
        self._turns.remove(turn)
        self._all_turns.remove(turn)
        self._remember(turn)
        link = self.places.leave(turn.place, self._now())
        if link is not None:
            link.send(_cancel(session_id))
        # What came behind the last word is late as well, and no bot may wait in vain.
        unread = turn.inbox.close()
        self.late_messages += len(unread)
        self.acknowledge(turn, unread)
        self._fill_freed()

    def send_command(self, turn: OpenTurn) -> None:
        """The place was granted: send the command on the newest link (for turns)."""
        link = self.places.begin(turn.place, self._now())
        if link is not None and turn.command is not None:
            link.send(turn.command)

    def acknowledge(self, turn: OpenTurn, sequences: Sequence[int]) -> None:
        """Pass acknowledgements on: to the link the turn was last heard on, else the newest."""
        if not sequences:
            return
        link = turn.place.link
        if link is None or not link.is_alive:
            link = self.places.newest
        if link is not None:
            link.acknowledge(turn.session_id, sequences)

    def next_place_due(self) -> float:
        """When a place may become free by silence alone (monotonic seconds, inf for never)."""
        return self.places.free_at()

    def assign_places(self) -> None:
        """A link or a turn has come, gone or ended, or silence may have freed a place: see who
        may go on, and which link must go."""
        now = self._now()
        self._grant(now)
        self._turns.tell_granted(self.places.grant_again(now))
        for link in self.places.retiring():
            link.replace()
        # Only sooner: who looks too early asks again.
        told, self._told_due = self._told_due, self.places.free_at()
        if self._told_due < told and self.places.waiting:
            self._turns.tell_all([turn for turn in self._turns if turn.is_waiting], PlaceMoved())

    # ---- for the switchboard --------------------------------------------------------------------

    def end_turns(self) -> None:
        """The drain is over: tell every open turn."""
        self._turns.tell_all(self._turns, DrainOver())

    # ---- inside ---------------------------------------------------------------------------------

    def _take_late(
        self, link: Link, message: StreamMessage | Status, session_id: str, at: float
    ) -> Place[Link] | None:
        """A word of a turn that is not open here: returns the place it may still have."""
        other = self._all_turns.find(session_id)
        if other is not None:
            self.foreign_messages += 1
            other.note_foreign_word(at)
            return None
        self.late_messages += 1
        if isinstance(message, StreamChunk) and message.sequence is not None:
            link.acknowledge(session_id, [message.sequence])
        elif isinstance(message, StreamSummary):
            self._failed.clear()
        return self.places.find_left(session_id)

    def _take_summary(self, turn: OpenTurn, message: StreamSummary, at: float) -> None:
        """Tell the turn what of its summary is old, and remember that the bot begins anew."""
        repeated = self._failed.count_in(message.total_content)
        if repeated:
            turn.inbox.send_nowait(EarlierWords(repeated), at)
        turn.was_summed_up = True

    def _remember(self, turn: OpenTurn) -> None:
        if turn.was_summed_up:
            self._failed.clear()
        elif turn.unfinished is not None:
            self._failed.note(turn.unfinished)

    def _fill_freed(self) -> None:
        """A place may be free. Where nobody waits and no link may have to go, that is all: to look
        through a thousand places at each of a thousand ends would be long."""
        if self.places.waiting or self.places.links > 1:
            self.assign_places()
        else:
            self._told_due = math.inf

    def _grant(self, now: float) -> None:
        self._turns.tell_granted(self.places.grant(now))


# A turn goes on behind these, as behind its chunks.
_GOES_ON: Final = (Status, StreamToolCall, StreamFollowUp, StreamStatus)


def _cancel(session_id: str) -> Cancel:
    return Cancel(session_id, "the turn is over")
