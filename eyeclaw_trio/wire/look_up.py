"""Names to addresses. Who wants to know where a connection leads asks here first, and then
connects to one of the answers by its number."""

from __future__ import annotations

import ipaddress
from typing import Final

import trio

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Of one name; the others behind them are left out.
MOST: Final = 8


async def look_up(host: str, port: int) -> tuple[IpAddress, ...]:
    """The addresses of this host for TCP, in the order in which the system would try them.

    Numbers in any spelling that the system knows are addresses, too. Raises OSError (and
    UnicodeError for what can be no name) where there is none. Cancelled, the system's answer is
    waited for in the background and dropped.
    """
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    # A scope (`fe80::1%eth0`) belongs to link-local addresses, and is written behind them.
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    return tuple(dict.fromkeys(addresses))[:MOST]
