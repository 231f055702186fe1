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

FRAMES_AT_A_TIME: Final = 16
"""Frames that the library gets in one go: each costs it some twenty microseconds."""

TEXTS_AT_A_TIME: Final = 32
"""Texts that are taken, and frames that are skipped, in one go: so many, and one more for every
TEXT_ROOM bytes that there are. Ordinary texts are longer, and all of them are taken."""

TEXT_ROOM: Final = 128

EMPTY_PARTS: Final = 64
"""Parts of one message that may be empty: nobody needs one, and a million cost what a million
cost (RELIABILITY 35)."""

SURPLUS: Final = 1_024
"""Bytes that the library gets of what is wrong, to see what it is: a head, a close frame."""

POLICY, TOO_BIG = 1008, 1009

PING: Final = b"\x89\x00"
"""A ping without a payload: it is only to be answered."""

_FIN: Final = 0x80
_RESERVED_BITS: Final = 0x70
_MASKED: Final = 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_WHOLE_TEXT: Final = _FIN | _TEXT
_IS_CONTROL: Final = 0x8
_KNOWN: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_CODE_END: Final = 8  # bytes of a close frame up to the end of its code: head, key, code
_NORMAL, _BAD_GATEWAY = 1000, 1014
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


def is_utf8(payload: bytes) -> bool:
    """Whether this may be a text at all."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


class FrameSieve:
    """Takes simple text frames out of what a client sends, in one pass, and counts all others.

    `take` gets each one's payload, in order; it returns false for what is not UTF-8, which is then
    left to the library as well, to be refused as it does. Without `take` all of them are the
    library's. `sift` begins at the boundary of a frame. What is taken never overtakes what was
    left to the library: while a message that it was given has not come out of it
    (`note_message`), it is given everything.

    A message of more than `limit` bytes, or of too many empty parts, is not left to the library:
    it is a `fault`, and from then on only a close frame is (as after `stop`).
    """

    __slots__ = (  # there may be ten thousand
        "_empty_parts",
        "_held",
        "_in_library",
        "_is_fragmented",
        "_is_skipping",
        "_is_stopped",
        "_message_size",
        "_passing",
        "_surplus",
        "_take",
        "fault",
        "has_more",
        "is_midway",
        "limit",
    )

    def __init__(self, take: Callable[[bytes], bool] | None, *, limit: int) -> None:
        self.limit = limit
        self.fault: int | None = None
        """The close code of what is the peer's fault and ours to say."""
        self.has_more = False
        """Whether `sift` of nothing would go on: the library had its share, or there were so many
        small ones that others come first."""
        self.is_midway = False
        """Whether the last `sift` has found something that is not there to its end, or a fault."""
        self._take = take
        self._held = b""  # the beginning of a frame that is not there yet, or not due yet
        self._passing = 0  # bytes to come of a frame that is the library's, or skipped
        self._is_skipping = False
        self._is_stopped = False
        self._is_fragmented = False
        self._message_size = 0  # of the one that the library has not got to its end
        self._empty_parts = 0
        self._in_library = 0  # messages that the library has been given and has not said yet
        # Once nothing can be told from anything else any more: bytes that the library may still
        # have, to see what is wrong.
        self._surplus: int | None = None

    def note_message(self) -> None:
        """A message has come out of the library, and been looked at."""
        self._in_library -= 1

    def stop(self) -> None:
        """The peer is told to go: a close frame of its own is all that counts from now on."""
        self._is_stopped = True

    @property
    def pending(self) -> int:
        """Bytes of a message that is not there to its end, here and in the library."""
        if self._is_stopped or not (self._is_fragmented or self._passing):
            return len(self._held)
        # What a head only claims is not here.
        return len(self._held) + max(0, self._message_size - self._passing)

    def sift(self, data: bytes) -> bytes:
        """Take what can be taken, as far as TEXTS_AT_A_TIME goes; returns what is the library's,
        which may be nothing and is at most FRAMES_AT_A_TIME frames.

        At most TEXT_LIMIT bytes and a head are held back until the rest of their frame comes; and
        what there is of many small ones, until `sift` goes on.
        """
        if self._surplus is not None:
            return self._take_surplus(data, self._surplus)
        if self._held:
            data, self._held = self._held + data, b""
        self.has_more = False
        at, end = 0, len(data)
        kept_from = 0  # what lies before has been taken, skipped, or is in `passed`
        passed: list[bytes] = []
        frames, room = 0, TEXTS_AT_A_TIME + end // TEXT_ROOM
        is_over = False
        while at < end:
            if self._passing:
                size = min(self._passing, end - at)
                at += size
                self._passing -= size
                if self._is_skipping:
                    kept_from = at
                continue
            if frames == FRAMES_AT_A_TIME or room <= 0:
                self.has_more = True
                break
            taken, room, is_refused = self._take_texts(data, at, end, room)
            if taken > at:
                if kept_from < at:
                    passed.append(data[kept_from:at])
                at = kept_from = taken
            if is_refused and not self._is_stopped:
                self._give_up(end - at)
                is_over = True
                break
            if room == 0:
                continue
            if at == end or self._is_text_to_come(data[at : at + 4]):
                break
            is_left, is_over = self._leave_frame(data, at, end)
            if not is_left or is_over:
                break
            if self._is_skipping:
                room -= 1
                if kept_from < at:
                    passed.append(data[kept_from:at])
            else:
                frames += 1
        if kept_from < at:
            passed.append(data[kept_from:at])
        if is_over:
            passed.append(self._take_surplus(_with_known_code(data[at:]), self._surplus or 0))
        else:
            self._held = data[at:]
        self.is_midway = bool(self._held or self._passing or self._is_fragmented or self.fault)
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def finish(self) -> bytes:
        """The stream is over: what was held back is the library's."""
        held, self._held = self._held, b""
        self.has_more = False
        self._give_up(SURPLUS)
        return b"" if self._is_stopped else held

    def _give_up(self, surplus: int) -> None:
        """Nothing behind this can be told from anything else: the library sees what is wrong."""
        self._surplus = 0 if self._is_stopped else surplus

    def _take_surplus(self, data: bytes, surplus: int) -> bytes:
        left = data[:surplus]
        self._surplus = surplus - len(left)
        return left

    def _take_texts(self, data: bytes, at: int, end: int, room: int) -> tuple[int, int, bool]:
        """Take the simple texts that follow each other from here on, as far as they are whole and
        there is room for so many; returns where they end, the room that is left, and whether the
        next one was refused. It is the hottest loop of all, and calls nothing but `take`."""
        take, number = self._take, int.from_bytes
        if take is None or self._is_fragmented or self._in_library or self._is_stopped:
            return at, room, False
        for left in range(room, 0, -1):
            if end - at < _SHORT_HEAD.size + _KEY_SIZE or data[at] != _WHOLE_TEXT:
                return at, left, False
            size = data[at + 1] - _MASKED
            start = at + _SHORT_HEAD.size + _KEY_SIZE
            if size == _TWO_MORE_BYTES:
                size = data[at + 2] << 8 | data[at + 3]
                start += 2
                if size < _TWO_MORE_BYTES:  # a fault, and the library's to find
                    return at, left, False
            elif not 0 <= size < _TWO_MORE_BYTES:
                return at, left, False
            stop = start + size
            if stop > end:
                return at, left, False
            # XOR with the repeated key: as one large number, far quicker than byte by byte.
            mask = (data[start - _KEY_SIZE : start] * ((size >> 2) + 1))[:size]
            plain = number(data[start:stop], "little") ^ number(mask, "little")
            if not take(plain.to_bytes(size, "little")):
                return at, left, True
            at = stop
        return at, 0, False

    def _is_text_to_come(self, head: bytes) -> bool:
        """Whether a simple text begins so, as far as can be seen, that is not whole yet."""
        if self._take is None or self._is_fragmented or self._in_library or self._is_stopped:
            return False
        if head[0] != _WHOLE_TEXT:
            return False
        if len(head) < 2:
            return True
        if not _MASKED <= head[1] <= _MASKED + _TWO_MORE_BYTES:
            return False
        if head[1] < _MASKED + _TWO_MORE_BYTES or len(head) < 4:
            return True
        return _TWO_MORE_BYTES <= (head[2] << 8 | head[3]) <= self.limit

    def _leave_frame(self, data: bytes, at: int, end: int) -> tuple[bool, bool]:
        """Leave the frame that begins here to the library, or skip it; returns whether its head is
        there, and whether nothing behind can be told from anything else: it will be refused."""
        first = data[at]
        opcode = first & 0x0F
        if first == _FIN | _CLOSE:
            if end - at < 2 or (data[at + 1] >= _MASKED + 2 and end - at < _CODE_END):
                return False, False
            self._is_stopped = False  # whatever came before: this it gets
        if first & _RESERVED_BITS or opcode not in _KNOWN or opcode == _CLOSE:
            self._give_up(SURPLUS)
            return True, True
        if end - at < 2:
            return False, False
        size = data[at + 1] & 0x7F
        head = 2 + (0 if size < 126 else 2 if size == 126 else 8)
        if end - at < head:
            return False, False
        if size >= 126:
            size = int.from_bytes(data[at + 2 : at + head], "big")
        is_final, is_control = bool(first & _FIN), bool(opcode & _IS_CONTROL)
        is_fault = (
            not data[at + 1] & _MASKED
            or (is_control and (not is_final or size > _CONTROL_LIMIT))
            or (not is_control and (opcode == _CONTINUATION) is not self._is_fragmented)
            or size < _LEAST[head]
            or size >> 63
        )
        if is_fault:
            self._give_up(SURPLUS)
            return True, True
        if not is_control:
            self._count_part(size, is_first=opcode != _CONTINUATION)
            self._is_fragmented = not is_final
            self._in_library += is_final
        self._is_skipping = self._is_stopped
        self._passing = head + _KEY_SIZE + size
        return True, False

    def _count_part(self, size: int, *, is_first: bool) -> None:
        """A part of a message comes, whole or not."""
        if is_first:
            self._message_size = self._empty_parts = 0
        self._message_size += size
        self._empty_parts += not size
        if self._is_stopped:
            return
        if self._message_size > self.limit:
            self.fault, self._is_stopped = TOO_BIG, True
        elif self._empty_parts > EMPTY_PARTS:
            self.fault, self._is_stopped = POLICY, True


def _with_known_code(frame: bytes) -> bytes:
    """This close frame with a code that the library knows: 1014 is registered, and as good a
    goodbye as any other. Everything else as it is."""
    if len(frame) < _CODE_END or frame[0] != _FIN | _CLOSE or frame[1] < _MASKED + 2:
        return frame
    key = frame[2], frame[3]
    code = bytes([frame[_CODE_END - 2] ^ key[0], frame[_CODE_END - 1] ^ key[1]])
    if int.from_bytes(code, "big") != _BAD_GATEWAY:
        return frame
    high, low = _NORMAL.to_bytes(2, "big")
    return frame[: _CODE_END - 2] + bytes([high ^ key[0], low ^ key[1]]) + frame[_CODE_END:]
