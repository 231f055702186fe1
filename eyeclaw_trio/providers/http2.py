"""HTTP/2 as answers need it: who leaves one ends its stream, and hurts no other.

The client's own HTTP/2 forgets a stream that is left, so that the model would go on for nobody; a
cancelled write takes half a frame with it, and all other answers; a server that says it will go
away (every balancer does, now and then) loses the answers that it is still giving; one that names
no limit of streams is asked one question at a time; one that refuses a long question before it
has all of it is not heard; and what h2 finds wrong comes out as h2's own
exceptions. These are mended here. For that, private methods of httpcore2 are overridden, which is
why `pyproject.toml` keeps to one line of it; tests hold every one of them against a real server.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import httpcore2
import httpx2
import trio
from httpcore2._synchronization import AsyncSemaphore

# Seconds for one frame to be taken by the system: nearly always at once. A peer for which that is
# too short reads nothing any more, and the connection ends.
_WRITE_WITHIN: Final = 5.0
_RESET_WITHIN: Final = 1.0

_GOAWAY: Final = 7  # the frame's type (RFC 9113, 6.8)
_FRAME_HEAD: Final = 9  # bytes
# What a request's trace is told when it has to wait for a connection, whoever makes it.
NOT_YET_CONNECTED: Final = "connection.not_yet_connected"
_STREAM_LIMIT: Final = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS


def reset_code(error: httpx2.HTTPError) -> int | None:
    """The code with which the server has ended this one stream, and left the connection as it
    was; None for every other error."""
    cause = error.__cause__
    event = cause.args[0] if isinstance(cause, httpcore2.RemoteProtocolError) else None
    return event.error_code if isinstance(event, h2.events.StreamReset) else None


class Http2Transport(httpx2.AsyncHTTPTransport):
    """HTTP/2 where a server offers it in the TLS handshake, else HTTP/1.1."""

    def __init__(self, context: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=context, limits=limits)
        self._pool = _Pool(context, limits)


class _Pool(httpcore2.AsyncConnectionPool):
    def __init__(self, context: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http2=True,
        )

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        return _Connection(origin, self._ssl_context, self._keepalive_expiry, http2=True)


class _Connection(httpcore2.AsyncHTTPConnection):
    """Connects, and then speaks what the handshake has agreed on."""

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        trace = request.extensions.get("trace")
        if self._connection is None and trace is not None:
            await trace(NOT_YET_CONNECTED, {})
        async with self._request_lock:
            if self._connect_failed:
                # The pool has forgotten it, and would never close what was connected now.
                raise httpcore2.ConnectionNotAvailable
            try:
                if self._connection is None:
                    self._connection = await self._speak(await self._connect(request), request)
            except BaseException:
                self._connect_failed = True
                raise
        return await self._connection.handle_async_request(request)

    async def _speak(
        self, stream: httpcore2.AsyncNetworkStream, request: httpcore2.Request
    ) -> httpcore2.AsyncConnectionInterface:
        tls = stream.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            return httpcore2.AsyncHTTP11Connection(self._origin, stream, self._keepalive_expiry)
        http2 = Http2Connection(self._origin, _CutBehindGoaway(stream), self._keepalive_expiry)
        await http2.start(request)
        return http2


class _AnsweredEarlyError(Exception):
    """The server has answered, or refused, before it had the whole question."""


class Http2Connection(httpcore2.AsyncHTTP2Connection):
    """One connection, on which any number of answers come side by side."""

    # The last stream that a server which goes away still answers; None as long as it stays.
    _last_stream: int | None = None

    async def start(self, request: httpcore2.Request) -> None:
        """Say the connection's first words. Left to the client, they are part of the first
        question, and with its cancellation every other one would find the connection half made.
        """
        try:
            await self._send_connection_init(request)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.aclose()  # waits for nobody
            raise
        # One answer at a time until the server has said how many it gives.
        self._max_streams, self._max_streams_deficit = 1, 0
        limit = self._h2_state.local_settings.max_concurrent_streams
        self._max_streams_semaphore = AsyncSemaphore(limit)
        self._max_streams_semaphore.setup()
        for _ in range(limit - self._max_streams):
            self._max_streams_semaphore.acquire_if_available()
        self._sent_connection_init = True

    def is_available(self) -> bool:
        # At the limit of either side a request would wait for another answer's end.
        ours, theirs = self._h2_state.local_settings, self._h2_state.remote_settings
        limit = min(ours.max_concurrent_streams, theirs.max_concurrent_streams)
        return super().is_available() and self._last_stream is None and len(self._events) < limit

    async def _write_outgoing_data(
        self, request: httpcore2.Request, within: float = _WRITE_WITHIN
    ) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        # Whoever is cancelled: what the state machine has given out must leave, or every other
        # answer's frames would be out of step.
        with trio.move_on_after(within, shield=True) as scope:
            await super()._write_outgoing_data(request)
        if scope.cancelled_caught:
            self._connection_error = True
            await self.aclose()
            raise httpcore2.WriteTimeout("the peer takes nothing any more")

    async def _send_request_body(self, request: httpcore2.Request, stream_id: int) -> None:
        # What was said early counts (RFC 9113, 8.1): "too large", mostly.
        with suppress(_AnsweredEarlyError):
            await super()._send_request_body(request, stream_id)

    async def _wait_for_outgoing_flow(self, request: httpcore2.Request, stream_id: int) -> int:
        while not self._events.get(stream_id):
            window = self._h2_state.local_flow_control_window(stream_id)
            if window > 0:
                return min(window, self._h2_state.max_outbound_frame_size)
            async with self._read_lock:
                if (
                    not self._events.get(stream_id)
                    and self._h2_state.local_flow_control_window(stream_id) <= 0
                ):
                    await self._receive_events(request, stream_id)
            await self._write_outgoing_data(request)
        raise _AnsweredEarlyError

    async def _read_incoming_data(self, request: httpcore2.Request) -> list[h2.events.Event]:
        stays: list[h2.events.Event] = []
        try:
            events = await super()._read_incoming_data(request)
        except h2.exceptions.ProtocolError as error:
            # Nobody on this connection can hear anything more.
            self._connection_error = True
            self._read_exception = httpcore2.RemoteProtocolError(error)
            raise self._read_exception from error
        for event in events:
            if (
                isinstance(event, h2.events.ConnectionTerminated)
                and event.error_code == h2.errors.ErrorCodes.NO_ERROR
            ):
                # It takes no new streams and finishes the old ones; h2 would refuse to hear them.
                self._last_stream = event.last_stream_id or 0
                self._h2_state.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            else:
                stays.append(event)
        return stays

    async def _receive_remote_settings_change(self, event: h2.events.RemoteSettingsChanged) -> None:
        # A server that has never named a limit has none (RFC 9113, 6.5.2).
        limit = self._h2_state.remote_settings.max_concurrent_streams
        unchanged = h2.settings.ChangedSetting(_STREAM_LIMIT, limit, limit)
        event.changed_settings.setdefault(_STREAM_LIMIT, unchanged)
        await super()._receive_remote_settings_change(event)

    async def _receive_events(
        self, request: httpcore2.Request, stream_id: int | None = None
    ) -> None:
        last = self._last_stream
        if last is not None and stream_id is not None and stream_id > last:
            raise httpcore2.ConnectionNotAvailable  # the pool asks again, on a new connection
        await super()._receive_events(request, stream_id)

    async def _receive_stream_event(
        self, request: httpcore2.Request, stream_id: int
    ) -> h2.events.ResponseReceived | h2.events.DataReceived | h2.events.StreamEnded:
        if stream_id not in self._events:  # left: whoever reads on would wait for others' data
            raise httpcore2.RemoteProtocolError("this answer was left")
        return await super()._receive_stream_event(request, stream_id)

    async def _receive_response_body(
        self, request: httpcore2.Request, stream_id: int
    ) -> AsyncGenerator[bytes]:
        async with aclosing(super()._receive_response_body(request, stream_id)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except h2.exceptions.ProtocolError as error:  # the connection has ended meanwhile
                raise httpcore2.RemoteProtocolError(error) from error

    async def _response_closed(self, stream_id: int) -> None:
        try:
            await self._leave(stream_id)
        finally:
            await super()._response_closed(stream_id)
            if self._last_stream is not None and not self._events:
                await self.aclose()

    async def _leave(self, stream_id: int) -> None:
        """Tell the server to stop, where the answer is not over. Takes at most _RESET_WITHIN."""
        stream = self._h2_state.streams.get(stream_id)
        if self._connection_error or stream is None or stream.closed:
            return
        try:
            # What was not read is given back, or leaving many answers would use up the window
            # that all of them share.
            for event in self._events.get(stream_id, ()):
                if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                    self._h2_state.acknowledge_received_data(
                        event.flow_controlled_length, stream_id
                    )
            self._h2_state.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _RESET_WITHIN):
                await self._write_outgoing_data(_NO_REQUEST, _RESET_WITHIN)
        except (h2.exceptions.ProtocolError, httpcore2.NetworkError, httpcore2.TimeoutException):
            self._connection_error = True  # it is gone, and the stream with it


# Writing asks a request for its time-outs only; a stream that is left has none.
_NO_REQUEST: Final = httpcore2.Request("GET", "https://localhost/")


class _CutBehindGoaway(httpcore2.AsyncNetworkStream):
    """A stream of which no read goes on behind a GOAWAY frame: what follows is read by a state
    machine that has been told to go on listening."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._ahead = b""
        self._head = b""
        self._left = 0  # bytes until the frame's end
        self._is_goaway = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._ahead or await self._stream.read(max_bytes, timeout)
        end = self._find_end(data)
        self._ahead = data[end:]
        return data[:end]

    def _find_end(self, data: bytes) -> int:
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                at += step
                self._left -= step
                if self._is_goaway and not self._left:
                    self._is_goaway = False
                    return at
                continue
            piece = data[at : at + _FRAME_HEAD - len(self._head)]
            at += len(piece)
            self._head += piece
            if len(self._head) == _FRAME_HEAD:
                self._left = int.from_bytes(self._head[:3])
                self._is_goaway = self._head[3] == _GOAWAY
                self._head = b""
        return at

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
