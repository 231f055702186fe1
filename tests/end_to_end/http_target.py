"""A running gateway as a client of HTTP sees it: bytes there, a response back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import h11
import trio
from attrs import frozen
from fakes import question
from running_gateway import Gateway

MEBIBYTE: Final = 1_048_576
# What stands for a credential in a request, because it is known only when the gateway runs.
GOOD, REVOKED, LIMITED = b"<good>", b"<revoked>", b"<limited>"
REQUEST_TIMEOUT: Final = 0.5


@frozen
class Target:
    """A gateway, and the keys that a request may show."""

    gateway: Gateway
    keys: dict[bytes, str]

    async def talk(self, sent: bytes, method: str = "POST") -> Response:
        """What comes back for these bytes."""
        for name, key in self.keys.items():
            sent = sent.replace(name, key.encode())
        with trio.fail_after(10):
            stream = await trio.open_tcp_stream(self.gateway.host, self.gateway.port)
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(send_all, stream, sent)
                response = await receive_response(stream, method)
                nursery.cancel_scope.cancel()
        return response


async def send_all(stream: trio.SocketStream, sent: bytes) -> None:
    """Send for as long as the other end takes it; it may refuse in the middle."""
    with suppress(trio.BrokenResourceError):
        await stream.send_all(sent)


@frozen
class Response:
    """A response of the gateway; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The JSON of a refusal, which has to have its two keys."""
        assert self.headers["content-type"] == "application/json"
        error: dict[str, Any] = json.loads(self.body)
        assert list(error) == ["error", "detail"]
        return error


async def receive_response(stream: trio.abc.ReceiveStream, method: str) -> Response:
    """One whole response, to whatever was sent on this stream."""
    client = h11.Connection(h11.CLIENT)
    # h11 reads responses to its own requests only; this one is never sent.
    client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    status, headers, body = 0, {}, b""
    while True:
        match client.next_event():
            case h11.NEED_DATA:
                client.receive_data(bytes(await stream.receive_some()))
            case h11.Response(status_code=status) as response:
                headers = {name.decode(): value.decode() for name, value in response.headers}
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage():
                return Response(status, headers, body)
            case h11.InformationalResponse():
                pass
            case event:
                raise AssertionError(event)


# --- how requests are written ---------------------------------------------------------------------


def raw(
    body: bytes,
    *lines: str,
    method: str = "POST",
    target: str = "/sse/rokid",
    version: str = "1.1",
    key: bytes = GOOD,
    without: Sequence[str] = (),
) -> bytes:
    """A request as bytes, so that it can be as wrong as a test wants; `lines` replace defaults."""
    headers = {
        "host": "Host: gateway.example",
        "authorization": f"Authorization: Bearer {key.decode()}",
        "content-type": "Content-Type: application/json",
        "content-length": f"Content-Length: {len(body)}",
    }
    replaced = {line.partition(":")[0].lower() for line in lines} | set(without)
    kept = [line for name, line in headers.items() if name not in replaced]
    head = "\r\n".join([f"{method} {target} HTTP/{version}", *kept, *lines])
    return head.encode() + b"\r\n\r\n" + body


def ask(*lines: str, **choices: Any) -> bytes:
    """A question with nothing wrong in its body."""
    return raw(json.dumps(question("你好", agent_id="home")).encode(), *lines, **choices)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end
    return raw(body, "Transfer-Encoding: chunked", without=["content-length"])


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    """A request without body and without a key."""
    without = ["content-length", "authorization"]
    return raw(b"", *lines, method=method, target=target, without=without)


def upgrade(*lines: str, target: str = "/cable?sdk_token=wrong&bot_id=1") -> bytes:
    handshake = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    replaced = {line.partition(":")[0] for line in lines}
    kept = [line for line in handshake if line.partition(":")[0] not in replaced]
    head = [f"GET {target} HTTP/1.1", "Host: gateway.example", *kept, *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


WHOLE: Final = question("你好", agent_id="home")
ENTRY: Final = {"role": "user", "type": "text", "text": "你好"}


def changed(**fields: Any) -> bytes:
    return raw(json.dumps({**WHOLE, **fields}).encode())


def without(*names: str) -> bytes:
    return raw(json.dumps({k: v for k, v in WHOLE.items() if k not in names}).encode())


# --- the table ------------------------------------------------------------------------------------

BODIES: Final = {
    "no body at all": (raw(b""), [""]),
    "not JSON": (raw(b"{'a': 1}"), [""]),
    "half of JSON": (raw(b'{"message_id":"1",'), [""]),
    "not UTF-8": (raw(b'{"message_id":"\xff\xfe"}'), [""]),
    "NaN": (raw(b'{"message_id":NaN}'), [""]),
    "half a surrogate pair": (raw(b'{"message_id":"\\ud800"}'), [""]),
    "a hundred thousand levels": (raw(b"[" * 100_000), [""]),
    "an array": (raw(b"[]"), [""]),
    "a number": (raw(b"1"), [""]),
    "null": (raw(b"null"), [""]),
    "all fields missing": (raw(b"{}"), ["message_id", "agent_id", "message"]),
    "message_id missing": (without("message_id"), ["message_id"]),
    "agent_id missing": (without("agent_id"), ["agent_id"]),
    "message missing": (without("message"), ["message"]),
    "message_id null": (changed(message_id=None), ["message_id"]),
    "message_id empty": (changed(message_id=""), ["message_id"]),
    "message_id true": (changed(message_id=True), ["message_id"]),
    "message_id of 129 characters": (changed(message_id="1" * 129), ["message_id"]),
    "agent_id of 129 characters": (changed(agent_id="a" * 129), ["agent_id"]),
    "agent_id an object": (changed(agent_id={}), ["agent_id"]),
    "user_id of 129 characters": (changed(user_id="u" * 129), ["user_id"]),
    "user_id an array": (changed(user_id=[]), ["user_id"]),
    "message a text": (changed(message="你好"), ["message"]),
    "message an object": (changed(message=ENTRY), ["message"]),
    "message empty": (changed(message=[]), ["message"]),
    "an entry that is a text": (changed(message=["你好"]), ["message[0]"]),
    "no role": (changed(message=[{"type": "text", "text": "x"}]), ["message[0].role"]),
    "an unknown role": (changed(message=[{**ENTRY, "role": "system"}]), ["message[0].role"]),
    "no entry of the user": (changed(message=[{**ENTRY, "role": "agent"}]), ["message"]),
    "an unknown type": (changed(message=[{**ENTRY, "type": "sound"}]), ["message[0].type"]),
    "a text that is a number": (changed(message=[{**ENTRY, "text": 1}]), ["message[0].text"]),
    "an empty question": (changed(message=[{**ENTRY, "text": ""}]), ["message"]),
    "metadata a text": (changed(metadata="zh"), ["metadata"]),
    "two things wrong": (
        changed(agent_id=None, message=[ENTRY, {**ENTRY, "role": 1}]),
        ["agent_id", "message[1].role"],
    ),
}
