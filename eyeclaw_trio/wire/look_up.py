"""Names to addresses. Who wants to know where a connection leads asks here first, and then
connects to one of the answers by its number."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Hashable
from functools import partial
from typing import Final, cast

import trio
from attrs import define

from eyeclaw_trio.core.shares import Portion, Shares

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Of one name; the others behind them are left out.
MOST: Final = 8
# Look-ups at the same time, those among them that nobody waits for any more. The system has no way
# to break one off, and who names a host whose name servers are silent holds a thread for half a
# minute: all others of this process must not be held up by that, and whoever names many such hosts
# leaves threads for the next one.
AT_ONCE: Final = 16


class Names:
    """Looks names up, a few at a time, on threads of its own, which all owners share."""

    def __init__(self) -> None:
        self._threads = Shares(AT_ONCE)
        self._freed = trio.Event()

    async def look_up(self, host: str, port: int, owner: Hashable) -> tuple[IpAddress, ...]:
        """The addresses of this host for TCP, in the order in which the system would try them.

        Waits while `owner` has as many threads as are his. Numbers in any spelling that the system
        knows are addresses, too. Raises OSError (and UnicodeError for what can be no name) where
        there is none. Cancelled, the system's answer is waited for in the background and dropped.
        """
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        place = _ThreadShare(self, self._threads.portion(owner))
        found = await trio.to_thread.run_sync(
            ask, abandon_on_cancel=True, limiter=cast(trio.CapacityLimiter, place)
        )
        # A scope (`fe80::1%eth0`) belongs to link-local addresses, and is written behind them.
        addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        return tuple(dict.fromkeys(addresses))[:MOST]

    async def wait_for_freed(self) -> None:
        """Return when a thread has been given back. Cancellation changes nothing."""
        await self._freed.wait()

    def note_freed(self) -> None:
        """A thread has been given back."""
        self._freed.set()
        self._freed = trio.Event()


@define(eq=False)
class _ThreadShare:
    """One thread of an owner's share, as trio borrows it: until the system has answered, whoever
    waits for that."""

    names: Names
    portion: Portion

    async def acquire_on_behalf_of(self, _: object) -> None:
        """See `trio.CapacityLimiter`; cancelled, nothing is taken."""
        while not self.portion.take(1):
            await self.names.wait_for_freed()

    def release_on_behalf_of(self, _: object) -> None:
        """See `trio.CapacityLimiter`."""
        self.portion.release()
        self.names.note_freed()
