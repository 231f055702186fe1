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
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import h11
import model_actions  # noqa: F401  # its scripts have names, too
import trio
from attrs import define, field, frozen
from model_scripts import (
    RECORD,
    Close,
    End,
    EndWithSurplus,
    Head,
    Reset,
    Say,
    Script,
    Send,
    Wait,
    Whole,
    script_named,
    status,
)


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
    models: Sequence[str] = ()
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
            data = [{"id": each, "object": "model"} for each in self.models]
            return status(200, {"object": "list", "data": data})()
        return status(
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
            comment = b":" + b"x" * (RECORD - len(ending) - 11) + b"\n\n"
            ending = b"%x\r\n%b\r\n" % (len(comment), comment) + ending
            assert len(ending) == RECORD
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
