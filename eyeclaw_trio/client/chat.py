"""A chat client for the terminal: lines in, answers out as they come (PROTOCOL 4)."""

from __future__ import annotations

import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

import click
import orjson
import trio
from attrs import define
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from eyeclaw_trio.causes import leaves
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import Display, Shown
from eyeclaw_trio.client.hints import with_hint
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.harmless import harmless_line
from eyeclaw_trio.wire.connect import ClientStream, explain_refusal, open_stream, upgrade

# A goodbye to a gateway that does not answer takes no longer (seconds).
_LEAVE_WITHIN: Final = 1.0
# The gateway pings every 15 s: three of them missed, and it is gone (seconds).
SILENCE: Final = 50.0
_ENDINGS: Final = ("done", "error", "cancelled")


class Lines:
    """The lines of a file descriptor, read only when one is wanted. No thread waits for them: a
    line that never comes does not keep the program."""

    def __init__(self, descriptor: int, prompt: str = "") -> None:
        self._descriptor = descriptor
        self._prompt = prompt
        self._unread = b""
        self._has_ended = False

    async def next(self) -> str | None:
        """The next line without its end; None when there is no more. Cancelled, no line is lost."""
        if self._prompt:
            click.echo(self._prompt, nl=False, err=True)
        while b"\n" not in self._unread and not self._has_ended:
            try:
                await trio.lowlevel.wait_readable(self._descriptor)
            except (
                PermissionError
            ):  # a file on disk can always be read, and so cannot be waited for
                await trio.lowlevel.checkpoint()
            data = os.read(self._descriptor, 65_536)
            self._unread += data
            self._has_ended = not data
        if not self._unread:
            if self._prompt:
                click.echo(err=True)
            return None
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")


async def chat(
    target: ChatTarget,
    display: Display,
    lines: Lines,
    *,
    is_patient: bool,
    context: ssl.SSLContext | None = None,
) -> None:
    """Send each line as a question and show its answer, until there are no more lines.

    Ctrl-C cancels the answer that is running; where none runs, or a second time, it ends the
    program with KeyboardInterrupt. `is_patient` goes on behind an answer that failed, and with a
    new connection where the old one broke, as people want it; else that raises EyeclawError, as
    does a gateway that cannot be reached or does not let us in. Cancelled, it closes the
    connection, by which the gateway knows.
    """
    client = _Client(target, display, lines, is_patient, context)
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.obey, signals, nursery.cancel_scope)
            await client.converse()
            nursery.cancel_scope.cancel()
    if client.is_interrupted:
        click.echo(err=True)
        raise KeyboardInterrupt


@define(eq=False)
class _Client:
    target: ChatTarget
    display: Display
    lines: Lines
    is_patient: bool
    context: ssl.SSLContext | None
    is_interrupted: bool = False
    _line: WebSocketConnection | None = None
    _is_answering: bool = False

    async def obey(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        """Take Ctrl-C as what it is meant for now, until one ends the program or cancelled."""
        async for _ in signals:
            if not self._is_answering or self._line is None:
                self.is_interrupted = True
                scope.cancel()
                return
            self._is_answering = False  # a second one does not wait for the gateway's word
            with suppress(ConnectionClosed):  # then it is over in any case
                await self._line.send_message('{"type":"cancel"}')

    async def converse(self) -> None:
        """Connect at once, and again where a question finds the connection gone. Cancelled, it
        closes the connection it has."""
        question = await self._visit(None)
        while question is not None:
            question = await self._visit(question)

    async def _visit(self, question: str | None) -> str | None:
        """One connection, from opening to end; returns the question that found it gone."""
        target = self.target
        stream = await open_stream(target.endpoint, self.context)
        try:
            async with trio.open_nursery() as nursery:
                self._line = line = await upgrade(nursery, stream, target.endpoint, target.upgrade)
                nursery.start_soon(_close_when_silent, stream)
                if question is None:
                    question = await self._next_question()
                while question is not None and line.closed is None:
                    await self._ask(line, question)
                    question = await self._next_question()
                with trio.move_on_after(_LEAVE_WITHIN):
                    await line.aclose()
                nursery.cancel_scope.cancel()
        except* ConnectionRejected as group:  # the library's reader says so
            refused = next(each for each in leaves(group) if isinstance(each, ConnectionRejected))
            status = refused.status_code
            said = await explain_refusal(target.endpoint, status, refused.body)
            raise EyeclawError(with_hint(said, status)) from None
        finally:
            await stream.aclose()
        return question

    async def _next_question(self) -> str | None:
        while (line := await self.lines.next()) is not None:
            if line.strip():
                return line
        return None

    async def _ask(self, line: WebSocketConnection, question: str) -> None:
        message = {"message": question}
        if self.target.provider is not None:
            message["provider"] = self.target.provider
        failure: str | None
        try:
            self._is_answering = True
            await line.send_message(orjson.dumps(message).decode())
            failure = await self._listen(line)
        except ConnectionClosed as closed:
            failure = f"the connection broke off{_why(closed)}"
        finally:
            self._is_answering = False
            self.display.close()
        if failure is not None:
            if not self.is_patient:
                raise EyeclawError(failure)
            click.echo(failure, err=True)

    async def _listen(self, line: WebSocketConnection) -> str | None:
        """Show the frames of one answer; returns what went wrong with it."""
        sent_at = trio.current_time()
        while True:
            frame = _read(await line.get_message())
            self.display.show(_describe(frame, round((trio.current_time() - sent_at) * 1000)))
            if frame.get("type") in _ENDINGS:
                said = frame.get("message") if frame["type"] == "error" else None
                return None if said is None else harmless_line(str(said))


async def _close_when_silent(stream: ClientStream) -> None:
    """A gateway of which nothing is heard is gone, whatever TCP believes (RELIABILITY 3): whoever
    reads from it finds the connection broken."""
    await stream.wait_for_silence(SILENCE)
    await stream.aclose()


def _read(frame: str | bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(frame)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise EyeclawError("this is no gateway: what it says cannot be read")
    return value


def _describe(frame: Mapping[str, Any], at_ms: int) -> Shown:
    event = {**frame, "at_ms": at_ms}
    match frame:
        case {"type": "chunk", "content": str(text)}:
            return Shown(event, text)
        case {"type": "cancelled"}:
            return Shown(event, notes=("(cancelled)",))
        case _:
            return Shown(event)


def _why(closed: ConnectionClosed) -> str:
    reason = closed.reason.reason if closed.reason is not None else None
    return f": {harmless_line(reason)}" if reason else ""


def standard_lines(*, is_json: bool) -> tuple[Lines, bool]:
    """What is typed or piped in, and whether a person types it. Raises EyeclawError."""
    if sys.stdin is None:
        raise EyeclawError("there is no input to read questions from")
    is_person = sys.stdin.isatty()
    return Lines(sys.stdin.fileno(), "> " if is_person and not is_json else ""), is_person
