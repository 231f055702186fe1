"""An event between tasks that resets itself: set from anywhere, waited for by one."""

from __future__ import annotations

import trio


class Wakeup:
    """Set by many, waited for by one; several settings before a wait count as one."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake the waiter, now or when it next waits."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for a setting since the last wait, and use it up. Cancellation uses up none."""
        await self._event.wait()
        self._event = trio.Event()
