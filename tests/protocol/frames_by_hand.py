"""Frames as a client writes them, and who receives what a sieve takes."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message

from eyeclaw_trio.protocol.frames import FrameSieve

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
# The longest head of a frame that the sieve may take: two bytes, a length of two, the key.
HEAD = 8


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, key: bytes = b"\x01\x80\xfe\x7f"
) -> bytes:
    """One frame as a client sends it."""
    size, first = len(payload), fin << 7 | opcode
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 65_536:
        head = bytes([first, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + size.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


@define
class Receiver:
    """A sieve with the library behind it, which says its messages as soon as it has them."""

    messages: list[bytes] = field(factory=list)
    taken: int = 0
    passed: bytes = b""
    sieve: FrameSieve = field(init=False)
    _library: Connection = field(factory=lambda: Connection(ConnectionType.SERVER))
    _parts: bytes = b""

    def __attrs_post_init__(self) -> None:
        self.sieve = FrameSieve(self._take, limit=10**9)

    def feed(self, pieces: Iterable[bytes]) -> Receiver:
        for piece in pieces:
            self._hand_on(self.sieve.sift(piece))
            while self.sieve.has_more:  # the library gets so many frames at a time
                self._hand_on(self.sieve.sift(b""))
        return self

    def _take(self, payload: bytes) -> bool:
        try:
            payload.decode()
        except UnicodeDecodeError:
            return False
        self.messages.append(payload)
        self.taken += 1
        return True

    def _hand_on(self, data: bytes) -> None:
        self.passed += data
        if not data:
            return
        self._library.receive_data(data)
        for event in self._library.events():
            if isinstance(event, Message):
                text = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
                self._parts += text
                if event.message_finished:
                    self.messages.append(self._parts)
                    self._parts = b""
                    self.sieve.note_message()


def sift_all(*frames: bytes) -> tuple[list[bytes], bytes, FrameSieve]:
    """What a sieve takes and passes on of frames that come together."""
    taken: list[bytes] = []

    def take(payload: bytes) -> bool:
        taken.append(payload)
        return True

    sieve = FrameSieve(take, limit=10**9)
    return taken, sieve.sift(b"".join(frames)), sieve
