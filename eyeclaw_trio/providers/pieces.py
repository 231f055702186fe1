"""One answer, read from its response: its text and calls, when it ends, and whether it ended well.

A call is given out when it is whole: at its end, or when something else comes. One that is cut off
is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import httpx2
import trio
from attrs import define, field

from eyeclaw_trio.core.tool_calls import ToolCalls, ToolUse
from eyeclaw_trio.errors import BadMessage, ProviderFailed, Reason
from eyeclaw_trio.protocol.completions import (
    Closing,
    CompletionEvent,
    Delta,
    Done,
    Failure,
    Usage,
    decode_completion,
    decode_delta,
)
from eyeclaw_trio.protocol.event_stream import EventStreamReader
from eyeclaw_trio.providers.departure import Departure
from eyeclaw_trio.providers.failures import Blame
from eyeclaw_trio.providers.provider import Piece
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.providers.settings import ProviderSettings

# Seconds from `finish_reason` to `[DONE]`, after which nobody waits for it: the text is whole.
FINISH_GRACE: Final = 1.0
# Bytes of an answer that comes in one go.
WHOLE_LIMIT: Final = 4 * 1024 * 1024

_STREAM_TYPES: Final = ("text/event-stream", "text/plain", "application/octet-stream", "")


@define
class Pieces:
    """The text and the calls of one answer, as they come. `whole` is true once its end was seen.

    A class, not a generator: it may be dropped in the middle without anything left to close.
    """

    _body: ResponseBody
    _settings: ProviderSettings
    _blame: Blame
    _departure: Departure
    whole: bool = field(default=False, init=False)
    _events: EventStreamReader = field(factory=EventStreamReader, init=False)
    _waiting: deque[Piece] = field(factory=deque, init=False)
    _calls: ToolCalls = field(factory=ToolCalls, init=False)
    _any_output: bool = field(default=False, init=False)
    _finish_reason: str | None = field(default=None, init=False)
    _usage: Usage | None = field(default=None, init=False)
    _end: Exception | None = field(default=None, init=False)
    _deadline: float = field(init=False)

    @_deadline.default
    def _first_deadline(self) -> float:
        return self._departure.deadline

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self

    @property
    def closing(self) -> Closing:
        """What the model has said of the answer, as far as it is known."""
        return Closing(self._finish_reason, self._usage)

    async def __anext__(self) -> Piece:
        waiting = False
        while not self._waiting:
            if self._end is not None:
                raise self._end
            if not waiting:
                # A reader that was busy elsewhere is no fault of the model's.
                waiting = True
                self._extend_deadline()
            await self._receive()
        return self._waiting.popleft()

    async def _receive(self) -> None:
        try:
            with trio.move_on_at(self._deadline) as scope:
                if self._is_one_piece():
                    self._take(decode_completion(await self._body.read_all(WHOLE_LIMIT)))
                    return self._finish()
                data = await self._body.read()
        except httpx2.HTTPError as error:
            return self._break_off(error)
        if scope.cancelled_caught:
            return self._run_out_of_time()
        if data is None:
            return self._break_off(None)
        try:
            events = self._events.feed(data)
        except BadMessage as error:
            self._end = ProviderFailed(Reason.MODEL_ERROR, str(error))
            return None
        for event in events:
            self._take(decode_delta(event.data))
        return None

    def _is_one_piece(self) -> bool:
        """Whether the server has ignored `stream: true`."""
        content_type, _, _ = self._body.response.headers.get("content-type", "").partition(";")
        content_type = content_type.strip().lower()
        if "json" not in content_type and content_type not in _STREAM_TYPES:
            raise ProviderFailed(
                Reason.MODEL_ERROR, f"not a model's answer: {self._blame.excerpt(content_type)}"
            )
        return "json" in content_type

    def _take(self, event: CompletionEvent) -> None:
        if self._end is not None:
            return  # what comes behind the end is nobody's
        match event:
            case Delta(text, finish_reason, usage, calls, own_tools):
                self._waiting += [ToolUse(name) for name in own_tools]
                self._finish_reason = finish_reason or self._finish_reason
                self._usage = usage or self._usage
                if text:
                    self._waiting += self._calls.take()  # whole, now that something else comes
                    self._waiting.append(text)
                self._calls.add(calls)
                if text or calls:
                    self._note_output(has_begun=bool(calls) or not text.isspace())
                if finish_reason is not None:
                    self._waiting += self._calls.take()
                self._extend_deadline()
            case Done():
                self._finish()
            case Failure():
                self._end = self._blame.failure(event)

    def _note_output(self, *, has_begun: bool) -> None:
        if has_begun and not self._any_output:
            self._any_output = True
            self._departure.mark("first_token")
        self._departure.mark("last_token")

    def _extend_deadline(self) -> None:
        if self._finish_reason is not None:
            self._deadline = trio.current_time() + FINISH_GRACE
        elif self._any_output:
            self._deadline = trio.current_time() + self._settings.token_timeout

    def _finish(self) -> None:
        if self._end is not None:
            return
        self.whole = True
        self._waiting += self._calls.take()
        if self._any_output:
            self._end = StopAsyncIteration()
        else:
            why = self._finish_reason or "none"
            self._end = ProviderFailed(
                Reason.EMPTY_ANSWER, f"no text; finish_reason: {self._blame.excerpt(why)}"
            )

    def _break_off(self, error: httpx2.HTTPError | None) -> None:
        """The body has ended. That is fine behind a `finish_reason`, and only there."""
        last = self._events.finish()
        if last is not None and not isinstance(read := decode_delta(last.data), Failure):
            self._take(read)
        if self._end is None and self._finish_reason is not None:
            self._finish()
        elif self._end is None:
            self._end = self._blame.cut(error)

    def _run_out_of_time(self) -> None:
        if self._finish_reason is not None:
            self._finish()
        elif self._any_output:
            timeout = self._settings.token_timeout
            self._end = ProviderFailed(Reason.MODEL_TIMEOUT, f"nothing more for {timeout:g} s")
        else:
            self._end = self._blame.no_text(self._settings.first_token_timeout)
