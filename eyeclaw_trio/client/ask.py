"""Plays the glasses: asks a gateway one question and shows the answer as it comes (PROTOCOL 1)."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import httpx2
import orjson
import trio
from attrs import define, field, frozen

from eyeclaw_trio.client.display import Display, Shown
from eyeclaw_trio.client.hints import with_hint
from eyeclaw_trio.errors import BadMessage, EyeclawError
from eyeclaw_trio.protocol.endpoint import OTHER_SSE_PATH, SSE_PATH, Endpoint
from eyeclaw_trio.protocol.event_stream import EventStreamReader, ServerSentEvent
from eyeclaw_trio.protocol.harmless import harmless_line
from eyeclaw_trio.providers.response_body import ResponseBody
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.connect import explain_refusal, speaks_tls
from eyeclaw_trio.wire.connect_failures import describe_failure, suggest_tls

# Shaped like the ids that real glasses send, and the id or name of no bot: the key, the wearer or
# the default decides who answers.
ANY_AGENT: Final = "0" * 32
# A living gateway sends a comment every few seconds, however long its bot thinks.
_TIMEOUT: Final = httpx2.Timeout(120.0, connect=10.0)
_REFUSAL_LIMIT: Final = 64 * 1024  # bytes read of an answer that is no stream
# A proxy of the environment cannot reach what only this machine can.
DIRECT: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")


@frozen
class AskedQuestion:
    """One question to the gateway at `endpoint`. `image` is the address of a photo,
    `agent_id` the id or name of a bot."""

    endpoint: Endpoint
    key: str = field(repr=False)
    text: str
    image: str | None = None
    user_id: str | None = None
    agent_id: str = ANY_AGENT
    message_id: str = field(factory=lambda: uuid.uuid4().hex)

    @property
    def url(self) -> str:
        """Where it is asked: at the door that the address named, else at the usual one."""
        path = OTHER_SSE_PATH if self.endpoint.path == OTHER_SSE_PATH else SSE_PATH
        return f"{self.endpoint.url}{path}"

    def encode(self) -> bytes:
        """The body as glasses send it."""
        entry: dict[str, Any] = {"role": "user", "type": "text", "text": self.text}
        if self.image is not None:
            entry = {**entry, "type": "image", "image_url": self.image}
        body = {"message_id": self.message_id, "agent_id": self.agent_id, "message": [entry]}
        if self.user_id is not None:
            body["user_id"] = self.user_id
        return orjson.dumps(body)


async def ask(
    question: AskedQuestion, display: Display, *, context: ssl.SSLContext | None = None
) -> None:
    """Ask, and show every event until `done`; over TLS with `context`, else with whom we trust.

    Raises EyeclawError, one line for the user, when the gateway cannot be reached, refuses, breaks
    off, or ends the answer with an apology (a finishing `message` with a text). Cancelled, it
    closes the connection, by which the gateway knows.
    """
    answer = _Answer(display)
    endpoint = question.endpoint
    if endpoint.is_secure and context is None:
        context = trusted_context()
    try:
        await _listen(question, answer, context)
    except BadMessage as error:
        raise EyeclawError(f"{question.url} does not speak as a gateway does: {error}") from error
    except httpx2.ConnectTimeout:
        raise EyeclawError(f"cannot reach {endpoint.url}: no connection in time") from None
    except httpx2.ConnectError as error:
        raise EyeclawError(describe_failure(error, endpoint)) from error
    except httpx2.TimeoutException as error:
        raise EyeclawError(f"{question.url} did not answer in time; ask again") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        if not answer.has_begun and await speaks_tls(endpoint):
            raise EyeclawError(suggest_tls(endpoint)) from error
        # Not its own words: they can hold a header, and so the key.
        kind = type(error).__name__
        raise EyeclawError(f"the connection to {question.url} broke off ({kind})") from error
    finally:
        display.close()
    if not answer.is_done:
        raise EyeclawError("the answer broke off before its end; ask again")
    if answer.failure is not None:
        raise EyeclawError(f"the bot did not answer: {harmless_line(answer.failure)}")


@define
class _Answer:
    """What was heard so far; `failure` is what went wrong in the gateway's own words."""

    display: Display
    has_begun: bool = field(default=False, init=False)
    is_done: bool = field(default=False, init=False)
    failure: str | None = field(default=None, init=False)

    def hear(self, event: ServerSentEvent, at_ms: int) -> None:
        data: object = event.data
        with suppress(orjson.JSONDecodeError):
            data = orjson.loads(event.data)
        record = {"event": event.event, "data": data, "at_ms": at_ms}
        self.display.show(_describe(record, event.event, data))
        if event.event == "done":
            self.is_done = True
        elif self.failure is None:
            self.failure = _read_failure(event.event, data)


async def _listen(question: AskedQuestion, answer: _Answer, context: ssl.SSLContext | None) -> None:
    headers = {
        "Authorization": f"Bearer {question.key}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        # Compressed, the first piece would wait for the second.
        "Accept-Encoding": "identity",
    }
    reader = EventStreamReader()
    client = httpx2.AsyncClient(
        # Without TLS nothing is verified, and no certificates need be read.
        verify=context if context is not None else False,
        timeout=_TIMEOUT,
        mounts=dict.fromkeys(DIRECT, None),
    )
    async with client:
        sent_at = trio.current_time()
        request = client.stream("POST", question.url, content=question.encode(), headers=headers)
        async with request as response:
            answer.has_begun = True
            body = ResponseBody(response)
            try:
                await _refuse_what_is_no_stream(question.endpoint, response, body)
                while not answer.is_done and (piece := await body.read()) is not None:
                    for event in reader.feed(piece):
                        answer.hear(event, round((trio.current_time() - sent_at) * 1000))
            finally:
                await body.release(whole=answer.is_done)


async def _refuse_what_is_no_stream(
    endpoint: Endpoint, response: httpx2.Response, body: ResponseBody
) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    status = response.status_code
    if status == 200 and kind == "text/event-stream":
        return
    said = await explain_refusal(endpoint, status, await body.read_all(_REFUSAL_LIMIT))
    raise EyeclawError(with_hint(harmless_line(said), status))


def _read_failure(event: str, data: object) -> str | None:
    """What went wrong, where this event says that something did."""
    if event == "error":
        said = data.get("message") if isinstance(data, Mapping) else data
        return str(said)
    if event == "message" and isinstance(data, Mapping) and data.get("is_finish") is True:
        return str(data.get("answer_stream") or "") or None
    return None


def _describe(record: Mapping[str, Any], event: str, data: object) -> Shown:
    if event != "message" or not isinstance(data, Mapping):
        return Shown(record)
    text = data.get("answer_stream")
    notes = [
        f"{name}: {orjson.dumps(data[name]).decode()}"
        for name in ("tool_call", "follow_up")
        if name in data
    ]
    return Shown(record, text if isinstance(text, str) else "", tuple(notes))
