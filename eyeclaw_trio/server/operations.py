"""`GET /health` and `GET /stats`: how the gateway is, and how fast its answers are (PROTOCOL 6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import attrs
from attrs import field, frozen

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.provider_timing import ProviderAnswer, ProviderTimings, Targets
from eyeclaw_trio.core.timings import Timings
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.request_reader import Request

Health = Callable[[], tuple[int, dict[str, object]]]
# Answers of linked bots come from no provider of ours.
LINKED: Final = "linked"

_WELCOME: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>eyeclaw</title>
<h1>eyeclaw works</h1>
<p>This is the gateway between AR glasses and their owner's own agent. Glasses and agents talk to
it; there is nothing to see here.</p>
<p lang="zh-CN">这里是 AR 眼镜与主人自己的智能体之间的网关，运行正常。
眼镜和智能体与它通信，此处没有可浏览的内容。</p>
</html>
""".encode()
_WELCOME_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


@frozen
class WelcomeDoor:
    """Shows a person who opens the address that it works, and nothing else."""

    async def show(self, _: Request, connection: HttpConnection) -> None:
        """Handle one GET. Raises ReaderGone; cancellation may leave half an answer."""
        await connection.writer.respond(200, _WELCOME, _WELCOME_HEADERS)


@frozen
class HealthDoor:
    """Shows what `health` says: a status, and a body for people and probes. Needs no key."""

    health: Health

    async def show(self, _: Request, connection: HttpConnection) -> None:
        """Handle one GET. Raises ReaderGone; cancellation may leave half an answer."""
        status, body = self.health()
        await connection.writer.respond_json(status, body)


@frozen
class Stopwatch:
    """The timings of answers, by bot and by provider; as many as there are of those."""

    by_bot: dict[int, Timings] = field(factory=lambda: defaultdict(Timings))
    by_provider: dict[str, Timings] = field(factory=lambda: defaultdict(Timings))
    upstream: dict[str, ProviderTimings] = field(factory=dict)

    def note(self, trace: Trace, directory: Directory, now: float) -> None:
        """Count a turn that ended at `now` (monotonic seconds). Never waits."""
        bot = directory.bots.get(trace.bot_id) if trace.bot_id is not None else None
        if trace.provider is not None:  # a chat client's, without a bot
            self.by_provider[trace.provider].add(trace, now)
        if bot is None:
            return
        self.by_bot[bot.id].add(trace, now)
        self.by_provider[bot.provider or LINKED].add(trace, now)

    def note_answer(self, answer: ProviderAnswer, targets: Targets) -> bool | None:
        """Count what a provider took; whether its target was met, None for a failure."""
        if answer.provider not in self.upstream:
            self.upstream[answer.provider] = ProviderTimings(targets)
        return self.upstream[answer.provider].add(answer)

    def describe_providers(self) -> dict[str, dict[str, Any]]:
        """Every provider that was asked, directly or by turns."""
        watched = self.upstream
        return {
            name: {
                **_describe(self.by_provider.get(name)),
                **(watched[name].describe() if name in watched else {}),
            }
            for name in dict.fromkeys([*self.by_provider, *watched])
        }


@frozen
class StatsDoor:
    """Shows live counts and timings to whoever has an access key; a key made for one bot shows
    that bot only."""

    gate: Gate
    switchboard: Switchboard
    stopwatch: Stopwatch
    health: Health

    async def show(self, request: Request, connection: HttpConnection) -> None:
        """Handle one GET. Raises RequestRefused (401, 429) and ReaderGone; cancellation may leave
        half an answer."""
        key = self.gate.require_key(request)
        bots = [
            {
                "id": bot.id,
                "name": bot.name,
                "provider": bot.provider,
                "online": self.switchboard.is_online(bot.id),
                "turns_open": self.switchboard.station(bot.id).open_turns,
                **_describe(self.stopwatch.by_bot.get(bot.id)),
            }
            for bot in self.gate.directory().bots.values()
            if key.bot_id in (None, bot.id)
        ]
        body: dict[str, object] = {"bots": bots}
        if key.bot_id is None:
            _, health = self.health()
            body = {**health, **body, "providers": self.stopwatch.describe_providers()}
        await connection.writer.respond_json(200, body)


def _describe(timings: Timings | None) -> dict[str, Any]:
    shown = timings or Timings()
    first, total = shown.first_chunk, shown.total
    return {
        "answers": shown.answers,
        "failures": shown.failures,
        "first_chunk_ms": attrs.asdict(first) if first is not None else None,
        "total_ms": attrs.asdict(total) if total is not None else None,
    }
