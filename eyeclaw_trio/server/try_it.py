"""The owner's own question, asked from a page: played glasses, through the same reception, relay
and reply as those that come over the public listener. Its turn has a trace of its own."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

import trio
from attrs import define, field, frozen

from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.core.texts import Language
from eyeclaw_trio.errors import BadMessage, RequestRefused, SlowReader, TryLater
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.protocol.rokid import Question, decode_question
from eyeclaw_trio.protocol.sse import AnswerFraming
from eyeclaw_trio.relay.turn import Reply
from eyeclaw_trio.server.gate import shutting_down
from eyeclaw_trio.server.reception import Reception
from eyeclaw_trio.server.sse_reply import SseReply, StreamHabits
from eyeclaw_trio.server.traced_turn import TracedTurn
from eyeclaw_trio.wire.response_writer import Headers

# Questions of pages that may be answered at once. A form is 64 KiB at most.
AT_ONCE: Final = 16


class Viewer(Protocol):
    """Who reads the raw answer: a page, or what it asked for it."""

    async def send(self, data: bytes, *, ends: bool) -> None:
        """Take these bytes of the event stream, the last ones where it ends. Cancelled, nothing
        more is sent."""
        ...

    async def wait_until_gone(self) -> None:
        """Return when nobody reads any more. Cancellation changes nothing."""
        ...


@define(eq=False)
class PlayedGlasses:
    """A `server.sse_reply.ReplyConnection` that hands what glasses would get to a viewer."""

    viewer: Viewer
    write_timeout: float
    _rest: bytes = b""
    _is_ending: bool = False

    @property
    def writer(self) -> PlayedGlasses:
        """Itself."""
        return self

    @property
    def reader(self) -> PlayedGlasses:
        """Itself."""
        return self

    async def start_stream(self, _: Headers, data: bytes, *, ends: bool = False) -> None:
        """Send the first bytes. Raises SlowReader; cancelled, nothing more is sent."""
        await self._send(data, ends=ends)

    def write_nowait(self, data: bytes) -> bool:
        """Keep these bytes for `drain`: always false."""
        self._rest += data
        return False

    async def drain(self) -> None:
        """Send what is kept. Raises SlowReader; cancelled, nothing more is sent."""
        await self._send(b"")

    async def end_stream(self, data: bytes) -> None:
        """Send the last bytes. Raises SlowReader; cancelled, nothing more is sent."""
        await self._send(data, ends=True)

    def monitor_hangup(
        self, nursery: trio.Nursery, leave: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """`leave` is called when nobody reads any more, and there was more to come: with the last
        byte a page's connection may be over before we know that it was sent."""

        async def watch() -> None:
            await self.viewer.wait_until_gone()
            if not self._is_ending:
                leave()

        nursery.start_soon(watch)
        return nullcontext()

    async def _send(self, data: bytes, *, ends: bool = False) -> None:
        data, self._rest = self._rest + data, b""
        self._is_ending = ends
        with trio.move_on_after(self.write_timeout) as scope:
            await self.viewer.send(data, ends=ends)
        if scope.cancelled_caught:
            raise SlowReader


@frozen
class TriedTurn:
    """A question of a page that is ready to be asked: its trace's id, and what asks it.

    `relay(viewer)` is to be awaited once; it writes what glasses would get, byte for byte, to the
    viewer, and ends with the answer. Cancelled, the turn ends and its trace says so.
    """

    trace_id: str
    relay: Callable[[Viewer], Awaitable[None]]


@define(eq=False)
class TryItDoor:
    """Takes the questions of pages."""

    reception: Reception
    habits: StreamHabits = field(factory=StreamHabits)
    _open: int = field(default=0, init=False)

    def ask(
        self, bot_id: int, text: str, language: Language, photo: str | None = None
    ) -> TriedTurn:
        """Make ready to ask this bot, perhaps about a photo (a `data:` URL). Never waits.

        Raises RequestRefused: 400 for a text or a photo that is none, 404 for a bot that there is
        not, 503 while the gateway stops or where too many are asked at once.
        """
        reception = self.reception
        if reception.is_draining():
            raise shutting_down()
        if self._open >= AT_ONCE:
            raise TryLater("Too many questions at once")
        bot = reception.gate.directory().bots.get(bot_id)
        if bot is None:
            raise RequestRefused(404, "There is no such bot")
        question = _make_question(bot, text, language, photo)
        turn = reception.begin(
            "rokid",
            trio.current_time(),
            message_id=question.message_id,
            agent_id=question.agent_name,
        )
        turn.trace.bot_id = bot.id

        async def relay(viewer: Viewer) -> None:
            await self._relay(question, bot, turn, viewer, language)

        return TriedTurn(turn.trace.trace_id, relay)

    async def _relay(
        self, question: Question, bot: Bot, turn: TracedTurn, viewer: Viewer, language: Language
    ) -> None:
        reception, framing = self.reception, AnswerFraming(question.message_id, question.agent_id)
        glasses = PlayedGlasses(viewer, reception.patience.write_timeout)
        wording = reception.wording(language, turn.trace)
        reply: Reply = SseReply(glasses, framing, wording, self.habits)
        self._open += 1
        try:
            with turn:
                await reception.relay(question, bot, reply, turn)
        finally:
            self._open -= 1


def _make_question(bot: Bot, text: str, language: Language, photo: str | None) -> Question:
    """The question as glasses would send it, read as theirs. Raises RequestRefused (400)."""
    entries = [{"role": "user", "type": "text", "text": text}]
    if photo is not None:
        if not photo.startswith("data:image/"):
            raise RequestRefused(400, "Invalid request", {"photo": "must be a data: URL"})
        image = {"role": "user", "type": "image", "image_url": photo}
        entries = [image, *entries] if text.strip() else [image]
    body = {
        "message_id": f"try_{secrets.token_hex(6)}",
        "agent_id": str(bot.id),
        "message": entries,
        "metadata": {"lang": language},
    }
    try:
        return decode_question(encode(body))
    except (BadMessage, TypeError):  # TypeError: half a character
        raise RequestRefused(
            400, "Invalid request", {"text": "must be a text, not empty"}
        ) from None
