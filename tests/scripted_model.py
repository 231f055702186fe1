"""An OpenAI-compatible server that answers by script, also badly: the judge of our provider.

In a test:

    async with open_scripted_model("pieces:20") as model:
        ...                                     # ask at model.base_url
        await model.wait_until(lambda: model.aborted == 1)

As a process (`python tests/scripted_model.py --port 0 --script pieces`) it prints one line of
JSON with `port` and `base_url`, and answers `GET /seen` with what it has counted.

The script is named, from the strongest to the weakest, by the question (`… script:reset …`), by
the model's name (`script:reset`, `openclaw/script:reset`), or by the default that it was opened
with. Most take numbers: `pieces:20:0.01` is twenty pieces, 0.01 s apart. With a certificate it
speaks TLS. It is independent of the package that it judges: h11 and trio, nothing of ours.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
import trio
from attrs import define, field, frozen

PIECES = ("你好", "，我是", "scripted", " model", "。😀")
_RECORD = 16_384
ERROR = {"error": {"message": "the model fell over", "type": "api_error"}}

# --- what a script is made of ---------------------------------------------------------------------


@frozen
class Head:
    status: int = 200
    content_type: str = "text/event-stream; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Send:
    """Bytes of the body, as they are."""

    data: bytes


@frozen
class Wait:
    seconds: float


@frozen
class End:
    """The body ends as it should; the connection may be used again."""


@frozen
class EndWithSurplus:
    """The body ends as it should, and in the same write comes what nobody has asked for.

    `padded` lets the surplus begin a TLS record of its own, by a comment before the end.
    """

    surplus: bytes
    padded: bool = False


@frozen
class Say:
    """Bytes on the wire behind the end, in a write of their own."""

    data: bytes


@frozen
class Close:
    """The connection ends, wherever the answer is."""


@frozen
class Reset:
    """The connection breaks: RST instead of FIN."""


@frozen
class Whole:
    """From here on the answer is whole: a client that leaves has not aborted it."""


Step = Head | Send | Wait | End | EndWithSurplus | Say | Close | Reset | Whole
Script = tuple[Step, ...]
FOREVER = Wait(float("inf"))


def event(value: object) -> Send:
    return Send(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")


def piece(text: str | None, finish_reason: str | None = None) -> Send:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]})


ROLE = event({"choices": [{"delta": {"role": "assistant", "content": None}}]})
USAGE = event({"choices": [], "usage": {"total_tokens": 12}})
STOP = piece(None, "stop")
DONE = Send(b"data: [DONE]\n\n")
ENDING: Script = (STOP, USAGE, DONE, Whole(), End())


def _texts(count: float) -> list[str]:
    return [PIECES[i] if i < len(PIECES) else f" {i}" for i in range(int(count))]


def _pieces(count: float = len(PIECES), delay: float = 0) -> Script:
    said: list[Step] = []
    for text in _texts(count):
        said += [Wait(delay), piece(text)] if delay else [piece(text)]
    return (Head(), ROLE, *said, *ENDING)


def _answer_with(*steps: Step) -> Callable[..., Script]:
    """Two pieces, then what goes wrong."""
    return lambda: (Head(), ROLE, *(piece(text) for text in PIECES[:2]), *steps)


def _status(
    status: int, body: object, *headers: tuple[str, str], kind: str = "application/json"
) -> Callable[..., Script]:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    length = ("Content-Length", str(len(data)))
    return lambda: (Head(status, kind, (*headers, length)), Send(data), End())


def _said(text: str, **more: object) -> dict[str, object]:
    return {"error": {"message": text, **more}}


def _cut_characters() -> Script:
    """Every byte of the answer is a piece of its own."""
    said = b"".join(piece(text).data for text in PIECES)
    return (Head(), *(Send(said[i : i + 1]) for i in range(len(said))), *ENDING)


def _comments(count: float = 20, delay: float = 0.02) -> Script:
    beats = (Send(b": keep-alive\n\n"), Wait(delay)) * int(count)
    return (Head(), *beats, piece(PIECES[0]), *beats[:4], piece(PIECES[1]), *ENDING)


_UNASKED_BODY = piece("nobody asked for this").data + STOP.data + DONE.data
# A whole response to a question that was never asked.
UNASKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_UNASKED_BODY)
) + _UNASKED_BODY


def _with_surplus(*steps: Step) -> Callable[..., Script]:
    said = tuple(piece(text) for text in PIECES)
    return lambda: (Head(), ROLE, *said, STOP, DONE, Whole(), *steps)


WHOLE_TEXT = "".join(PIECES)
ONE_PIECE = {"choices": [{"message": {"content": WHOLE_TEXT}, "finish_reason": "stop"}]}

SCRIPTS: dict[str, Callable[..., Script]] = {
    "pieces": _pieces,
    "cut-characters": _cut_characters,
    "comments": _comments,
    "thinking": lambda: (
        *(Head(), event({"choices": [{"delta": {"reasoning_content": "hm"}}]})),
        *(piece(PIECES[0]), *ENDING),
    ),
    "space-then-pieces": lambda: (
        *(Head(), piece("\n"), Wait(0.05)),
        *(piece(text) for text in PIECES),
        *ENDING,
    ),
    "space-then-cut": lambda: (Head(), piece("\n"), End()),
    "one-piece": _status(200, ONE_PIECE),
    "one-piece-error": _status(200, ERROR),
    "web-page": _status(200, "<html>log in</html>", kind="text/html"),
    "empty": lambda: (Head(), ROLE, *ENDING),
    "held-open": _answer_with(STOP, DONE, Whole(), FOREVER),
    "finish-without-done": _answer_with(STOP, Whole(), End()),
    "finish-then-hang": _answer_with(STOP, Whole(), FOREVER),
    "finish-then-reset": _answer_with(STOP, Whole(), Reset()),
    "done-without-finish": _answer_with(DONE, Whole(), End()),
    "no-last-blank-line": _answer_with(STOP, Send(b"data: [DONE]"), Whole(), End()),
    "error-then-done": lambda: (Head(), event(ERROR), DONE, Whole(), End()),
    "error-in-the-middle": _answer_with(event(ERROR), DONE, Whole(), End()),
    "error-text": lambda: (Head(), event({"error": "out of luck"}), DONE, Whole(), End()),
    "error-429": lambda: (Head(), event(_said("slow down", code=429)), DONE, Whole(), End()),
    "not-json": _answer_with(Send(b"data: {oops\n\n"), End()),
    "odd-shapes": lambda: (
        *(Head(), event([]), event(1), event({"choices": [1]}), event({"choices": {}})),
        *(event({"choices": [{"delta": None}]}), event({"choices": [{"delta": {"content": 1}}]})),
        *(piece(PIECES[0]), *ENDING),
    ),
    "endless-line": lambda: (Head(), *([Send(b"x" * 65536)] * 17), FOREVER),
    "hang-before-head": lambda: (FOREVER,),
    "hang-after-head": lambda: (Head(), ROLE, FOREVER),
    "hang": _answer_with(FOREVER),
    "reset-before-head": lambda: (Reset(),),
    "close-before-head": lambda: (Close(),),
    "reset": _answer_with(Wait(0.05), Reset()),
    "dropped": _answer_with(Close()),
    "cut": _answer_with(End()),
    "surplus": _with_surplus(EndWithSurplus(UNASKED)),
    "surplus-begun": _with_surplus(EndWithSurplus(UNASKED[:20])),
    "surplus-bytes": _with_surplus(EndWithSurplus(b"\r\n")),
    "surplus-in-its-own-record": _with_surplus(EndWithSurplus(UNASKED, padded=True)),
    "surplus-later": _with_surplus(End(), Wait(0.05), Say(UNASKED)),
    "400": _status(400, _said("bad request", type="invalid_request_error")),
    "401": _status(401, _said("wrong key", code="invalid_api_key")),
    "402": _status(402, _said("Insufficient Balance")),
    "403": _status(403, _said("not for you")),
    "404": _status(404, _said("no such model", code="model_not_found")),
    "404-text": _status(404, "Not Found", kind="text/plain; charset=utf-8"),
    "413": _status(413, "too large", kind="text/plain"),
    "422": _status(422, {"detail": [{"loc": ["body"], "msg": "field required"}]}),
    "429": _status(429, _said("too many requests"), ("Retry-After", "7")),
    "429-no-credit": _status(429, _said("You exceeded your quota", code="insufficient_quota")),
    "500": _status(500, _said("the server fell over")),
    "503": _status(503, "upstream\nis\tdown", kind="text/plain"),
    "302": _status(302, "", ("Location", "http://127.0.0.1:9/elsewhere")),
}


def script_named(name: str) -> Script:
    """`name` or `name:number:number`."""
    name, *numbers = name.split(":")
    if name not in SCRIPTS:
        return _status(400, _said(f"no such script: {name}"))()
    return SCRIPTS[name](*map(float, numbers))


# --- the server -----------------------------------------------------------------------------------


@frozen
class Seen:
    """One request, as it came; `connection` counts from 1. Header names are in lower case."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@define
class ScriptedModel:
    """What has happened so far. `aborted` counts answers that the client left before their end,
    `listings` those to a client that only looked who is there, as a warm-up does."""

    default: str = "pieces"
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    connections: int = 0
    open_connections: int = 0
    aborted: int = 0
    listings: int = 0
    surplus_said: int = 0
    requests: list[Seen] = field(factory=list)
    _changed: trio.Event = field(factory=trio.Event)

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/v1"

    @property
    def completions(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.method == "POST"]

    async def wait_until(self, holds: Callable[[], bool], *, seconds: float = 5) -> None:
        """Raises trio.TooSlowError when `holds` has not become true in time."""
        with trio.fail_after(seconds):
            while not holds():
                await self._changed.wait()

    def changed(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def script_for(self, seen: Seen) -> Script:
        body = seen.body if isinstance(seen.body, dict) else {}
        messages = body.get("messages") or [{}]
        for text in (messages[-1].get("content"), body.get("model")):
            if named := re.search(r"script:([\w.:-]+)", str(text)):
                return script_named(named[1])
        return script_named(self.default)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One connection, request after request."""
        self.connections += 1
        self.open_connections += 1
        self.changed()
        try:
            await self._converse(stream, self.connections)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass
        finally:
            self.open_connections -= 1
            self.changed()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.abc.Stream, number: int) -> None:
        if isinstance(stream, trio.SSLStream):
            await stream.do_handshake()
        await _Connection(self, stream, number).serve()

    def plain_answer(self, seen: Seen) -> Script:
        """To a GET: what was counted, or a list of models."""
        if seen.path != "/seen":
            return _status(200, {"object": "list", "data": []})()
        return _status(
            200,
            {
                "connections": self.connections,
                "open_connections": self.open_connections,
                "aborted": self.aborted,
                "listings": self.listings,
                "answered_on": sorted({each.connection for each in self.completions}),
                "completions": [each.body for each in self.completions],
            },
        )()

    def answer_to(self, seen: Seen) -> Script:
        return self.plain_answer(seen) if seen.method == "GET" else self.script_for(seen)


def break_off(stream: trio.abc.Stream) -> None:
    """Let this connection end with RST instead of FIN."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    assert isinstance(stream, trio.SocketStream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class _Left(Exception):
    """The client has gone."""


@define
class _Connection:
    _model: ScriptedModel
    _stream: trio.abc.Stream
    _number: int
    _http: h11.Connection = field(factory=lambda: h11.Connection(h11.SERVER))
    _is_whole: bool = False

    async def serve(self) -> None:
        while (seen := await self._read_request()) is not None:
            self._model.requests.append(seen)
            self._model.changed()
            goes_on = await self._answer(seen)
            if seen.path.endswith("/models"):
                self._model.listings += 1
                self._model.changed()
            if not goes_on:
                return
            self._http.start_next_cycle()

    async def _read_request(self) -> Seen | None:
        request: h11.Request | None = None
        body = b""
        while True:
            match self._http.next_event():
                case h11.NEED_DATA:
                    self._http.receive_data(bytes(await self._stream.receive_some()))
                case h11.Request() as request:
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage() if request is not None:
                    headers = {k.decode(): v.decode() for k, v in request.headers}
                    path = request.target.decode()
                    value = json.loads(body) if body else None
                    return Seen(self._number, request.method.decode(), path, headers, value)
                case _:
                    return None

    async def _answer(self, seen: Seen) -> bool:
        """Play the script; whether the connection can be used again."""
        self._is_whole = False
        script = self._model.answer_to(seen)
        left = again = False
        async with trio.open_nursery() as nursery:
            watch = trio.CancelScope()

            async def watch_for_leaving() -> None:
                nonlocal left
                with watch:
                    await self._until_left()
                    left = True
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch_for_leaving)
            try:
                again = await self._play(script)
            except trio.BrokenResourceError:
                left = True
            watch.cancel()
        if left and not self._is_whole:
            self._model.aborted += 1
            self._model.changed()
        return again and not left and self._http.our_state is h11.DONE

    async def _until_left(self) -> None:
        try:
            while data := await self._stream.receive_some():
                self._http.receive_data(bytes(data))
        except trio.BrokenResourceError:
            pass

    async def _play(self, script: Script) -> bool:
        for step in script:
            match step:
                case Head(status, content_type, headers):
                    all_headers = [("Content-Type", content_type), *headers]
                    await self._send(h11.Response(status_code=status, headers=all_headers))
                case Send(data):
                    await self._send(h11.Data(data=data))
                case Wait(seconds):
                    await trio.sleep(seconds)
                case Whole():
                    self._is_whole = True
                case End():
                    self._is_whole = True
                    await self._send(h11.EndOfMessage())
                case EndWithSurplus(surplus, padded):
                    self._is_whole = True
                    await self._end_with(surplus, padded=padded)
                case Say(data):
                    await self._stream.send_all(data)
                    self._model.surplus_said += 1
                    self._model.changed()
                case Close():
                    return False
                case Reset():
                    break_off(self._stream)
                    return False
        return True

    async def _send(self, part: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        if data := self._http.send(part):
            await self._stream.send_all(data)

    async def _end_with(self, surplus: bytes, *, padded: bool) -> None:
        ending = self._http.send(h11.EndOfMessage()) or b""
        if padded:
            # A chunk of a comment, so that it and the end fill a TLS record of 16,384 bytes.
            comment = b":" + b"x" * (_RECORD - len(ending) - 11) + b"\n\n"
            ending = b"%x\r\n%b\r\n" % (len(comment), comment) + ending
            assert len(ending) == _RECORD
        await self._stream.send_all(ending + surplus)


class open_scripted_model:  # noqa: N801  # reads like trio.open_nursery
    """A scripted model on a port of this machine; leaving drops all of its connections."""

    def __init__(
        self, default: str = "pieces", *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._model = ScriptedModel(default)
        self._port = port
        self._tls = tls
        if tls is not None:
            self._model.scheme, self._model.host = "https", "localhost"
        self._nursery_manager = trio.open_nursery()

    async def __aenter__(self) -> ScriptedModel:
        listeners = await trio.open_tcp_listeners(self._port, host="127.0.0.1")
        self._model.port = listeners[0].socket.getsockname()[1]
        self._nursery = await self._nursery_manager.__aenter__()
        served: list[Any] = list(listeners)
        if self._tls is not None:
            served = [trio.SSLListener(each, self._tls, https_compatible=True) for each in served]
        self._nursery.start_soon(trio.serve_listeners, self._model.serve, served)
        return self._model

    async def __aexit__(self, *error: Any) -> bool:
        self._nursery.cancel_scope.cancel()
        return bool(await self._nursery_manager.__aexit__(*error))


def server_tls(certificate: str) -> ssl.SSLContext:
    """TLS with this PEM file, key and chain in one."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _run(port: int, script: str, tls: ssl.SSLContext | None) -> None:
    async with open_scripted_model(script, port=port, tls=tls) as model:
        ready = {"ready": True, "port": model.port, "base_url": model.base_url}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await trio.sleep_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible model")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="pieces", help="the default script")
    parser.add_argument("--certificate", help="a PEM file with key and chain: TLS")
    arguments = parser.parse_args()
    pem = arguments.certificate
    tls = None if pem is None else server_tls(pem)
    with suppress(KeyboardInterrupt):
        trio.run(_run, arguments.port, arguments.script, tls)


if __name__ == "__main__":
    main()
