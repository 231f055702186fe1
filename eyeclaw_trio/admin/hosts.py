"""Which host names the pages answer to: none that a foreign site can point at this machine.

A site that resolves its own name to 127.0.0.1 would have the browser of the owner ask us, and read
the answer as its own page's (DNS rebinding). Names that it cannot own are safe.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MISDIRECTED: Final = 421  # RFC 9110, 15.5.20: not meant for this server
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


class AllowedHosts:
    """An ASGI application that lets another one be asked by these names only.

    Loopback is always good, and so is the very address that the connection came to; `allowed` are
    names besides, in lower case, without a port.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 421. Cancellation as in the application below."""
        if scope["type"] == "lifespan" or self.is_good(scope):
            await self._app(scope, receive, send)
            return
        refusal = JSONResponse(
            {"error": "Host not allowed", "detail": "name it in admin.allowed_hosts"}, MISDIRECTED
        )
        await refusal(scope, receive, send)

    def is_good(self, scope: Scope) -> bool:
        """Whether whoever asks knows us by a name of ours."""
        named = Headers(scope=scope).getlist("host")
        found = _HOST.fullmatch(named[0].lower()) if len(named) == 1 else None
        if found is None:
            return False
        host = found[1].removesuffix(".").strip("[]")
        server = scope.get("server")
        return (
            host in self._allowed
            or host == "localhost"
            or _is_loopback(host)
            or (server is not None and host == server[0])
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
