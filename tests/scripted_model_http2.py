"""The scripted model over HTTP/2: one connection, any number of answers beside each other."""

from __future__ import annotations

import json
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trio
from attrs import define, field
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame, WindowUpdateFrame
from scripted_model import (
    Close,
    End,
    GoAway,
    Head,
    Nonsense,
    Reset,
    ResetStream,
    ScriptedModel,
    Seen,
    Send,
    Step,
    Wait,
    Whole,
    break_off,
)

_CONFIG = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")


@define
class _Request:
    headers: dict[str, str]
    body: bytes = b""


@define(eq=False)
class Http2Connection:
    """Reads for all streams; each answer is a task of its own."""

    _model: ScriptedModel
    _stream: trio.abc.Stream
    _number: int
    _http: h2.connection.H2Connection = field(factory=lambda: h2.connection.H2Connection(_CONFIG))
    _requests: dict[int, _Request] = field(factory=dict)
    _answers: dict[int, trio.CancelScope] = field(factory=dict)
    _writing: trio.Lock = field(factory=trio.Lock)
    _ahead: bytes = b""
    _is_over: bool = False

    def limit_streams(self, limit: int | None) -> None:
        """Say before it is served how many answers there may be at once; None: say nothing."""
        values = {} if limit is None else {SettingCodes.MAX_CONCURRENT_STREAMS: limit}
        self._http.local_settings = Settings(client=False, initial_values=values)

    async def serve(self) -> None:
        self._http.initiate_connection()
        await self._write()
        async with trio.open_nursery() as nursery:
            try:
                while not self._is_over and (data := await self._stream.receive_some(65536)):
                    for event in self._http.receive_data(data):
                        self._hear(event, nursery)
                    await self._write()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            # Gone with the connection: whoever was still answering has been left.
            for scope in self._answers.values():
                scope.cancel()
                self._count_left()
            self._answers.clear()

    def _hear(self, event: h2.events.Event, nursery: trio.Nursery) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream), headers=list(headers)):
                self._requests[stream] = _Request({str(k): str(v) for k, v in headers})
                if int(self._requests[stream].headers.get("content-length", "0")) > (
                    self._model.too_large
                ):
                    self._refuse_early(stream)
            case h2.events.DataReceived(stream_id=int(stream), data=bytes(data)):
                if stream in self._requests:
                    self._requests[stream].body += data
                self._http.acknowledge_received_data(len(data), stream)
            case h2.events.StreamEnded(stream_id=int(stream)) if stream in self._requests:
                self._answers[stream] = scope = trio.CancelScope()
                nursery.start_soon(self._answer, stream, self._seen(stream), scope)
            case h2.events.StreamReset(stream_id=int(stream)):
                self._requests.pop(stream, None)
                if (left := self._answers.pop(stream, None)) is not None:
                    left.cancel()
                    self._count_left()

    def _refuse_early(self, stream: int) -> None:
        """As RFC 9113, 8.1 has it: the whole response, and then the rest is not wanted."""
        del self._requests[stream]
        self._http.send_headers(stream, [(":status", "413"), ("content-type", "text/plain")])
        self._http.send_data(stream, b"too large", end_stream=True)
        self._http.reset_stream(stream, 0)

    def _count_left(self) -> None:
        self._model.aborted += 1
        self._model.changed()

    def _seen(self, stream: int) -> Seen:
        request = self._requests.pop(stream)
        headers = request.headers
        value: Any = json.loads(request.body) if request.body else None
        seen = Seen(self._number, headers[":method"], headers[":path"], headers, value)
        self._model.requests.append(seen)
        self._model.changed()
        return seen

    async def _answer(self, stream: int, seen: Seen, scope: trio.CancelScope) -> None:
        try:
            with scope:
                for step in self._model.answer_to(seen):
                    await self._play(stream, step)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except h2.exceptions.ProtocolError:
            pass  # left between two steps; `_hear` counts it

    async def _play(self, stream: int, step: Step) -> None:
        match step:
            case Head(status, content_type, headers):
                pairs = [(":status", str(status)), ("content-type", content_type)]
                pairs += [(name.lower(), value) for name, value in headers]
                self._http.send_headers(stream, pairs)
            case Send(data):
                for at in range(0, len(data), 16384):
                    self._http.send_data(stream, data[at : at + 16384])
            case Wait(seconds):
                await trio.sleep(seconds)
            case Whole():
                # From here on nobody who leaves has aborted it.
                self._answers.pop(stream, None)
            case End():
                self._answers.pop(stream, None)
                self._http.end_stream(stream)
            case Close() | Reset():
                self._answers.pop(stream, None)
                self._is_over = True
                if isinstance(step, Reset):
                    break_off(self._stream)
                await trio.aclose_forcefully(self._stream)
            case ResetStream(code):
                self._answers.pop(stream, None)
                self._http.reset_stream(stream, code)
            case Nonsense():
                self._ahead = WindowUpdateFrame(0).serialize()  # by nothing, which is not allowed
            case GoAway():
                # h2 would say no more behind it; real servers finish their answers. It leaves
                # together with what comes next, which is the harder case for who reads it.
                self._ahead = GoAwayFrame(0, last_stream_id=stream, error_code=0).serialize()
                return
        await self._write()

    async def _write(self) -> None:
        # Half a write of an answer that was left would be the end of all the others.
        with trio.move_on_after(5, shield=True):
            async with self._writing:
                data, self._ahead = self._ahead + self._http.data_to_send(), b""
                if data and not self._is_over:
                    await self._stream.send_all(data)
