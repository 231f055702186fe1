"""Names to addresses. Who wants to know where a connection leads asks here first, and then
connects to one of the answers by its number."""

from __future__ import annotations

import ipaddress
import socket
from functools import partial
from typing import Final

import trio

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Of one name; the others behind them are left out.
MOST: Final = 8
# Look-ups at the same time, those among them that nobody waits for any more. The system has no way
# to break one off, and who names a host whose name servers are silent holds a thread for half a
# minute: all others of this process must not be held up by that.
AT_ONCE: Final = 16


class Names:
    """Looks names up, a few at a time, on threads of its own."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(AT_ONCE)

    async def look_up(self, host: str, port: int) -> tuple[IpAddress, ...]:
        """The addresses of this host for TCP, in the order in which the system would try them.

        Numbers in any spelling that the system knows are addresses, too. Raises OSError (and
        UnicodeError for what can be no name) where there is none. Cancelled, the system's answer
        is waited for in the background and dropped.
        """
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._limiter)
        # A scope (`fe80::1%eth0`) belongs to link-local addresses, and is written behind them.
        addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        return tuple(dict.fromkeys(addresses))[:MOST]
