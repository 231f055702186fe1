"""WebSocket frames as bytes (RFC 6455, 5.2): those we write, and those we take out of a stream.

trio-websocket speaks the protocol; it wakes a task for each frame, which is most of what a chunk
costs. A `FrameSieve` in front of it takes the frames that nobody could disagree about (whole,
unfragmented, masked text of a moderate length) and hands on all else unchanged: the handshake,
pings, closes, fragments, anything large or malformed (PERFORMANCE, "The frame shortcut").
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

TEXT_LIMIT: Final = 65_536
"""Bytes of a text that the sieve takes; a larger one is left to the library."""

PING: Final = b"\x89\x00"
"""A ping without a payload: it is only to be answered."""

_FIN: Final = 0x80
_RESERVED_BITS: Final = 0x70
_MASKED: Final = 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_WHOLE_TEXT: Final = _FIN | _TEXT
_IS_CONTROL: Final = 0x8
_KNOWN: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_CONTROL_LIMIT: Final = 125  # bytes of a control frame's payload
_TWO_MORE_BYTES: Final = 126  # in the place of a length: it follows in two bytes
_KEY_SIZE: Final = 4
_LEAST: Final = {2: 0, 4: 126, 10: 65_536}  # by size of the head: a smaller length fits into less

_SHORT_HEAD: Final = Struct("!BB")
_MEDIUM_HEAD: Final = Struct("!BBH")
_LONG_HEAD: Final = Struct("!BBQ")


def frame_text(payload: bytes) -> bytes:
    """One unmasked, unfragmented text frame, as a server sends it. `payload` is UTF-8."""
    size = len(payload)
    if size < 126:
        return _SHORT_HEAD.pack(_WHOLE_TEXT, size) + payload
    if size < 65_536:
        return _MEDIUM_HEAD.pack(_WHOLE_TEXT, 126, size) + payload
    return _LONG_HEAD.pack(_WHOLE_TEXT, 127, size) + payload


def frame_close(code: int) -> bytes:
    """A close frame without a reason text."""
    return _SHORT_HEAD.pack(_FIN | _CLOSE, 2) + code.to_bytes(2, "big")


class FrameSieve:
    """Takes simple text frames out of what a client sends, in one pass.

    `take` gets each one's payload, in order; it returns false for what is not UTF-8, which is then
    left to the library as well, to be refused as it does. `sift` begins at the boundary of a
    frame. What is taken never overtakes what was left to the library: while a message that it was
    given has not come out of it (`note_message`), it is given everything.
    """

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self._take = take
        self._held = b""  # the beginning of a frame that is not there yet
        self._passing = 0  # bytes to come of a frame that is the library's
        self._is_fragmented = False
        self._in_library = 0  # messages that the library has been given and has not said yet
        self._gave_up = False

    def note_message(self) -> None:
        """A message has come out of the library, and been looked at."""
        self._in_library -= 1

    def sift(self, data: bytes) -> bytes:
        """Take what can be taken; returns what is the library's, which may be nothing.

        At most TEXT_LIMIT bytes and a head are held back until the rest of their frame comes.
        """
        if self._gave_up:
            return data
        if self._held:
            data, self._held = self._held + data, b""
        place, end = 0, len(data)
        kept_from = 0  # what lies before has been taken, or is in `passed`
        passed: list[bytes] = []
        while place < end:
            if self._passing:
                size = min(self._passing, end - place)
                place += size
                self._passing -= size
                continue
            taken, is_refused = self._take_texts(data, place, end)
            if taken > place:
                if kept_from < place:
                    passed.append(data[kept_from:place])
                place = kept_from = taken
            if is_refused:
                self._gave_up = True
                break
            if place == end or self._is_text_to_come(data[place : place + 4]):
                break
            if not self._leave_frame(data, place, end) or self._gave_up:
                break
        if self._gave_up:
            place = end
        if kept_from < place:
            passed.append(data[kept_from:place])
        self._held = data[place:]
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def finish(self) -> bytes:
        """The stream is over: what was held back is the library's."""
        held, self._held, self._gave_up = self._held, b"", True
        return held

    def _take_texts(self, data: bytes, place: int, end: int) -> tuple[int, bool]:
        """Take the simple texts that follow each other from here on, as far as they are whole;
        returns where they end, and whether the next one was refused. It is the hottest loop of all,
        and calls nothing but `take`."""
        if self._is_fragmented or self._in_library:
            return place, False
        take, number = self._take, int.from_bytes
        while end - place >= _SHORT_HEAD.size + _KEY_SIZE and data[place] == _WHOLE_TEXT:
            size = data[place + 1] - _MASKED
            start = place + _SHORT_HEAD.size + _KEY_SIZE
            if size == _TWO_MORE_BYTES:
                size = data[place + 2] << 8 | data[place + 3]
                start += 2
                if size < _TWO_MORE_BYTES:  # a fault, and the library's to find
                    return place, False
            elif not 0 <= size < _TWO_MORE_BYTES:
                return place, False
            stop = start + size
            if stop > end:
                return place, False
            # XOR with the repeated key: as one large number, far quicker than byte by byte.
            mask = (data[start - _KEY_SIZE : start] * ((size >> 2) + 1))[:size]
            plain = number(data[start:stop], "little") ^ number(mask, "little")
            if not take(plain.to_bytes(size, "little")):
                return place, True
            place = stop
        return place, False

    def _is_text_to_come(self, head: bytes) -> bool:
        """Whether a simple text begins so, as far as can be seen, that is not whole yet."""
        if head[0] != _WHOLE_TEXT or self._is_fragmented or self._in_library:
            return False
        if len(head) < 2:
            return True
        if not _MASKED <= head[1] <= _MASKED + _TWO_MORE_BYTES:
            return False
        if head[1] < _MASKED + _TWO_MORE_BYTES or len(head) < 4:
            return True
        return head[2] << 8 | head[3] >= _TWO_MORE_BYTES

    def _leave_frame(self, data: bytes, place: int, end: int) -> bool:
        """Leave the frame that begins here to the library; false when its head is not there yet.

        Behind a frame that it will refuse nothing can be told from anything else: it gets all.
        """
        first = data[place]
        opcode = first & 0x0F
        is_final = bool(first & _FIN)
        if first & _RESERVED_BITS or opcode not in _KNOWN or opcode == _CLOSE:
            self._gave_up = True
            return True
        if end - place < 2:
            return False
        size = data[place + 1] & 0x7F
        head = 2 + (0 if size < 126 else 2 if size == 126 else 8)
        if end - place < head:
            return False
        if size >= 126:
            size = int.from_bytes(data[place + 2 : place + head], "big")
        is_control = bool(opcode & _IS_CONTROL)
        is_fault = (
            not data[place + 1] & _MASKED
            or (is_control and (not is_final or size > _CONTROL_LIMIT))
            or (not is_control and (opcode == _CONTINUATION) is not self._is_fragmented)
            or size < _LEAST[head]
            or size >> 63
        )
        if is_fault:
            self._gave_up = True
            return True
        if not is_control:
            self._is_fragmented = not is_final
            self._in_library += is_final
        self._passing = head + _KEY_SIZE + size
        return True
