"""How a request leaves: over which connection, from when on its answer may be expected."""

from __future__ import annotations

from typing import Any

import trio
from attrs import define, field


@define
class Departure:
    """Watches one request leave, as the client's `trace` extension.

    Connecting has a time-out of its own, so the first token's time starts when the request is
    about to be written: `scope`, which the sending has to be in, gets its deadline then.
    """

    first_token_timeout: float
    connected_anew: bool = False
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    _tcp: Any = field(default=None, init=False)

    @property
    def deadline(self) -> float:
        """When the first text is due, in trio's time."""
        return self.scope.deadline

    async def observe(self, event: str, info: dict[str, Any]) -> None:
        """Is called by the client with the name of each step, and what came out of it."""
        match event:
            case "connection.connect_tcp.started":
                self.connected_anew = True
            case "connection.connect_tcp.complete":
                self._tcp = info["return_value"]
            case "connection.start_tls.failed" if self._tcp is not None:
                # httpcore2 2.16 closes the socket when a handshake fails, but not when it is
                # cancelled, and then the garbage collector would be the one to hang up.
                with trio.move_on_after(1, shield=True):
                    await self._tcp.aclose()
            case "http11.send_request_headers.started":
                self.scope.deadline = trio.current_time() + self.first_token_timeout
            case _:
                pass
