"""Everything that takes of a budget, at random and together: inboxes, outboxes and early chunks of
several owners, with writes that are cut off. What is counted is what is there, and in the end
nothing is."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Final, cast

import trio
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from eyeclaw_trio.core.quota import Quota
from eyeclaw_trio.core.reassembly import Reassembly
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.protocol.bot import StreamChunk, StreamSummary
from eyeclaw_trio.relay.inbox import Inbox, Unread
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.outbox import Outbox

ROOM: Final = 200_000
LIMIT: Final = 60_000
owners = st.sampled_from(["ann", "bob", "eve"])
sizes = st.sampled_from([0, 1, 1_000, 16_000, 17_000, 40_000, 70_000])


def text_of(number: int) -> str:
    """The chunk of this number: of very different lengths, and in their order as texts."""
    return f"{number} " + "x" * (number * 7 % 5 * 9_000)


class Pause:
    """One wait."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@define(eq=False)
class Peer:
    """What an outbox writes to: takes all at once, a half, or nothing because it is gone."""

    outbox: Outbox
    put: bytes = b""
    written: bytes = b""
    rest: bytes = b""
    takes: str = "all"
    writing: Coroutine[Any, Any, None] | None = None
    is_lost: bool = False

    def write_nowait(self, data: bytes) -> bool:
        if self.takes == "nothing":
            self.is_lost = True
            raise trio.BrokenResourceError
        size = len(data) if self.takes == "all" else len(data) // 2
        self.written += data[:size]
        self.rest = data[size:]
        return not self.rest

    async def send_all(self, data: bytes) -> None:
        self.rest += data
        while self.rest:
            await Pause()
            half = (len(self.rest) + 1) // 2
            self.written += self.rest[:half]
            self.rest = self.rest[half:]


@define(eq=False)
class Turn:
    """A turn's inbox, its order, and what came out of both."""

    inbox: Inbox
    order: Reassembly
    said: list[str] = field(factory=list)


class Budgets(RuleBasedStateMachine):
    """`sent` is what waits for peers, `asked` what waits for turns, `early` what is held."""

    peers = Bundle("peers")
    turns = Bundle("turns")

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.asked, self.early = Shares(ROOM), Shares(ROOM), Shares(ROOM)
        self.unread = Unread()
        self.open_peers: list[Peer] = []
        self.open_turns: list[Turn] = []

    # ---- peers ----------------------------------------------------------------------------------

    @rule(target=peers, owner=owners)
    def come(self, owner: str) -> Peer:
        peer = Peer(Outbox(LIMIT, self.sent.portion(owner)))
        peer.outbox.open()
        self.open_peers.append(peer)
        return peer

    @rule(peer=peers, size=sizes)
    def put(self, peer: Peer, size: int) -> None:
        if peer in self.open_peers:  # else its socket takes nothing any more
            text = bytes([len(peer.put) & 0xFF]) * size
            peer.put += text
            if not peer.outbox.put([text]):
                self.end(peer)

    @rule(peer=peers, takes=st.sampled_from(["all", "half", "half", "nothing"]))
    def write(self, peer: Peer, takes: str) -> None:
        peer.takes = takes
        try:
            is_written = peer.outbox.write_nowait(cast(FrameStream, peer), parting=False)
        except trio.BrokenResourceError:
            return
        if not is_written:
            peer.writing = peer.outbox.write_rest(cast(FrameStream, peer))
            self.go_on(peer)

    @rule(peer=peers)
    def go_on(self, peer: Peer) -> None:
        if peer.writing is not None:
            try:
                peer.writing.send(None)
            except StopIteration:
                peer.writing = None
                assert peer.is_lost or peer.written == peer.put

    @rule(peer=consumes(peers))
    def leave(self, peer: Peer) -> None:
        self.end(peer)

    def end(self, peer: Peer) -> None:
        if peer in self.open_peers:
            if peer.writing is not None:
                peer.writing.close()  # as a cancellation does
                peer.writing = None
            peer.outbox.end()
            self.open_peers.remove(peer)

    # ---- turns ----------------------------------------------------------------------------------

    @rule(target=turns, owner=owners)
    def ask(self, owner: str) -> Turn:
        quota = Quota(LIMIT, self.asked, owner)
        inbox = Inbox(quota, trio.CancelScope(), self.unread)
        turn = Turn(inbox, Reassembly(held_bytes=LIMIT, room=self.early.portion(owner)))
        self.open_turns.append(turn)
        return turn

    @rule(turn=turns, number=st.integers(0, 4))
    def say(self, turn: Turn, number: int) -> None:
        if turn in self.open_turns:
            turn.inbox.send_nowait(StreamChunk("t", text_of(number), number), 0.0)

    @rule(turn=turns, size=sizes)
    def sum_up(self, turn: Turn, size: int) -> None:
        if turn in self.open_turns:
            turn.inbox.send_nowait(StreamSummary("t", "x" * size, 1, None), 0.0)

    @rule(turn=turns)
    def take(self, turn: Turn) -> None:
        if turn in self.open_turns:
            for message in turn.inbox.receive_nowait():
                if isinstance(message, StreamChunk):
                    turn.said += turn.order.add(message.sequence, message.content)

    @rule(turn=consumes(turns), is_whole=st.booleans())
    def answer(self, turn: Turn, is_whole: bool) -> None:
        if turn in self.open_turns:
            if is_whole:
                self.take(turn)
                turn.said += turn.order.finish(None).texts
                assert turn.said == sorted(set(turn.said))
            turn.order.give_up()
            turn.inbox.close()
            self.open_turns.remove(turn)

    # ---- what is so at any time -----------------------------------------------------------------

    @invariant()
    def what_is_counted_is_of_somebody(self) -> None:
        for shares in (self.sent, self.asked, self.early):
            of_each = [shares.of(owner) for owner in ("ann", "bob", "eve")]
            assert min(of_each) >= 0
            assert shares.taken == sum(of_each) <= ROOM

    @invariant()
    def what_was_written_is_the_beginning_of_what_was_put_in(self) -> None:
        for peer in self.open_peers:
            assert peer.is_lost or peer.put.startswith(peer.written)

    @invariant()
    def what_was_said_is_the_beginning_of_what_there_is_to_say(self) -> None:
        for turn in self.open_turns:
            assert turn.said == [text_of(number) for number in range(len(turn.said))]

    @invariant()
    @precondition(lambda self: all(peer.put == peer.written for peer in self.open_peers))
    def what_is_written_is_counted_no_more(self) -> None:
        assert self.sent.taken == 0

    @invariant()
    @precondition(lambda self: not any(turn.order.has_gap for turn in self.open_turns))
    def without_a_gap_nothing_is_held(self) -> None:
        assert self.early.taken == 0

    @invariant()
    @precondition(lambda self: not self.open_peers)
    def without_peers_nothing_waits(self) -> None:
        assert self.sent.taken == 0

    @invariant()
    @precondition(lambda self: not self.open_turns)
    def without_turns_nothing_waits(self) -> None:
        assert (self.asked.taken, self.early.taken, self.unread.inboxes) == (0, 0, 0)

    def teardown(self) -> None:
        for peer in list(self.open_peers):
            self.end(peer)
        for turn in list(self.open_turns):
            self.answer(turn, is_whole=False)
        assert (self.sent.taken, self.asked.taken, self.early.taken) == (0, 0, 0)
        assert self.unread.inboxes == 0


test_whatever_is_taken_of_a_budget_is_given_back = Budgets.TestCase
Budgets.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
