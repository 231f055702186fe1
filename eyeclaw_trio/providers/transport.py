"""How requests reach a provider: connections that are kept, as long as nothing was said on them
that nobody had asked for.

HTTP/1.1 has no numbers: whatever a server says behind the end of one answer would be taken for the
next one. The client's pool drops an idle connection whose socket has something to read. What it
does not look at are the bytes that came in one read with the end, which wait in h11, and a TLS
record behind the end's, which waits in the TLS object.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx2

# Wrappers around a connection: through a proxy there are three.
_DEPTH: Final = 4


class KeepingTransport(httpx2.AsyncHTTPTransport):
    """The client's own transport, but for connections that hold a surplus: those it closes."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send over a connection that is clean, or a new one. Raises httpx2.HTTPError.

        Cancelled, it closes the connection that it was sending on.
        """
        # Looked at again after each wait: another answer may have ended meanwhile.
        while (unclean := self._find_unclean()) is not None:
            await unclean.aclose()
        return await super().handle_async_request(request)

    def _find_unclean(self) -> Any:
        for connection in self._pool.connections:
            if connection.is_idle() and not connection.is_closed() and holds_surplus(connection):
                return connection
        return None


def holds_surplus(connection: Any) -> bool:
    """Whether this idle connection has read more than its last answer.

    It looks into what is private in httpcore2. Where that is not as it was, every connection is
    thought to: then each question pays for a new one, and a test fails.
    """
    for _ in range(_DEPTH):
        h11_state = getattr(connection, "_h11_state", None)
        if h11_state is not None:
            waiting, _ = h11_state.trailing_data
            return bool(waiting) or _has_unread_record(connection._network_stream)
        connection = getattr(connection, "_connection", None)
    return True


def _has_unread_record(stream: Any) -> bool:
    tls = stream.get_extra_info("ssl_object")
    if tls is None:
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass  # it has ended, or is broken
    return True
