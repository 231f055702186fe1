"""The connector: keeps one bot linked to a gateway over `/cable`, for ever (PROTOCOL 2).

`keep_connected` opens one link after another; `_Link` is the life of one of them. What outlives
it is in `linked`.
"""

from __future__ import annotations

import random as random_module
import ssl
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

import structlog
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from eyeclaw_trio.causes import leaves
from eyeclaw_trio.connector.drain import Drain
from eyeclaw_trio.connector.linked import LinkedBot
from eyeclaw_trio.connector.running import keep_warm
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.core.backoff import backoff
from eyeclaw_trio.errors import BadMessage, LinkBroken, LinkFailed, LinkRefused
from eyeclaw_trio.photos.guard import PhotoGuard
from eyeclaw_trio.protocol.bot import FromBot, Ping, encode_from_bot
from eyeclaw_trio.protocol.cable import (
    BotIdentifier,
    CablePing,
    ChannelMessage,
    Confirmation,
    Disconnect,
    Rejection,
    UnknownFrame,
    Welcome,
    decode_from_gateway,
    encode_data,
    encode_identifier,
    encode_subscribe,
)
from eyeclaw_trio.protocol.to_bot import build_to_bot
from eyeclaw_trio.providers.provider import Provider
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.connect import ClientStream, explain_refusal, open_stream, upgrade

log = structlog.get_logger(__name__)

# Seconds for the gateway to let us in once the WebSocket is open.
ANSWER_WITHIN: Final = 10.0
SUBSCRIBE_EVERY: Final = 0.5  # seconds, as ActionCable clients do until they are confirmed
LEAVE_WITHIN: Final = 1.0  # seconds for the gateway to hang up as well
PING_EVERY: Final = 60.0  # seconds, as the SDK does
# The gateway pings every 3 s: three of them missed, and the link is dead (seconds).
SILENCE: Final = 10.0
# A confirmed link that has lived so long (seconds) was a good one: the next delay is the first
# again. One that breaks sooner goes on with longer delays, so that a gateway in trouble is not
# kept there by those who come back.
SETTLED: Final = 60.0

_REFUSALS: Final = {
    "unauthorized": "The gateway does not know this bot with this token: check both, or make a "
    "new token with `eyeclaw bot token ID`.",
    "replaced": "Another connector has linked this bot and has taken over: stop one of the two.",
    "rejected": "The gateway does not take this bot's subscription: check the bot's id.",
}


async def keep_connected(
    target: LinkTarget,
    provider: Provider,
    *,
    max_concurrency: int = 8,
    announce: Callable[[dict[str, object]], None],
    random: Callable[[], float] = random_module.random,
    drain: Drain | None = None,
    photos: PhotoGuard | None = None,
) -> None:
    """Keep the bot linked and answer its commands with the provider, until `drain` has ended it.
    `photos` takes in those that the gateway could not fetch.

    Raises LinkRefused when the gateway does not want the bot back, ConfigurationError as
    `trusted_context`. Everything else is tried
    again, after the delays of `core/backoff`; they start over behind a link that was confirmed
    and lived for SETTLED. Answers go on while the link is down. `announce` gets
    `{"event": "connected", …}` for each confirmed link and
    `{"event": "disconnected", "reason", "retry_in_s"}` for each that ended or failed.
    Cancellation ends link and answers at once. The provider stays the caller's to close.
    """
    refusal: LinkRefused | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_warm, provider)
        bot = LinkedBot(nursery, provider, max_concurrency, photos)
        if drain is not None:
            nursery.start_soon(drain.end_when_told, bot, nursery.cancel_scope)
        refusal = await _link_until_refused(target, bot, announce, random)
        nursery.cancel_scope.cancel()
    if refusal is not None:
        raise refusal


async def _link_until_refused(
    target: LinkTarget,
    bot: LinkedBot,
    announce: Callable[[dict[str, object]], None],
    random: Callable[[], float],
) -> LinkRefused:
    context = trusted_context() if target.endpoint.is_secure else None
    delays = backoff(random)
    while True:
        link = _Link(target, bot, announce, context)
        try:
            await link.live()
        except LinkRefused as refusal:
            return refusal
        except LinkFailed as failure:
            reason = str(failure)
        bot.link_lost()
        if link.confirmed_at + SETTLED <= trio.current_time():
            delays = backoff(random)
        delay = next(delays)
        log.info("connector.disconnected", reason=reason, retry_in_s=round(delay, 3))
        announce({"event": "disconnected", "reason": reason, "retry_in_s": round(delay, 3)})
        await trio.sleep(delay)


class _Link:
    """One link, from opening to end. `confirmed_at` is in monotonic seconds, inf until then."""

    def __init__(
        self,
        target: LinkTarget,
        bot: LinkedBot,
        announce: Callable[[dict[str, object]], None],
        context: ssl.SSLContext | None,
    ) -> None:
        self.confirmed_at = float("inf")
        self._target = target
        self._bot = bot
        self._announce = announce
        self._context = context
        self._identifier = encode_identifier(
            BotIdentifier(target.bot_id, bot.max_concurrency, cancel=True, resume=True)
        )
        self._welcomed = trio.Event()
        self._confirmed = trio.Event()

    async def live(self) -> NoReturn:
        """Open the link and serve it until it ends. Raises LinkFailed, always. Cancelled, it ends
        the connection without a word; what was not acknowledged stays with the bot."""
        failure: LinkFailed | None = None
        target = self._target
        stream = await open_stream(target.endpoint, self._context)
        try:
            async with trio.open_nursery() as nursery:
                websocket = await upgrade(nursery, stream, target.endpoint, target.upgrade)
                nursery.start_soon(_end_when_silent, stream)
                nursery.start_soon(self._talk, websocket, stream)
                await self._listen(websocket)
        except* Exception as group:
            failure = await _explain(group, target)
        finally:
            # No closing handshake: the library's waits for a peer that may be gone, and the end
            # of the connection says enough.
            await stream.aclose()
        raise failure or LinkBroken("the link has ended")

    # ---- beginning ------------------------------------------------------------------------------

    async def _subscribe(self, websocket: WebSocketConnection) -> None:
        """Wait for the welcome and ask for the channel until it is granted."""
        with trio.move_on_after(ANSWER_WITHIN) as patience:
            await self._welcomed.wait()
            while not self._confirmed.is_set():
                await websocket.send_message(encode_subscribe(self._identifier).decode())
                with trio.move_on_after(SUBSCRIBE_EVERY):
                    await self._confirmed.wait()
        if patience.cancelled_caught:
            raise LinkBroken(f"the gateway did not let us in within {ANSWER_WITHIN:.0f} s")

    # ---- speaking -------------------------------------------------------------------------------

    async def _talk(self, websocket: WebSocketConnection, stream: ClientStream) -> None:
        """All that is said on the link, one task: subscription, answers, heartbeat."""
        await self._subscribe(websocket)
        self.confirmed_at = trio.current_time()
        log.info("connector.connected", bot_id=self._target.bot_id, server=self._target.shown)
        self._announce(
            {
                "event": "connected",
                "bot_id": self._target.bot_id,
                "server": self._target.shown,
            }
        )
        ping_due = self.confirmed_at + PING_EVERY
        while True:
            messages: list[FromBot] = [*self._bot.take()]
            if trio.current_time() >= ping_due:
                ping_due += PING_EVERY
                messages.append(Ping())
            await self._say(websocket, stream, messages)
            if self._bot.has_said_all:
                await self._leave(websocket)
            with trio.move_on_at(ping_due):
                await self._bot.wait()

    async def _leave(self, websocket: WebSocketConnection) -> None:
        """All is said: hang up in words, so that the gateway has read them before the end."""
        try:
            with trio.move_on_after(LEAVE_WITHIN):
                await websocket.aclose()
        finally:
            self._bot.left.set()

    async def _say(
        self, websocket: WebSocketConnection, stream: ClientStream, messages: Sequence[FromBot]
    ) -> None:
        """Send these messages, one frame each, in one write."""
        with stream.hold():
            for message in messages:
                data = encode_data(self._identifier, encode_from_bot(message))
                await websocket.send_message(data.decode())
        await stream.drain()

    # ---- listening ------------------------------------------------------------------------------

    async def _listen(self, websocket: WebSocketConnection) -> None:
        """Take frames until the link ends. Raises ConnectionClosed or LinkFailed."""
        while True:
            frame = await websocket.get_message()
            try:
                self._take_frame(frame)
            except BadMessage as bad:
                log.warning("connector.unreadable_message", faults=bad.faults)

    def _take_frame(self, frame: str | bytes) -> None:
        match decode_from_gateway(frame):
            case CablePing():
                pass  # hearing it was all
            case ChannelMessage(identifier, message) if identifier == self._identifier:
                self._bot.hear(build_to_bot(message))
            case Welcome():
                self._welcomed.set()
            case Confirmation(identifier) if identifier == self._identifier:
                self._confirmed.set()
            case Rejection(identifier) if identifier == self._identifier:
                raise LinkRefused("rejected", _REFUSALS["rejected"])
            case Disconnect(reason, reconnect):
                if reconnect:
                    raise LinkBroken(reason or "disconnected by the gateway")
                sentence = f"The gateway has ended this bot's link for good ({reason[:40]})."
                raise LinkRefused(reason, _REFUSALS.get(reason, sentence))
            case UnknownFrame(name):
                log.debug("connector.unknown_frame", name=name[:40])


async def _end_when_silent(stream: ClientStream) -> None:
    """A link on which nothing is heard is dead, whatever TCP believes (RELIABILITY 3)."""
    await stream.wait_for_silence(SILENCE)
    raise LinkBroken(f"nothing heard from the gateway for {SILENCE:.0f} s")


# ---- why a link has ended -----------------------------------------------------------------------


async def _explain(group: BaseExceptionGroup[Exception], target: LinkTarget) -> LinkFailed:
    """The one reason among all that went wrong at once: the gateway's own word before the rest."""
    errors = list(leaves(group))
    for kind in (LinkRefused, LinkBroken):
        for error in errors:
            if isinstance(error, kind):
                return error
    for error in errors:
        match error:
            case ConnectionRejected(status_code=status, body=body):
                return LinkBroken(await explain_refusal(target.endpoint, status, body))
            case ConnectionClosed(reason=reason):
                return LinkBroken(_describe_close(reason.code if reason is not None else 1006))
            case trio.BrokenResourceError() | trio.ClosedResourceError():
                return LinkBroken(_describe_close(1006))
    log.error("connector.link_crashed", exc_info=group)
    return LinkBroken("internal error")


def _describe_close(code: int) -> str:
    return "the connection was lost" if code == 1006 else f"the gateway closed the link ({code})"
