"""Plays the glasses: asks a gateway one question and shows the answer as it comes (PROTOCOL 1)."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import click
import httpx2
import orjson
import trio
from attrs import define, field, frozen

from eyeclaw_trio.errors import BadMessage, EyeclawError
from eyeclaw_trio.protocol.event_stream import EventStreamReader, ServerSentEvent
from eyeclaw_trio.providers.response_body import ResponseBody

SSE_PATH: Final = "/sse/rokid"
_OTHER_SSE_PATH: Final = "/metis/agent/api/sse"
# Shaped like the ids that real glasses send, and the id or name of no bot: the key, the wearer or
# the default decides who answers.
_AGENT_ID: Final = "0" * 32
# A living gateway sends a comment every few seconds, however long its bot thinks.
_TIMEOUT: Final = httpx2.Timeout(120.0, connect=10.0)
_REFUSAL_LIMIT: Final = 64 * 1024  # bytes read of an answer that is no stream
# A proxy of the environment cannot reach what only this machine can.
_DIRECT: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_EVERY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (read, never bound)
HINTS: Final = {
    401: "check EYECLAW_KEY; `eyeclaw key list` shows which keys there are",
    403: "this key is for another bot; `eyeclaw key list` shows which",
    404: "check the address; `eyeclaw bot list` shows which bots there are",
}


@frozen
class AskedQuestion:
    """One question. `url` is the whole address, `image` the address of a photo."""

    url: str
    key: str = field(repr=False)
    text: str
    image: str | None = None
    user_id: str | None = None
    message_id: str = field(factory=lambda: uuid.uuid4().hex)

    def encode(self) -> bytes:
        """The body as glasses send it."""
        entry: dict[str, Any] = {"role": "user", "type": "text", "text": self.text}
        if self.image is not None:
            entry = {**entry, "type": "image", "image_url": self.image}
        body = {"message_id": self.message_id, "agent_id": _AGENT_ID, "message": [entry]}
        if self.user_id is not None:
            body["user_id"] = self.user_id
        return orjson.dumps(body)


class Display(Protocol):
    """Where the events of an answer go, one by one."""

    def show(self, event: str, data: object, at_ms: int) -> None:
        """One event, `at_ms` milliseconds after the question was sent."""

    def close(self) -> None:
        """No more events."""


@define
class TextDisplay:
    """The answer's text on stdout, flushed piece by piece; what is no text goes to stderr."""

    _open_line: bool = field(default=False, init=False)

    def show(self, event: str, data: object, at_ms: int) -> None:  # noqa: ARG002
        if event != "message" or not isinstance(data, Mapping):
            return
        text = data.get("answer_stream")
        if isinstance(text, str) and text:
            click.echo(printable(text), nl=False)
            self._open_line = not text.endswith("\n")
        for name in ("tool_call", "follow_up"):
            if name in data:
                self.close()
                click.echo(f"{name}: {orjson.dumps(data[name]).decode()}", err=True)

    def close(self) -> None:
        if self._open_line:
            click.echo()
            self._open_line = False


@frozen
class JsonDisplay:
    """One object per event and line, on stdout."""

    def show(self, event: str, data: object, at_ms: int) -> None:
        line = {"event": event, "data": data, "at_ms": at_ms}
        click.echo(orjson.dumps(line).decode())

    def close(self) -> None:
        pass


async def ask(
    question: AskedQuestion, display: Display, *, verify: ssl.SSLContext | bool = True
) -> None:
    """Ask, and show every event until `done`.

    Raises EyeclawError, one line for the user, when the gateway cannot be reached, refuses, breaks
    off, or ends the answer with an apology (a finishing `message` with a text). Can be cancelled.
    """
    answer = _Answer(display)
    try:
        await _listen(question, answer, verify)
    except BadMessage as error:
        raise EyeclawError(f"{question.url} does not speak as a gateway does: {error}") from error
    except httpx2.ConnectError as error:
        raise EyeclawError(
            f"cannot reach {question.url} ({root_words(error)}); does the gateway run there?"
        ) from error
    except httpx2.TimeoutException as error:
        raise EyeclawError(f"{question.url} did not answer in time; ask again") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        # Not its own words: they can hold a header, and so the key.
        kind = type(error).__name__
        raise EyeclawError(f"the connection to {question.url} broke off ({kind})") from error
    finally:
        display.close()
    if not answer.is_done:
        raise EyeclawError("the answer broke off before its end; ask again")
    if answer.failure is not None:
        raise EyeclawError(f"the bot did not answer: {one_line(answer.failure)}")


def find_endpoint(server: str) -> str:
    """The address to ask at, from a gateway's with or without its path.

    Raises EyeclawError when this is no http address.
    """
    problem = "the server must be an address such as http://127.0.0.1:8001"
    try:
        url = urlsplit(server if "://" in server else f"http://{server}")
        good = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        raise EyeclawError(problem) from None
    if not good or "@" in url.netloc:
        raise EyeclawError(problem)
    path = url.path.rstrip("/")
    if not path.endswith((SSE_PATH, _OTHER_SSE_PATH)):
        path += SSE_PATH
    return f"{url.scheme}://{url.netloc}{path}"


def local_server(host: str, port: int, *, tls: bool) -> str:
    """The address of a gateway on this machine that listens there."""
    host = _EVERY_HOST.get(host, host)
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def trust_only(certificate: Path) -> ssl.SSLContext:
    """TLS with our own gateway, which is asked by an address that its certificate need not name.

    Nobody but the owner of the first certificate in this PEM file is trusted, whatever the name.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = certificate.read_text("ascii").partition(begin)[2].partition(end)[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=f"{begin}{first}{end}\n")
    return context


@define
class _Answer:
    """What was heard so far; `failure` is what went wrong in the gateway's own words."""

    display: Display
    is_done: bool = field(default=False, init=False)
    failure: str | None = field(default=None, init=False)

    def hear(self, event: ServerSentEvent, at_ms: int) -> None:
        data: object = event.data
        with suppress(orjson.JSONDecodeError):
            data = orjson.loads(event.data)
        self.display.show(event.event, data, at_ms)
        if event.event == "done":
            self.is_done = True
        elif self.failure is None:
            self.failure = _read_failure(event.event, data)


async def _listen(question: AskedQuestion, answer: _Answer, verify: ssl.SSLContext | bool) -> None:
    headers = {
        "Authorization": f"Bearer {question.key}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        # Compressed, the first piece would wait for the second.
        "Accept-Encoding": "identity",
    }
    reader = EventStreamReader()
    client = httpx2.AsyncClient(
        verify=verify, timeout=_TIMEOUT, mounts=dict.fromkeys(_DIRECT, None)
    )
    async with client:
        sent_at = trio.current_time()
        request = client.stream("POST", question.url, content=question.encode(), headers=headers)
        async with request as response:
            body = ResponseBody(response)
            try:
                await _refuse_what_is_no_stream(response, body)
                while not answer.is_done and (piece := await body.read()) is not None:
                    for event in reader.feed(piece):
                        answer.hear(event, round((trio.current_time() - sent_at) * 1000))
            finally:
                await body.release(whole=answer.is_done)


async def _refuse_what_is_no_stream(response: httpx2.Response, body: ResponseBody) -> None:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 200 and kind == "text/event-stream":
        return
    try:
        said = orjson.loads(await body.read_all(_REFUSAL_LIMIT))
        reasons = [said.get("error"), said.get("detail")]
    except (orjson.JSONDecodeError, AttributeError):
        reasons = ["this is no answer of a gateway"]
    words = [
        each if isinstance(each, str) else orjson.dumps(each).decode()
        for each in reasons
        if each is not None
    ]
    hint = HINTS.get(response.status_code)
    text = ": ".join([f"{response.url} said {response.status_code}", *map(one_line, words)])
    raise EyeclawError(f"{text}; {hint}" if hint else text)


def _read_failure(event: str, data: object) -> str | None:
    """What went wrong, where this event says that something did."""
    if event == "error":
        said = data.get("message") if isinstance(data, Mapping) else data
        return str(said)
    if event == "message" and isinstance(data, Mapping) and data.get("is_finish") is True:
        return str(data.get("answer_stream") or "") or None
    return None


def printable(text: str) -> str:
    """Without control characters: an answer must not command the terminal."""
    return "".join(each for each in text if each in "\n\t" or not _is_control(each))


def root_words(error: BaseException) -> str:
    """What was wrong in the end: the words of the innermost cause that has any."""
    words = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        words = str(cause) or words
        cause = cause.__cause__ or cause.__context__
    return words


def one_line(text: str) -> str:
    """The words of another program, fit for one line of ours."""
    return " ".join(printable(text[:1000]).split())


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"
