"""Tells the service manager that started us how we are: sd_notify(3), without its library.

systemd gives a socket's name and how often it wants a sign of life. Where nobody gave one, nothing
is said. A datagram that cannot be sent is given up: nobody waits for a service manager.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import trio
from attrs import define, field

_MICROSECONDS: Final = 1_000_000
# Signs of life within the time that was given; systemd advises half of it (sd_watchdog_enabled(3)).
_SIGNS: Final = 3


@define(eq=False)
class ServiceManager:
    """`watchdog` is within how many seconds it wants a sign of life, None: it wants none."""

    address: str | None = None
    watchdog: float | None = None
    _socket: socket.socket | None = field(default=None, init=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> ServiceManager:
        """The one that this environment names; a sign of life is wanted of us, or of the process
        that unpacked us and waits."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        meant = environ.get("WATCHDOG_PID", "")
        given = environ.get("WATCHDOG_USEC", "")
        is_wanted = given.isascii() and given.isdigit() and int(given) > 0
        if not is_wanted or meant not in ("", str(os.getpid()), str(os.getppid())):
            return cls(address)
        return cls(address, int(given) / _MICROSECONDS)

    def say_nowait(self, **states: str) -> None:
        """One datagram of assignments, such as READY="1"."""
        if self.address is None:
            return
        text = "\n".join(f"{name}={value}" for name, value in states.items())
        # An abstract name begins with a zero byte, which no environment can hold.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(
                    socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
                )
                self._socket.setblocking(False)
            self._socket.sendto(text.encode(), address)

    async def keep_alive(self) -> None:
        """Give signs of life until cancelled: the loop that everything runs on goes round."""
        while self.watchdog is not None:
            self.say_nowait(WATCHDOG="1")
            await trio.sleep(self.watchdog / _SIGNS)

    def close(self) -> None:
        """Say nothing any more."""
        self.address = None
        if self._socket is not None:
            self._socket.close()
