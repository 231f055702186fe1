"""Which web pages may use the public listener: CORS, and the `Origin` of a WebSocket."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.request_reader import Request
from eyeclaw_trio.wire.response_writer import Headers

SETTING: Final = "allowed_origins"
# Characters of a refused origin that the log shows.
SHOWN: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


@frozen
class Origins:
    """The origins that are allowed; `*` among them means all.

    The gateway's own address is always one: clients that are no browsers send it, and a page of
    ours would.
    """

    allowed: frozenset[str] = frozenset()
    _peers: PeerLog = field(factory=PeerLog, eq=False, repr=False)

    def allows(self, request: Request) -> bool:
        """Whether the page that makes this request may; true where no page does."""
        origin = request.headers.get("origin")
        if origin is None or "*" in self.allowed or origin in self.allowed:
            return True
        return _is_own(origin, request.headers.get("host", ""))

    def check(self, request: Request) -> None:
        """Refuse a page that may not. Raises RequestRefused (404)."""
        if not self.allows(request):
            raise RequestRefused(404, "Not found")

    def headers_for(self, request: Request) -> Headers:
        """The CORS headers of a response to this request; one that may not is said in the log,
        with what would allow it."""
        origin = request.headers.get("origin")
        if origin is None:
            return ()
        if not self.allows(request):
            shown = ascii(origin[:SHOWN])
            self._peers.info(
                request.peer, "origin.refused", origin=shown, path=request.path, setting=SETTING
            )
            return ()
        shown = "*" if "*" in self.allowed else origin
        return (("Access-Control-Allow-Origin", shown), ("Vary", "Origin"))


def _is_own(origin: str, host: str) -> bool:
    """Whether a page of this origin comes from the very address that was asked. `Host` has no
    scheme, and behind a proxy with TLS we would not know it either."""
    try:
        page, asked = urlsplit(origin), urlsplit(f"//{host}")
        default = _PORTS[page.scheme]
        ports = page.port or default, asked.port or default
    except (KeyError, ValueError):
        return False
    is_bare = page.netloc and f"{page.scheme}://{page.netloc}".lower() == origin.lower()
    has_user = "@" in page.netloc or "@" in asked.netloc
    return bool(
        is_bare and not has_user and page.hostname == asked.hostname and ports[0] == ports[1]
    )
