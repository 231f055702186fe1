"""What those wait for who have shown a key and ask again, opened by the test."""

from __future__ import annotations

import trio

from eyeclaw_trio.wire.admission import Admission, Glimpse


class AskingGate(Admission):
    """Lets nobody on until it is opened. All who come have shown key 1."""

    asked = 0

    def __init__(self) -> None:
        super().__init__()
        self.opened = trio.Event()

    async def wait(
        self, peer: str, *, was_served: bool = False, glimpse: Glimpse | None = None
    ) -> None:
        assert (peer, was_served, glimpse) == ("", False, Glimpse(1, is_known=True))
        self.asked += 1
        await self.opened.wait()
