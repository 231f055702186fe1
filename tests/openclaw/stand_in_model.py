"""A model that says what it is told to: the only provider that the real OpenClaw gets here.

An OpenAI-compatible endpoint on loopback, in the process of the check itself, so that the check
sees when a request came and whether it was answered in full or given up. Which part it plays is
named in the question: "… [script:words]". OpenClaw puts a clock time before the question and notes
of its own into messages after it, so the latest message that names a script decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum
from typing import Any, Final

import h11
import trio
from attrs import define, field

PIECES: Final = (*(f"第{number}句话说完了，" for number in range(1, 25)), "再见。")
ANSWER: Final = "".join(PIECES)
PAUSE: Final = 0.01  # seconds between two pieces: a fast model
ENDLESS_PAUSE: Final = 0.05
ENDLESS: Final = 1_200  # pieces, one minute: longer than any check waits
# OpenClaw passes a 400 on at once, and asks again after a 500: 8 times, for up to 90 s.
STATUSES: Final = {"http_400": 400, "http_500": 500}
FAILURE: Final = {"error": {"message": "scripted failure", "type": "invalid_request_error"}}
RECEIVE_SIZE: Final = 64 * 1024  # bytes; OpenClaw's prompt alone is about 60 KiB
SCRIPT: Final = re.compile(r"\[script:(\w+)\]")
SESSION: Final = re.compile(r"\bsession=(\S+)")  # in the prompt's line on OpenClaw's runtime


class Outcome(Enum):
    RUNNING = "running"
    ANSWERED = "answered"
    ABORTED = "aborted"  # OpenClaw closed the request before its answer was over


@define
class ModelRequest:
    """One request of OpenClaw, and what became of it. Times are of `trio.current_time`."""

    script: str
    session: str
    arrived: float = field(factory=trio.current_time)
    ended: float = 0.0
    outcome: Outcome = Outcome.RUNNING
    over: trio.Event = field(factory=trio.Event)

    def end(self, outcome: Outcome) -> None:
        self.outcome, self.ended = outcome, trio.current_time()
        self.over.set()


@define
class StandInModel:
    """Serve on a loopback port of its own; `requests` grows by one with each request."""

    requests: list[ModelRequest] = field(factory=list)
    port: int = 0

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._answer_one, listeners)

    def of_script(self, script: str, since: int = 0) -> list[ModelRequest]:
        return [request for request in self.requests[since:] if request.script == script]

    async def _answer_one(self, stream: trio.SocketStream) -> None:
        """One connection, one request: closing the connection then means one thing only."""
        connection = h11.Connection(h11.SERVER)
        body = await _read_body(stream, connection)
        if body is None:
            return
        request = read_request(body)
        self.requests.append(request)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_abort_on_hangup, stream, request, nursery.cancel_scope)
            try:
                async with aclosing(perform(request.script)) as writes:
                    async for events in writes:
                        sent = [connection.send(event) or b"" for event in events]
                        await stream.send_all(b"".join(sent))
            except trio.BrokenResourceError:
                request.end(Outcome.ABORTED)
            else:
                request.end(Outcome.ANSWERED)
            nursery.cancel_scope.cancel()


async def perform(script: str) -> AsyncGenerator[tuple[h11.Event, ...], None]:
    """The answer to one request, as its script wants it: the events of one write after another."""
    if script in STATUSES:
        head = _head(STATUSES[script], "application/json")
        yield head, _data(json.dumps(FAILURE)), h11.EndOfMessage()
        return
    yield (_head(200, "text/event-stream"),)
    if script == "in_band":
        yield _event(FAILURE), *_END
        return
    pieces = ("又一句，",) * ENDLESS if script == "endless" else PIECES
    for piece in pieces:
        yield (_chunk(piece),)
        await trio.sleep(ENDLESS_PAUSE if script == "endless" else PAUSE)
    # One write for all of the end: whoever hangs up at [DONE] has had a whole answer.
    yield _chunk("", finish_reason="stop"), *_END


def read_request(body: bytes) -> ModelRequest:
    text = "\n".join(str(message.get("content")) for message in json.loads(body)["messages"])
    scripts, sessions = SCRIPT.findall(text), SESSION.findall(text)
    return ModelRequest(
        script=scripts[-1] if scripts else "words", session=sessions[-1] if sessions else ""
    )


async def _read_body(stream: trio.SocketStream, connection: h11.Connection) -> bytes | None:
    """The body of one request, or None where there was no whole one."""
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            try:
                connection.receive_data(await stream.receive_some(RECEIVE_SIZE))
            except trio.BrokenResourceError:
                return None
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body
        elif not isinstance(event, h11.Request):
            return None


async def _abort_on_hangup(
    stream: trio.SocketStream, request: ModelRequest, scope: trio.CancelScope
) -> None:
    try:
        while await stream.receive_some(RECEIVE_SIZE):
            pass
    except trio.BrokenResourceError:
        pass
    request.end(Outcome.ABORTED)
    scope.cancel()


def _head(status: int, content_type: str) -> h11.Response:
    headers = [("content-type", content_type), ("connection", "close")]
    return h11.Response(status_code=status, headers=headers)


def _data(text: str) -> h11.Data:
    return h11.Data(data=text.encode())


def _event(data: dict[str, Any]) -> h11.Data:
    return _data(f"data: {json.dumps(data, ensure_ascii=False)}\n\n")


def _chunk(content: str, finish_reason: str | None = None) -> h11.Data:
    delta = {"content": content} if content else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "scripted", "object": "chat.completion.chunk", "created": 1, "model": "words"}
    return _event({**head, "choices": [choice]})


_END: Final = (_data("data: [DONE]\n\n"), h11.EndOfMessage())
