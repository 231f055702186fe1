"""RokidStreamChannel on `/cable`: an edge worker follows a triggered turn (PROTOCOL 3).

The worker triggers first and subscribes second: a subscription replays the turn's log from its
first entry and then follows it, at the pace at which the worker reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.directory import AccessKey, Directory
from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.errors import BadMessage, ReaderGone, RequestRefused, TryLater
from eyeclaw_trio.protocol.bot import Ping, decode_from_bot
from eyeclaw_trio.protocol.cable import (
    WELCOME,
    ChannelData,
    ChannelFraming,
    DisconnectReason,
    Subscribe,
    UnknownFrame,
    Unsubscribe,
    decode_from_client,
    decode_stream_identifier,
    encode_confirmation,
    encode_rejection,
)
from eyeclaw_trio.protocol.worker import describe_connected, describe_for_channel, describe_pong
from eyeclaw_trio.relay.turn_log import TriggeredTurn, TurnLogs
from eyeclaw_trio.server.cable_socket import say_disconnect
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.streams import ReplayedStream
from eyeclaw_trio.wire.websocket import ServerSocket

log = structlog.get_logger(__name__)

# Who comes without any credentials has so long to subscribe with some (seconds; PROTOCOL 3).
SUBSCRIBES_WITHIN: Final = 10.0
# Turns that one connection follows at once; a worker in the field follows one. Each is a task, and
# thousands that end in one instant are a third of a second.
SUBSCRIPTIONS: Final = 16
# Turns that are followed over all connections together, each by a task; all access keys share it.
FOLLOWED: Final = 8_192
# What one of them costs in memory (bytes, as measured).
FOLLOWED_SIZE: Final = 6_144


@frozen
class Worker:
    """A worker that is let in: with the access key in its query, or None and none at all."""

    request: Request
    key: AccessKey | None


@frozen
class StreamChannel:
    """What the connections of all workers have in common."""

    gate: Gate
    turns: TurnLogs
    workers: LiveSet[WorkerLink]
    on_key_used: Callable[[int], None]
    peers: PeerLog = field(factory=PeerLog)
    followed: Shares = field(factory=lambda: Shares(FOLLOWED))

    def recognise(self, request: Request) -> Worker | None:
        """The worker that sends this upgrade; None for a bot, and for bad credentials."""
        if "sdk_token" in request.query:
            return None
        if "access_key" in request.query:
            key = self.gate.directory().find_key(request.query["access_key"])
            return Worker(request, key) if key is not None else None
        return None if "authorization" in request.headers else Worker(request, None)

    async def serve(self, worker: Worker, socket: ServerSocket, stream: ReplayedStream) -> None:
        """Serve this worker's connection until it ends. Cancellation ends it, and the turns that
        only it follows."""
        async with trio.open_nursery() as nursery:
            link = WorkerLink(self, worker, socket, nursery)
            with self.workers.one_more(link):
                await socket.run(link, stream)
            nursery.cancel_scope.cancel()


@define(eq=False)
class _Subscription:
    """A turn that is followed on this connection, under this identifier."""

    identifier: str
    turn: TriggeredTurn
    place: Portion
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    is_over: bool = False


class WorkerLink:
    """One connection of a worker, with any number of subscriptions; a listener of its socket.

    Each subscription is followed by a task of `nursery`. One batch of all of them together waits
    in the outbox at a time: a worker that reads slowly holds up itself, and nothing is lost.
    """

    def __init__(
        self, channel: StreamChannel, worker: Worker, socket: ServerSocket, nursery: trio.Nursery
    ) -> None:
        self._channel = channel
        self._worker = worker
        self._socket = socket
        self._nursery = nursery
        self._subscriptions: dict[str, _Subscription] = {}
        self._has_subscribed = self._is_known = worker.key is not None
        self._speaking = trio.StrictFIFOLock()

    # ---- as the gateway sees it -----------------------------------------------------------------

    def disconnect_for_restart(self) -> None:
        """The gateway stops."""
        say_disconnect(self._socket, "server_restart", reconnect=True)

    def enforce(self, directory: Directory) -> bool:
        """End what hangs on a key that is gone (RELIABILITY 30); whether anything did."""
        active = directory.active_keys
        came_with = self._worker.key
        gone = [each for each in self._subscriptions.values() if each.turn.key_id not in active]
        for subscription in gone:
            self._drop(subscription)
            self._socket.enqueue([encode_rejection(subscription.identifier)])
        if (came_with is not None and came_with.id not in active) or (
            gone and not self._subscriptions
        ):
            say_disconnect(self._socket, "unauthorized", reconnect=False)
            return True
        return bool(gone)

    # ---- as the socket sees it ------------------------------------------------------------------

    def on_open(self) -> None:
        """Welcome the worker."""
        self._socket.enqueue([WELCOME])
        if not self._has_subscribed:
            self._nursery.start_soon(self._expect_subscription)

    def on_frame(self, text: bytes | str) -> None:
        """Take one frame. Raises BadMessage for a malformed one."""
        frame = decode_from_client(text)
        if not self._is_known and not isinstance(frame, Subscribe):
            raise BadMessage({"command": "must be subscribe, before a key was shown"})
        match frame:
            case Subscribe(identifier):
                self._subscribe(identifier)
            case Unsubscribe(identifier):
                if identifier in self._subscriptions:
                    self._drop(self._subscriptions[identifier])
            case ChannelData(identifier, data):
                if decode_from_bot(data) == Ping() and identifier in self._subscriptions:
                    pong = ChannelFraming.of(identifier).message(describe_pong(time.time()))
                    self._socket.enqueue([pong])
            case UnknownFrame(name):
                log.debug("cable.unknown_frame", name=name[:40])

    def on_malformed(self, bad: BadMessage) -> None:
        """Only the log is told: a worker would not know what to do."""
        peer = self._worker.request.peer
        self._channel.peers.info(peer, "worker.malformed", faults=bad.faults)

    def on_end(self) -> None:
        """The socket is gone; its subscriptions end with their nursery."""

    # ---- subscriptions --------------------------------------------------------------------------

    def _subscribe(self, identifier: str) -> None:
        if identifier in self._subscriptions:
            return  # a client repeats itself until it is confirmed; a second one would harm it
        try:
            turn = self._find_turn(identifier)
        except BadMessage as bad:
            self._reject(identifier, str(bad))
            raise
        except RequestRefused as refused:  # too many wrong keys, or too much of a good one
            self._reject(identifier, refused.error)
            is_later = isinstance(refused, TryLater)
            reason: DisconnectReason = "invalid_request" if is_later else "unauthorized"
            say_disconnect(self._socket, reason, reconnect=is_later)
            return
        if turn is None:
            self._reject(identifier, "no such turn for this key, or no such key")
            return
        place = self._channel.followed.portion(turn.key_id)
        if not self._has_place() or not place.take(1):
            self._reject(identifier, "too many turns are followed already")
            return
        if not self._worker.request.newcomer.hold(FOLLOWED_SIZE):
            place.release()
            self._reject(identifier, "too much is kept for this key")
            return
        self._has_subscribed = True
        subscription = self._subscriptions[identifier] = _Subscription(identifier, turn, place)
        connected = describe_connected(turn.bot_id, turn.session_id, time.time())
        self._socket.enqueue(
            [encode_confirmation(identifier), ChannelFraming.of(identifier).message(connected)]
        )
        self._nursery.start_soon(self._follow, subscription)

    def _reject(self, identifier: str, reason: str) -> None:
        self._socket.enqueue([encode_rejection(identifier)])
        peer = self._worker.request.peer
        self._channel.peers.info(peer, "worker.subscription_rejected", reason=reason)

    def _find_turn(self, identifier: str) -> TriggeredTurn | None:
        """The turn that may be read with this identifier; None for all that may not, alike.

        Raises BadMessage, and RequestRefused where a wrong key is one too many for the gate, or a
        good one has too many connections.
        """
        wanted = decode_stream_identifier(identifier)
        directory = self._channel.gate.directory()
        key = self._worker.key
        if wanted.access_key is not None:
            key = directory.find_key(wanted.access_key)
            if key is None:
                self._channel.gate.note_failure(self._worker.request)
        if key is None:
            return None
        if not self._worker.request.newcomer.vouch(key.id):
            raise TryLater("Too many connections with this key")
        self._socket.trust()
        self._is_known = True
        self._channel.on_key_used(key.id)
        turns = self._channel.turns
        return turns.find(wanted.session_id, key_id=key.id, bot_id=wanted.bot_id)

    def _has_place(self) -> bool:
        """Whether one more turn can be followed; those that are over make room."""
        if len(self._subscriptions) >= SUBSCRIPTIONS:
            for each in [each for each in self._subscriptions.values() if each.is_over]:
                self._drop(each)
        return len(self._subscriptions) < SUBSCRIPTIONS

    def _drop(self, subscription: _Subscription) -> None:
        # By now the identifier may stand for a later subscription.
        if self._subscriptions.get(subscription.identifier) is subscription:
            del self._subscriptions[subscription.identifier]
            self._worker.request.newcomer.let_go(FOLLOWED_SIZE)
        subscription.scope.cancel()

    async def _expect_subscription(self) -> None:
        await trio.sleep(SUBSCRIBES_WITHIN)
        if not self._has_subscribed:
            self._channel.peers.info(self._worker.request.peer, "worker.never_subscribed")
            say_disconnect(self._socket, "unauthorized", reconnect=False)

    async def _follow(self, subscription: _Subscription) -> None:
        try:
            await self._say_log(subscription)
        finally:
            subscription.place.release()

    async def _say_log(self, subscription: _Subscription) -> None:
        """Say the whole log, and what comes into it, to the end of the turn."""
        turn, turn_log = subscription.turn, subscription.turn.log
        framing = ChannelFraming.of(subscription.identifier)
        last_id, has_said_all = 0, False
        # Where the socket ends, it is for its nursery to end this.
        with suppress(ReaderGone), subscription.scope, turn_log.reading() as reading:
            while not has_said_all and not turn_log.is_forgotten:
                await turn_log.wait_after(last_id)
                async with self._speaking:
                    entries = turn_log.after(last_id)
                    messages = [
                        framing.message(describe_for_channel(entry, turn.session_id))
                        for entry in entries
                    ]
                    self._socket.enqueue(messages)
                    last_id += len(entries)
                    # Looked at before the wait: by its end the log may be forgotten.
                    has_said_all = bool(entries) and turn_log.has_been_told(last_id)
                    await self._socket.drain()
            if has_said_all:
                reading.has_read_all = subscription.is_over = True
            else:
                # Forgotten before this worker had read it: told as for any turn that is gone.
                self._socket.enqueue([encode_rejection(subscription.identifier)])
                self._drop(subscription)
