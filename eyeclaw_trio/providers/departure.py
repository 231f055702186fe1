"""How a request leaves and its answer comes: over which connection, when each step was done."""

from __future__ import annotations

from typing import Any, Final

import trio
from attrs import define, field

from eyeclaw_trio.core.provider_timing import ProviderAnswer, Segments
from eyeclaw_trio.errors import Reason

# The client's names for the end of each step.
_STEPS: Final = {
    "connect_tcp.complete": "connect",
    "start_tls.complete": "tls",
    "send_request_body.complete": "request_sent",
    "receive_response_headers.complete": "headers",
}
_HTTP_VERSION: Final = "HTTP/1.1"


@define
class Departure:
    """Watches one request leave, as the client's `trace` extension.

    Connecting has a time-out of its own, so the first token's time starts when the request is
    about to be written: `scope`, which the sending has to be in, gets its deadline then. Until
    that, it may wait for `connect_timeout` twice (TCP and TLS) beside it, whatever it waits for.

    `started_at` is when the answer was asked for, in trio's time. `connected_anew` says that a
    connection was made for it.
    """

    first_token_timeout: float
    connect_timeout: float
    started_at: float = field(factory=trio.current_time)
    connected_anew: bool = False
    http_version: str = ""
    scope: trio.CancelScope = field(init=False)
    _marks: dict[str, float] = field(factory=dict, init=False)
    _tcp: Any = field(default=None, init=False)

    @scope.default
    def _make_scope(self) -> trio.CancelScope:
        longest = 2 * self.connect_timeout + self.first_token_timeout
        return trio.CancelScope(deadline=trio.current_time() + longest)

    @property
    def deadline(self) -> float:
        """When the first text is due, in trio's time."""
        return self.scope.deadline

    def mark(self, step: str) -> None:
        """This step (a name of Segments) is done now; the last time counts."""
        self._marks[step] = trio.current_time() - self.started_at

    def describe(self, provider: str, reason: Reason | None = None) -> ProviderAnswer:
        """What is known of this answer by now."""
        segments = Segments(**self._marks)
        return ProviderAnswer(provider, segments, self.connected_anew, self.http_version, reason)

    async def observe(self, event: str, info: dict[str, Any]) -> None:
        """Is called by the client with the name of each step, and what came out of it.

        It waits for nothing but the end of a handshake that has failed, at most a second, which
        cancellation does not shorten.
        """
        _, _, step = event.partition(".")
        if step in _STEPS:
            self.mark(_STEPS[step])
        match step:
            case "connect_tcp.started":
                self.connected_anew = True
            case "connect_tcp.complete":
                self._tcp = info["return_value"]
            case "start_tls.failed" if self._tcp is not None:
                # httpcore2 2.16 closes the socket when a handshake fails, but not when it is
                # cancelled, and then the garbage collector would be the one to hang up.
                with trio.move_on_after(1, shield=True):
                    await self._tcp.aclose()
            case "send_request_headers.started":
                self.http_version = _HTTP_VERSION
                due = trio.current_time() + self.first_token_timeout
                # Never later than it was: a client that starts over may not do so for ever.
                self.scope.deadline = min(self.scope.deadline, due)
            case _:
                pass
