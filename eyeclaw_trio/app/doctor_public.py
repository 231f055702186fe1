"""A gateway looked at from outside: name, certificate, and what stands before it."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx2
import trio
from attrs import define, evolve, field
from trio_websocket import ConnectionClosed, ConnectionRejected

from eyeclaw_trio.causes import leaves
from eyeclaw_trio.client.ask import AskedQuestion, ask
from eyeclaw_trio.client.chat_target import ChatTarget
from eyeclaw_trio.client.display import Shown
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.core.doctor import (
    StreamTimes,
    judge_certificate,
    judge_plain_http,
    judge_stream,
    judge_wrong_key,
)
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.store.inspection import find_turn
from eyeclaw_trio.trust import trusted_context
from eyeclaw_trio.wire.connect import explain_refusal, open_stream, upgrade
from eyeclaw_trio.wire.connect_failures import describe_failure

# Of one look; a question may take its bot longer (seconds).
_WITHIN: Final = 15.0
_ANSWERED_WITHIN: Final = 90.0
# How long a connection has to be kept on which nobody says anything (seconds).
IDLE: Final = 30.0
# So long that an echo or a model says it in several pieces.
PROBE: Final = (
    "This is a test of the connection. Please count in words: one two three four five six seven "
    "eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
# The gateway writes traces down a moment after the answer (seconds).
_WRITTEN_WITHIN: Final = 3.0
_LOOK_EVERY: Final = 0.2


@define
class _Timed:
    """A display that remembers when something came, from when it was made."""

    began: float = field(factory=trio.current_time)
    times: list[float] = field(factory=list)

    def show(self, shown: Shown) -> None:
        if shown.text:
            self.times.append(trio.current_time() - self.began)

    def close(self) -> None:
        pass


@define(eq=False)
class PublicDoctor:
    """Looks at one address; `note` is told of each diagnosis. `folder` is the data folder of the
    gateway that should be behind it, where that is on this machine; `idle` is in seconds."""

    endpoint: Endpoint
    key: str | None = field(repr=False)
    folder: Path | None
    note: Callable[[Diagnosis], None]
    idle: float = IDLE
    _context: ssl.SSLContext | None = field(default=None, init=False)

    async def examine(self) -> None:
        """Look at everything; takes `idle` and some seconds. Cancelled, it hangs up."""
        if self.endpoint.is_secure:
            self._context = await trio.to_thread.run_sync(trusted_context)
        else:
            text = f"{self.endpoint.url} has no TLS: keys and questions can be read on the way."
            self.note(Diagnosis("certificate", "warn", text, "docs/en/proxies.md"))
        if not await self._look("public", self._reach):
            return
        if self.endpoint.is_secure and self.endpoint.port == 443:
            await self._look("plain_http", self._try_plain_http)
        await self._look("wrong_key", self._try_wrong_key)
        if self.key is None:
            fix = "Give it as EYECLAW_KEY: `eyeclaw key create doctor` makes one"
            self.note(Diagnosis("stream", "warn", "Without a key no question can be asked.", fix))
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look, "websocket", self._keep_websocket)
            await self._look("stream", self._ask)

    async def _look(self, check: str, look: Callable[[], Awaitable[None]]) -> bool:
        """Whether it could be looked at; what kept us from it is a fault."""
        is_done = False
        try:
            await look()
            is_done = True
        except* (EyeclawError, httpx2.HTTPError, OSError, trio.TooSlowError) as failed:
            cause = next(leaves(failed))
            words = describe_failure(cause, self.endpoint)
            text = str(cause) if isinstance(cause, EyeclawError) else words
            self.note(Diagnosis(check, "fail", f"{text}.", _FIXES.get(check)))
        return is_done

    def _client(self) -> httpx2.AsyncClient:
        verify = self._context if self._context is not None else False
        return httpx2.AsyncClient(verify=verify, timeout=_WITHIN)

    async def _reach(self) -> None:
        """Name, certificate, and whether a gateway is behind it."""
        endpoint = self.endpoint
        async with self._client() as client, client.stream("GET", f"{endpoint.url}/health") as got:
            tls = got.extensions["network_stream"].get_extra_info("ssl_object")
            if tls is not None:
                ends = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
                self.note(judge_certificate(endpoint.host, ends, time.time()))
            await got.aread()
            health = _read_health(got)
        if health is None:
            raise EyeclawError(
                f"{endpoint.url} is reached, but it is no gateway (HTTP {got.status_code})"
            )
        self.note(Diagnosis("public", "ok", f"A gateway answers at {endpoint.url}."))

    async def _try_plain_http(self) -> None:
        plain = evolve(self.endpoint, is_secure=False, port=80)
        async with httpx2.AsyncClient(timeout=_WITHIN) as client:
            try:
                got = await client.get(f"{plain.url}/health")
            except httpx2.HTTPError:
                self.note(judge_plain_http(None, ""))
                return
        self.note(judge_plain_http(got.status_code, got.headers.get("location", "")))

    async def _try_wrong_key(self) -> None:
        wrong = AskedQuestion(self.endpoint, f"ak_{secrets.token_urlsafe(32)}", PROBE)
        headers = {"Authorization": f"Bearer {wrong.key}", "Content-Type": "application/json"}
        async with self._client() as client:
            got = await client.post(wrong.url, content=wrong.encode(), headers=headers)
        self.note(judge_wrong_key(got.status_code))

    async def _ask(self) -> None:
        """A question whose pieces must come apart, and which our own gateway must have had."""
        asked = AskedQuestion(
            self.endpoint, self.key or "", PROBE, message_id=f"doctor_{secrets.token_hex(8)}"
        )
        heard = _Timed()
        with trio.fail_after(_ANSWERED_WITHIN):
            await ask(asked, heard, context=self._context)
        times = heard.times or [0.0]
        self.note(judge_stream(StreamTimes(times[0], times[-1], len(heard.times))))
        if self.folder is not None:
            await self._find_turn(asked.message_id, self.folder)

    async def _find_turn(self, message_id: str, folder: Path) -> None:
        found = False
        with trio.move_on_after(_WRITTEN_WITHIN):
            while not (found := await trio.to_thread.run_sync(find_turn, folder, message_id)):
                await trio.sleep(_LOOK_EVERY)
        if found:
            text = "It is the gateway of this data folder that answers there."
            self.note(Diagnosis("behind", "ok", text))
            return
        text = f"Another gateway than that of {folder} answers at {self.endpoint.url}."
        fix = (
            "Look at where the proxy or the tunnel leads: to the address in `eyeclaw config show`?"
        )
        self.note(Diagnosis("behind", "fail", text, fix))

    async def _keep_websocket(self) -> None:
        """A WebSocket comes through, and is kept while nobody says anything."""
        target = ChatTarget(self.endpoint, "doctor", self.key or "")
        stream = await open_stream(self.endpoint, self._context)
        try:
            async with trio.open_nursery() as nursery:
                line = await upgrade(nursery, stream, self.endpoint, target.upgrade)
                await trio.sleep(self.idle)
                try:
                    with trio.fail_after(_WITHIN):
                        await line.ping()
                except ConnectionClosed:
                    raise EyeclawError(
                        f"a WebSocket was cut within {self.idle:.0f} s of silence"
                    ) from None
                nursery.cancel_scope.cancel()
        except* ConnectionRejected as group:
            refused = next(each for each in leaves(group) if isinstance(each, ConnectionRejected))
            said = await explain_refusal(self.endpoint, refused.status_code, refused.body)
            raise EyeclawError(f"no WebSocket comes through: {said}") from None
        finally:
            await stream.aclose()
        text = f"A WebSocket comes through, and is kept for {self.idle:.0f} silent seconds."
        self.note(Diagnosis("websocket", "ok", text))


_FIXES: Final = {
    "public": "Does the name lead here, does the proxy run, and does it lead to the gateway?",
    "stream": "`eyeclaw trace list` shows whether the question came, and what became of it",
    "websocket": "nginx: `proxy_set_header Upgrade` and `Connection`, and `proxy_read_timeout` of "
    "more than 60 s: docs/en/proxies.md",
}


def _read_health(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        said = response.json()
    except ValueError:
        return None
    return said if isinstance(said, dict) and "bots_online" in said else None
