"""What a door says of its WebSockets: what they have in common, and what is done with frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.wire.outbox import OUTBOX_LIMIT
from eyeclaw_trio.wire.services import Services


class SocketCallbacks(Protocol):
    """What is done with what one socket hears. Nothing here waits."""

    def on_open(self) -> None:
        """The socket is open: the first words can go into the outbox."""

    def on_frame(self, text: bytes | str) -> None:
        """A text frame has come; as bytes it may not even be UTF-8. Raises BadMessage for a
        malformed one."""

    def on_malformed(self, bad: BadMessage) -> None:
        """A malformed frame has come; the socket counts them."""

    def on_end(self) -> None:
        """It is over, however it ended: nothing is heard or said any more. Called once."""


@frozen(eq=False)
class SocketKind:
    """What all sockets of one door have in common.

    `message_limit` and `outbox_limit` are in bytes, and `write_timeout` is the seconds that a
    slice of a FrameStream may take. `has_shortcut` lets simple frames past trio-websocket; without
    it all go through the library, at several times the cost. `say_beat` makes a text that is said
    every three seconds, and `too_many_words` is the last one for whoever sends nonsense only.
    """

    services: Services
    message_limit: int
    outbox_limit: int = OUTBOX_LIMIT
    write_timeout: float = float("inf")
    has_shortcut: bool = True
    subprotocol: str | None = None
    say_beat: Callable[[], bytes] | None = None
    too_many_words: bytes = b""
