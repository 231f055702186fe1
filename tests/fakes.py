"""A gateway's doors without its sockets, and glasses over any stream."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import h11
import trio
import trio.testing
from attrs import define, field
from bot_fakes import FakeBot
from trio_websocket import WebSocketConnection, wrap_client_stream

from eyeclaw_trio.core.directory import AccessKey, Bot, Directory, digest
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.front_door import FrontDoor, Handler
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.photo_desk import PhotoDesk
from eyeclaw_trio.server.reception import OpenAnswers, Reception
from eyeclaw_trio.wire.services import Services

Pair = tuple[trio.abc.Stream, trio.abc.Stream]

KEY = "ak_test-key-of-the-tests"
LIMITED_KEY = "ak_test-key-of-bot-2-only"
TOKEN = "bt_test-token-of-bot-1"
OFFLINE = "Bot 已离线，请检查设备连接后重试。"
SILENT = "请求超时，Bot 可能已离线或响应缓慢，请稍后重试。"
FAILED = "Bot 处理出错，请稍后重试。"
BUSY = "Bot 正忙，请稍后重试。"


def make_bot(
    bot_id: int = 1, name: str = "home", token: str | None = TOKEN, *, is_default: bool = False
) -> Bot:
    """A bot that links over /cable."""
    return Bot(
        id=bot_id,
        name=name,
        provider=None,
        origin="command",
        is_default=is_default,
        is_configured=True,
        token_digest=digest(token) if token else None,
        rokid_user_id=None,
        created_at="2026-01-01T00:00:00Z",
    )


def make_key(secret: str = KEY, key_id: int = 1, bot_id: int | None = None) -> AccessKey:
    """An access key that is active."""
    return AccessKey(
        key_id, "test", secret[:8], digest(secret), bot_id, True, "2026-01-01T00:00:00Z", None
    )


def make_directory(default: int | None = None) -> Directory:
    """Bot 1 `home` and bot 2 `other`, which has a key of its own; `default` says who is it."""
    first = make_bot(is_default=default == 1)
    second = make_bot(2, "other", "bt_test-token-of-bot-2", is_default=default == 2)
    return Directory(
        keys=(make_key(), make_key(LIMITED_KEY, 2, bot_id=2)),
        bots={1: first, 2: second},
    )


def question(text: str = "你好", **fields: Any) -> dict[str, Any]:
    """The body of a POST, as the platform documents it."""
    body: dict[str, Any] = {
        "message_id": "1021",
        "agent_id": "1",
        "user_id": "user_123",
        "message": [{"role": "user", "type": "text", "text": text}],
    }
    return body | fields


@define(eq=False)
class Gateway:
    """The public listener's parts without its sockets."""

    patience: Patience = field(factory=Patience)
    limits: Limits = field(factory=Limits)
    directory: Directory = field(factory=make_directory)
    origins: Origins = field(factory=Origins)
    is_draining: bool = False
    services: Services = field(factory=Services)
    traces: list[Trace] = field(factory=list)
    answers: OpenAnswers = field(factory=OpenAnswers)
    photos: PhotoDesk | None = None
    switchboard: Switchboard = field(init=False)
    front_door: FrontDoor = field(init=False)
    reception: Reception = field(init=False)
    _routes: dict[str, Mapping[str, Handler]] = field(factory=dict)
    _running: trio.Lock = field(factory=trio.Lock)

    def __attrs_post_init__(self) -> None:
        self.switchboard = Switchboard(self.patience, self.limits)
        self.reception = Reception(
            gate=Gate(lambda: self.directory),
            switchboard=self.switchboard,
            patience=self.patience,
            limits=self.limits,
            is_draining=lambda: self.is_draining,
            answers=self.answers,
            on_key_used=lambda _: None,
            on_turn_over=self.traces.append,
            photos=self.photos,
            pace=self.services.admission.wait_as,
        )
        glasses = GlassesDoor(self.reception)
        self.open_doors({path: {"POST": glasses.answer} for path in PATHS})

    @property
    def gate(self) -> Gate:
        """Who comes in, by the directory as it is now."""
        return self.reception.gate

    def open_doors(self, routes: Mapping[str, Mapping[str, Handler]]) -> None:
        """Open these beside those that are open already, or in their place."""
        self._routes |= routes
        self.front_door = FrontDoor(
            self._routes, self.origins, self.patience, self.limits, self.services.poller
        )

    @asynccontextmanager
    async def services_running(self) -> AsyncIterator[None]:
        """WebSockets are read, written to and pinged while inside."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run_services)
            yield
            nursery.cancel_scope.cancel()

    async def run_services(self) -> None:
        """Run the services, as soon as nobody else does."""
        async with self._running:
            await self.services.run()

    def bot(self, bot_id: int = 1, **fields: Any) -> FakeBot:
        return FakeBot(self.switchboard.station(bot_id), **fields)

    @asynccontextmanager
    async def glasses(
        self, pair: Callable[[], Pair] = trio.testing.memory_stream_pair
    ) -> AsyncIterator[Glasses]:
        """A client over a stream; leaving hangs up and waits for the gateway's side."""
        ours, theirs = pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.front_door.serve_connection, theirs)
            try:
                yield Glasses(ours)
            finally:
                await trio.aclose_forcefully(ours)

    @asynccontextmanager
    async def websocket(
        self,
        target: str,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (),
        subprotocols: list[str] | None = None,
        pair: Callable[[], Pair] = trio.testing.memory_stream_pair,
    ) -> AsyncIterator[tuple[WebSocketConnection, trio.abc.Stream]]:
        """A client's WebSocket and the stream below it; leaving hangs up and waits for the
        gateway's side."""
        ours, theirs = pair()
        async with self.services_running(), trio.open_nursery() as nursery:
            nursery.start_soon(self.front_door.serve_connection, theirs)
            async with trio.open_nursery() as library:
                socket = await wrap_client_stream(
                    library,
                    cast(trio.SocketStream, ours),  # any stream will do
                    "gateway.example",
                    target,
                    extra_headers=list(headers),
                    subprotocols=subprotocols,
                    max_message_size=10_000_000,
                )
                try:
                    yield socket, ours
                finally:
                    await trio.aclose_forcefully(ours)
                    library.cancel_scope.cancel()


@asynccontextmanager
async def reading_nothing(gateway: Gateway, bot: FakeBot) -> AsyncIterator[tuple[Glasses, str]]:
    """Glasses that have asked and seen the comment, and then take nothing until they are read;
    yields them and their turn. Leaving waits for the gateway's side."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        glasses, asked = Glasses(ours), len(bot.commands)
        await glasses.send()
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        yield glasses, (await bot.wait_for_commands(asked + 1))[asked].session_id


class Glasses:
    """The platform's HTTP client: one connection, one request after the other."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._h11 = h11.Connection(h11.CLIENT)
        self._text = ""
        self.raw = b""

    async def send(
        self,
        body: object = None,
        *,
        method: str = "POST",
        target: str = "/sse/rokid",
        key: str | None = KEY,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Send a request whose body is this JSON (or bytes as they are)."""
        data = body if isinstance(body, bytes) else json.dumps(body or question()).encode()
        if method in ("GET", "HEAD", "OPTIONS") and body is None:
            data = b""
        credentials = [("Authorization", f"Bearer {key}")] if key else []
        names = {name.lower() for name, _ in headers}
        defaults = [
            ("Host", "gateway.example"),
            ("Content-Type", "application/json"),
            *([] if "transfer-encoding" in names else [("Content-Length", str(len(data)))]),
        ]
        request = h11.Request(
            method=method,
            target=target,
            headers=[
                *(pair for pair in defaults if pair[0].lower() not in names),
                *credentials,
                *headers,
            ],
        )
        head = self._h11.send(request) or b""
        rest = (self._h11.send(h11.Data(data=data)) or b"") if data else b""
        end = self._h11.send(h11.EndOfMessage()) or b""
        await self.stream.send_all(head + rest + end)

    async def receive_head(self) -> h11.Response:
        event = await self._next()
        assert isinstance(event, h11.Response), event
        return event

    async def receive_body(self) -> bytes:
        body = b""
        while True:
            event = await self._next()
            if isinstance(event, h11.EndOfMessage):
                self._h11.start_next_cycle() if self._h11.our_state is h11.DONE else None
                return body
            assert isinstance(event, h11.Data), event
            body += event.data

    async def receive_event(self) -> str:
        """The next block of the stream: an event or a comment, without its blank line."""
        while "\n\n" not in self._text:
            event = await self._next()
            assert isinstance(event, h11.Data), event
            self._text += bytes(event.data).decode()
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def receive_answer(self) -> list[str]:
        """All blocks up to the end of the response."""
        text = self._text + (await self.receive_body()).decode()
        self._text = ""
        assert text.endswith("\n\n"), text
        return text[:-2].split("\n\n")

    async def _next(self) -> object:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = bytes(await self.stream.receive_some())
            self.raw += data
            self._h11.receive_data(data)


def read_events(blocks: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The events among these blocks as (name, data); comments are left out."""
    events = []
    for block in blocks:
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def spoken(blocks: Sequence[str]) -> str:
    """What a wearer hears: the texts of all `message` events, joined."""
    return "".join(
        data.get("answer_stream", "") for name, data in read_events(blocks) if name == "message"
    )


def without_code(text: str) -> str:
    """A failure's text as the gateway of a process says it, which ends with a code."""
    bare, code = re.subn(r"（代码 [2-8FKLMPQRWY]{6}）$| \(code [2-8FKLMPQRWY]{6}\)$", "", text)
    assert code == 1, text
    return bare


def assert_whole(blocks: Sequence[str], text: str) -> None:
    """The stream says exactly this text and ends as every answer must."""
    events = read_events(blocks)
    assert spoken(blocks) == text
    assert [name for name, _ in events].count("done") == 1
    assert events[-1][0] == "done"
    assert "answer_stream" not in events[-1][1]
    assert [data["is_finish"] for name, data in events if name == "message"][-1] is True
    assert all(not data["is_finish"] for name, data in events[:-2] if name == "message")
