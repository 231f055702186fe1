"""The edge worker's API over HTTP: trigger a turn, poll its log (PROTOCOL 3).

A worker triggers first and reads second, so a triggered turn is relayed into a log. The log is
read here by polling, and in `stream_channel` by a subscription on `/cable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
import trio
from attrs import frozen

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.trace import Outcome, Trace
from eyeclaw_trio.errors import (
    BadMessage,
    BotOffline,
    HungUp,
    KeyRevoked,
    NotBound,
    RequestRefused,
    TryLater,
    WearerRefused,
)
from eyeclaw_trio.protocol.cable import read_bot_id
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.worker import LogEntry, describe_for_poll, describe_triggered
from eyeclaw_trio.relay.turn import HangUp
from eyeclaw_trio.relay.turn_log import TriggeredTurn, TurnLog, TurnLogs
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.reception import Asked, Reception
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import POLL
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.response_writer import Headers

log = structlog.get_logger(__name__)

TRIGGER_PATH: Final = "/api/rokid/trigger"
POLL_PATH: Final = "/api/rokid/poll"
# A poll with nothing new waits so long (seconds; PROTOCOL 3).
POLL_WAITS: Final = 25.0
_JSON: Final[Headers] = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


class TriggerDoor:
    """Takes questions whose answers are fetched later. Their turns live in `run`."""

    def __init__(self, reception: Reception, turns: TurnLogs) -> None:
        self._reception = reception
        self._turns = turns
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the triggered turns and forget them in time, until cancelled. Before it has
        started there can be no trigger."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await self._turns.sweep()

    async def answer(self, request: Request, connection: HttpConnection) -> None:
        """Handle one POST: check it, start its turn, say which it is.

        Raises RequestRefused as the door for glasses does, besides 503 where the bot is offline
        or too many turns are kept; and ReaderGone, which leaves the turn to run, as
        cancellation does once it has begun.
        """
        asked = await self._reception.receive(request, connection)
        if self._nursery is None:
            raise TryLater("Starting", seconds=1)
        # What refuses the turn is raised here, what goes wrong later stays with the turn.
        turn: TriggeredTurn = await self._nursery.start(self._live, asked)
        await connection.writer.respond_json(200, describe_triggered(turn.bot_id, turn.session_id))

    async def _live(self, asked: Asked, *, task_status: trio.TaskStatus[TriggeredTurn]) -> None:
        """One turn, from its checks to its trace. A bug in it is logged and ends it only."""
        with self._reception.traced(asked, "trigger") as traced:
            trace = traced.trace
            wording = self._reception.wording_for(asked, trace)
            bot = self._choose_bot(asked, trace, wording)
            turn_log = self._turns.make_log(wording, asked.key.id)
            turn = TriggeredTurn(trace.session_id, asked.key.id, bot.id, turn_log)
            with self._turns.running(turn):
                task_status.started(turn)
                try:
                    await self._reception.relay(asked.question, bot, turn_log, traced)
                except* Exception:
                    log.exception("turn.bug", session_id=turn.session_id, bot_id=turn.bot_id)

    def _choose_bot(self, asked: Asked, trace: Trace, wording: Wording) -> Bot:
        try:
            self._reception.gate.check_still_open(asked.key.id)  # it has become a task since then
            bot = self._reception.choose_bot(asked, trace)
            switchboard = self._reception.switchboard
            if not switchboard.is_online(bot.id):
                trace.end(Outcome.OFFLINE, reason=switchboard.station(bot.id).offline_reason)
                raise BotOffline
        except BotOffline as offline:
            raise RequestRefused(503, "Bot offline", wording.apology(offline)) from None
        except KeyRevoked as revoked:
            trace.end_with(revoked)
            raise RequestRefused(401, "Invalid access key") from None
        except (WearerRefused, NotBound) as refused:
            trace.end_with(refused)
            raise RequestRefused(403, "Not allowed", wording.apology(refused)) from None
        if not self._turns.has_room(asked.key.id):
            trace.end(Outcome.REJECTED, reason="too_many_turns")
            self._reception.gate.peers.warning(
                asked.peer, "trigger.no_room", key_id=asked.key.id, turns=len(self._turns)
            )
            raise TryLater("Too many triggered turns")
        return bot


@frozen
class _Place:
    """Where a poller is: in which turn, and behind which entry."""

    bot_id: int
    session_id: str
    last_id: int


@frozen
class PollDoor:
    """Shows the logs of triggered turns to the keys that triggered them."""

    gate: Gate
    turns: TurnLogs
    on_key_used: Callable[[int], None]

    async def answer(self, request: Request, connection: HttpConnection) -> None:
        """Handle one GET: all entries behind the one that the poller names, waiting for some if
        there is none yet.

        Raises RequestRefused: 400, 401, 429, and 404 for every turn that is not to be read here;
        and ReaderGone. Cancellation ends the poll and leaves the log as it is.
        """
        if request.method != "GET":  # a HEAD would have to wait like a GET, for nothing
            raise RequestRefused(405, "Method not allowed", headers=[("Allow", "GET")])
        key = self.gate.require_key(request)
        self.on_key_used(key.id)
        place = _read_place(request)
        turn = self.turns.find(place.session_id, key_id=key.id, bot_id=place.bot_id)
        if turn is None:
            raise RequestRefused(404, "Turn not found")
        with turn.log.reading(comes_back=True) as reading:
            if turn.log.last_id <= place.last_id and turn.log.ended_at is None:
                if not connection.newcomer.hold(POLL):
                    raise self.gate.refuse_one_more(request, key)
                await _wait_for_news(turn.log, place.last_id, connection)
                connection.newcomer.let_go(POLL)
                self.gate.require_key(request)  # the key may have been revoked meanwhile
            last_id = await _write_rest(turn.log, place.last_id, connection)
            reading.has_read_all = turn.log.has_been_told(last_id)


async def _wait_for_news(turn_log: TurnLog, last_id: int, connection: HttpConnection) -> None:
    """Wait for an entry behind this one, at most POLL_WAITS. Raises HungUp."""
    async with trio.open_nursery() as nursery:
        hang_up = HangUp(nursery.cancel_scope)
        with connection.reader.monitor_hangup(nursery, hang_up):
            with trio.move_on_after(POLL_WAITS):
                await turn_log.wait_after(last_id)
                # All that one key has here may have waited for the same word.
                await connection.newcomer.admission()
        nursery.cancel_scope.cancel()
    if hang_up.has_come:
        raise HungUp


async def _write_rest(turn_log: TurnLog, last_id: int, connection: HttpConnection) -> int:
    """Write what is behind this entry as one JSON array; returns the last that was written.

    A long one is written piece by piece, so that a slow poller costs a piece of memory and not a
    copy of the log. Raises ReaderGone.
    """
    until = turn_log.last_id
    entries = turn_log.after(last_id)
    if not entries or entries[-1].id >= until:
        await connection.writer.respond(200, b"[" + _join(entries) + b"]", _JSON)
    else:
        await connection.writer.start_stream(_JSON, b"[" + _join(entries))
        while entries[-1].id < until:
            entries = turn_log.after(entries[-1].id)
            if not entries:
                raise HungUp  # forgotten while this poller was too slow: half an array says so
            await connection.writer.write(b"," + _join(entries))
        await connection.writer.end_stream(b"]")
    return entries[-1].id if entries else last_id


def _join(entries: Sequence[LogEntry]) -> bytes:
    return b",".join([encode(describe_for_poll(entry)) for entry in entries])


def _read_place(request: Request) -> _Place:
    """Raises RequestRefused (400) that names every field that is missing or wrong."""
    faults: dict[str, str] = {}
    bot_id = 0
    try:
        bot_id = read_bot_id(_required(request.query, "bot_id"))
    except BadMessage as bad:
        faults |= bad.faults
    session_id = request.query.get("session_id", "")
    if not session_id:
        faults["session_id"] = "is missing"
    last_id = request.headers.get("last-event-id", "").strip() or "0"
    if not (last_id.isascii() and last_id.isdigit() and len(last_id) < 19):
        faults["Last-Event-ID"] = "must be the id of an entry"
    if faults:
        raise RequestRefused(400, "Invalid request", faults)
    return _Place(bot_id, session_id, int(last_id))


def _required(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise BadMessage({name: "is missing"})
    return value
