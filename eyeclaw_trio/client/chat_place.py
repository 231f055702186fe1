"""Where to chat, and the way there: one session at one gateway (PROTOCOL 4)."""

from __future__ import annotations

import ssl
from typing import Final, cast
from urllib.parse import quote, urlsplit

import orjson
import trio
from attrs import field, frozen
from trio_websocket import (
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from eyeclaw_trio.client.ask import HINTS, one_line, root_words
from eyeclaw_trio.errors import EyeclawError

CHAT_PATH: Final = "/ws/stream/"
# Seconds for the way to the gateway: TCP and TLS, then its answer to the upgrade.
_CONNECT_WITHIN: Final = 10.0
_LARGEST_FRAME: Final = 1_048_576  # bytes
_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}


@frozen
class ChatPlace:
    """Where to chat: one session at one gateway. The key travels in a header: addresses end up
    in logs."""

    host: str
    port: int
    is_secure: bool
    path: str
    key: str = field(repr=False)
    provider: str | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address as the user may see it."""
        return f"{'https' if self.is_secure else 'http'}://{self.authority}"


def find_place(server: str, session: str, key: str, provider: str | None = None) -> ChatPlace:
    """The place of this session at a gateway's address. Raises EyeclawError."""
    problem = "the server must be an address such as http://127.0.0.1:8001"
    try:
        url = urlsplit(server if "://" in server else f"http://{server}")
        secure = _SECURE.get(url.scheme)
        port = url.port or (443 if secure else 80)
        good = secure is not None and url.hostname and url.port != 0 and "@" not in url.netloc
    except ValueError:
        raise EyeclawError(problem) from None
    if not good or not url.hostname or not server.isascii() or not server.isprintable():
        raise EyeclawError(problem)
    path = f"{url.path.rstrip('/')}{CHAT_PATH}{quote(session, safe='')}?format=json"
    return ChatPlace(url.hostname, port, bool(secure), path, key, provider)


async def open_stream(place: ChatPlace, verify: ssl.SSLContext | None) -> trio.abc.Stream:
    """Connect to the gateway, with TLS where its address says so. Raises EyeclawError."""
    reason = "it took too long"
    with trio.move_on_after(_CONNECT_WITHIN):
        try:
            stream = await trio.open_tcp_stream(place.host, place.port)
        except OSError as error:
            reason = root_words(error)
        else:
            if not place.is_secure:
                return stream
            context = verify or ssl.create_default_context()
            secure = trio.SSLStream(
                stream, context, server_hostname=place.host, https_compatible=True
            )
            try:
                await secure.do_handshake()
            except trio.BrokenResourceError as error:
                await trio.aclose_forcefully(stream)
                reason = root_words(error)
            else:
                return secure
    raise EyeclawError(f"cannot reach {place.shown} ({reason}); does the gateway run there?")


async def upgrade(
    nursery: trio.Nursery, stream: trio.abc.Stream, place: ChatPlace
) -> WebSocketConnection:
    """Go on with WebSocket, in this nursery. Raises EyeclawError for what is no gateway; one that
    refuses ends the nursery with ConnectionRejected."""
    try:
        with trio.fail_after(_CONNECT_WITHIN):
            return await wrap_client_stream(
                nursery,
                cast(trio.SocketStream, stream),  # the library takes any stream
                place.authority,
                place.path,
                extra_headers=[
                    (b"Authorization", b"Bearer " + place.key.encode()),
                    (b"Accept-Language", b"en"),
                ],
                max_message_size=_LARGEST_FRAME,
            )
    except (HandshakeError, trio.TooSlowError):
        raise EyeclawError(f"{place.shown} does not speak as a gateway does") from None


def describe(group: ExceptionGroup[ConnectionRejected], place: ChatPlace) -> str:
    """Why the gateway has refused, and how to mend it, in one line."""
    refused: ConnectionRejected | ExceptionGroup[ConnectionRejected] = group
    while isinstance(refused, ExceptionGroup):
        refused = refused.exceptions[0]
    text = f"{place.shown} said {refused.status_code}"
    try:
        answer = orjson.loads(refused.body or b"")
        said = [answer["error"], *(answer["detail"] or {}).values()]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return f"{text}: this is no answer of a gateway"
    text = ": ".join([text, *(one_line(str(each)) for each in said)])
    hint = HINTS.get(refused.status_code)
    return f"{text}; {hint}" if hint else text
