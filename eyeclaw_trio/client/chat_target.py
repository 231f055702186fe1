"""Where to chat: one session at one gateway (PROTOCOL 4)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from attrs import field, frozen

from eyeclaw_trio.protocol.endpoint import CHAT_PATH, Endpoint
from eyeclaw_trio.wire.connect import UpgradeRequest

_LARGEST_FRAME: Final = 1_048_576  # bytes


@frozen
class ChatTarget:
    """One session at one gateway; `provider` is who answers, else the gateway chooses."""

    endpoint: Endpoint
    session: str
    key: str = field(repr=False)
    provider: str | None = None

    @property
    def upgrade(self) -> UpgradeRequest:
        """What is asked for there."""
        return UpgradeRequest(
            resource=f"{CHAT_PATH}/{quote(self.session, safe='')}?format=json",
            headers=[
                (b"Authorization", f"Bearer {self.key}".encode()),
                (b"Accept-Language", b"en"),
            ],
            largest_message=_LARGEST_FRAME,
        )
