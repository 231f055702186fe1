"""What is said to glasses outside an answer, whoever wants it said (PROTOCOL 7)."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.shares import Portion, Shares
from eyeclaw_trio.core.spoken import clean
from eyeclaw_trio.core.throttle import Throttle
from eyeclaw_trio.core.trace import PUSH_SOURCE, Happening, Outcome, Trace
from eyeclaw_trio.errors import BadMessage, PushFailed, RequestRefused, StoreError, TryLater
from eyeclaw_trio.protocol.bot import PushAsked
from eyeclaw_trio.protocol.push import PushMessage, PushRequest, build_push_request, shorten_push
from eyeclaw_trio.server.gate import shutting_down
from eyeclaw_trio.server.reception import Reception
from eyeclaw_trio.server.traced_turn import TracedTurn

log = structlog.get_logger(__name__)

# Pushes that one key or bot may ask for in a minute (PROTOCOL 7).
A_MINUTE: Final = 30
# Pushes under way at once, of all keys and bots together: each takes a connection for up to 36 s.
AT_ONCE: Final = 128

_NO_KEY: Final = "No account key is configured"
_STRANGER: Final = "This is no wearer of a bot that you may speak for"


class PushPlatform(Protocol):
    """What brings pushes to the glasses; as `push.platform.Platform`, cancellation too."""

    async def send(
        self,
        message: PushMessage,
        note: Callable[[PushFailed | None], None],
        may_go_on: Callable[[], bool] = ...,
    ) -> None: ...

    async def aclose(self) -> None: ...


class Addressee(Protocol):
    """A wearer, and what he asked last."""

    @property
    def user_id(self) -> str: ...

    @property
    def bot_id(self) -> int: ...

    @property
    def agent_id(self) -> str: ...


class WearerBook(Protocol):
    """Who has asked which bot. All of it may wait, raises StoreError, and may be cancelled."""

    async def find_last_question(self, user_id: str, bot_id: int | None) -> Addressee | None:
        """What this wearer asked last of this bot, or of any. Cancellation changes nothing."""
        ...

    async def list_askers(self, bot_id: int | None, most: int) -> Sequence[str]:
        """Who has asked this bot, or any; at most so many. Cancellation changes nothing."""
        ...


@frozen
class PushSource:
    """Who wants something said: an access key or a bot, and the bot whose wearers it may speak to;
    None: those of all bots."""

    name: str
    bot_id: int | None
    key_id: int | None = None


@frozen
class _Recipient:
    user_id: str
    bot_id: int
    agent_id: str


@define(eq=False)
class Pushes:
    """Sends pushes, each with a trace of its own. They live in `run`.

    `platform` is None where the owner has no account key: then every push is refused.
    """

    platform: PushPlatform | None
    reception: Reception
    wearers: WearerBook
    _throttle: Throttle = field(factory=lambda: Throttle(A_MINUTE), init=False)
    _under_way: Shares = field(factory=lambda: Shares(AT_ONCE), init=False)
    _nursery: trio.Nursery | None = field(default=None, init=False)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the pushes under way, until cancelled: they are then cut off, and their traces say
        so."""
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                await trio.sleep_forever()
        finally:
            if self.platform is not None:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                    await self.platform.aclose()

    async def submit(self, request: PushRequest, source: PushSource) -> str:
        """Have this said; returns the id of its trace. Whether it worked is said there.

        Raises RequestRefused: 400 where no wearer was named and there is not exactly one, 401 where
        its key or bot has gone meanwhile, 403 for a wearer of another bot, 409 without an account
        key, 429 beyond A_MINUTE, and 503 where too much is under way or the database is busy.
        Cancelled, nothing is said.
        """
        self._check(source)
        return await self._submit(request, source)

    def submit_for_bot(self, asked: PushAsked, bot_id: int) -> None:
        """A linked bot wants this said to a wearer of its own. Never waits: what is refused is in
        the log."""
        source = PushSource(f"bot {bot_id}", bot_id)
        try:
            self._check(source)
            request = build_push_request({"text": asked.content, "user_id": asked.user_id})
        except RequestRefused as refused:
            self._note_refused(refused, source)
        except BadMessage as bad:
            self._note_refused(RequestRefused(400, str(bad)), source)
        else:
            if self._nursery is not None:
                self._nursery.start_soon(self._submit_for_bot, request, source)

    # ---- inside ---------------------------------------------------------------------------------

    def _check(self, source: PushSource) -> None:
        if self.platform is None:
            raise RequestRefused(409, _NO_KEY, "set [push] account_key in the gateway's settings")
        wait = self._throttle.note_failure(source.name, trio.current_time())
        if wait > 0:
            raise RequestRefused(
                429, "Too many pushes", headers=[("Retry-After", str(math.ceil(wait)))]
            )

    async def _submit_for_bot(self, request: PushRequest, source: PushSource) -> None:
        try:
            await self._submit(request, source)
        except RequestRefused as refused:
            self._note_refused(refused, source)

    def _note_refused(self, refused: RequestRefused, source: PushSource) -> None:
        peers = self.reception.gate.peers
        peers.info(source.name, "push.refused", status=refused.status, error=refused.error)

    async def _submit(self, request: PushRequest, source: PushSource) -> str:
        try:
            recipient = await self._find_recipient(request.user_id, source)
        except StoreError:
            raise TryLater("The database is busy") from None
        if self.reception.is_draining() or self._nursery is None:
            raise shutting_down()
        if not self._is_good(source):  # much can happen while the database is asked
            raise RequestRefused(401, "Invalid access key")
        room = self._under_way.portion(source.name)
        if not room.take(1):
            raise TryLater("Too many pushes at once")
        turn = self._begin(recipient, source)
        message = PushMessage(
            turn.trace.message_id,
            recipient.user_id,
            recipient.agent_id,
            shorten_push(clean(request.content)),
        )
        self._nursery.start_soon(self._live, message, source, turn, room)
        return turn.trace.trace_id

    async def _find_recipient(self, user_id: str | None, source: PushSource) -> _Recipient:
        bound = {
            bot.rokid_user_id: bot.id
            for bot in self.reception.gate.directory().bots.values()
            if bot.rokid_user_id and source.bot_id in (None, bot.id)
        }
        if user_id is None:
            known = {*bound, *await self.wearers.list_askers(source.bot_id, 2)}
            if len(known) != 1:
                count = "no wearer" if not known else "more than one wearer"
                raise RequestRefused(
                    400, "Invalid request", {"user_id": f"is missing: there is {count}"}
                )
            [user_id] = known
        last = await self.wearers.find_last_question(user_id, source.bot_id)
        if last is not None:
            return _Recipient(last.user_id, last.bot_id, last.agent_id)
        if user_id not in bound:
            raise RequestRefused(403, _STRANGER)
        # He is bound, and what he asked before is not kept any more, or was asked of another.
        any_last = await self.wearers.find_last_question(user_id, None)
        bot_id = bound[user_id]
        return _Recipient(user_id, bot_id, any_last.agent_id if any_last else str(bot_id))

    def _begin(self, recipient: _Recipient, source: PushSource) -> TracedTurn:
        turn = self.reception.begin(
            PUSH_SOURCE,
            trio.current_time(),
            message_id=f"push_{secrets.token_hex(12)}",
            agent_id=recipient.agent_id,
            user_id=recipient.user_id,
            asked_by=source.key_id,
        )
        trace = turn.trace
        trace.bot_id = recipient.bot_id
        self.reception.on_turn_begun(trace)
        # The drain waits for it as for an answer.
        turn.begin(self.reception.answers.one_more(trace))
        return turn

    def _is_good(self, source: PushSource) -> bool:
        """Whether its key, or the bot, is still there (RELIABILITY 30)."""
        directory = self.reception.gate.directory()
        if source.key_id is not None:
            return source.key_id in directory.active_keys
        return source.bot_id in directory.bots

    async def _live(
        self, message: PushMessage, source: PushSource, turn: TracedTurn, room: Portion
    ) -> None:
        with turn:
            try:
                await self._deliver(message, source, turn.trace)
            except PushFailed as failed:
                turn.trace.end(Outcome.REJECTED, reason=failed.code)
            else:
                turn.trace.end(Outcome.ANSWERED)
            finally:
                room.release()

    async def _deliver(self, message: PushMessage, source: PushSource, trace: Trace) -> None:
        if self.platform is None:
            raise RuntimeError("a push without an account key")
        began = trio.current_time()
        trace.note_chunk(began, None, message.content)
        trace.chunks_received = 1
        await deliver(self.platform, message, trace, lambda: self._is_good(source))
        trace.note_written(trio.current_time(), began, [message.content])


async def deliver(
    platform: PushPlatform,
    message: PushMessage,
    trace: Trace,
    may_go_on: Callable[[], bool],
) -> None:
    """Have the platform say this, and note each attempt in the trace; behind one that has failed
    there is another only where it `may_go_on`.

    Raises PushFailed. Cancelled, the trace says no more than what was tried.
    """
    attempts = 0

    def note(failed: PushFailed | None) -> None:
        nonlocal attempts
        attempts += 1
        result = failed.code if failed is not None else "taken"
        detail = failed.detail if failed is not None else None
        now = trio.current_time()
        trace.note(Happening.PUSH_ATTEMPTED, now, attempt=attempts, result=result, detail=detail)
        if failed is not None:
            log.warning("push.failed", trace_id=trace.trace_id, attempt=attempts, why=str(failed))

    await platform.send(message, note, may_go_on)
