"""TLS on the public port: few steps for a handshake, each of them admitted, and no floods below it.

trio's own stream for TLS gives way to all other tasks at each of its own steps. A handshake then
takes ten passes of the loop, what it costs comes passes behind its admission, and whoever comes in
the middle of a crowd waits for all of it (RELIABILITY 35). Here a step that was admitted is done
in one go: what has come is read, worked on, and answered.

The standard library speaks the protocol. All that we look at is where one record ends and the next
begins, so that it is handed one at a time: what changes keys costs a thousand times its size, holds
nothing, and OpenSSL takes any number of them.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from eyeclaw_trio.wire.streams import Admission, EagerStream, Waits

# Bytes that are read of a socket in one go: about a record.
PORTION: Final = 16_384
# A record begins with its kind, a version, and its size behind that (RFC 8446 5.1, 5.2).
_HEAD: Final = 5
_KINDS: Final = range(20, 24)
_LARGEST: Final = 16_384 + 2_048  # TLS 1.2 allows so much of padding and tags
# Records that hold nothing for us, in the life of a connection. Libraries change keys once in
# millions of records, if ever; each time costs two hundredths of a millisecond.
VOID_RECORDS: Final = 8
# Records whose content is read in one go: each message of a bot is one, and to take turns with all
# others for each of them let some of its answers wait six times as long. They cost 5 us each.
RECORDS_AT_A_TIME: Final = 32
# Records of a handshake before its last. Six is much; a few clients cut their hello into pieces,
# and one of 16 KiB can be had in as many, with a call to OpenSSL for each.
HANDSHAKE_RECORDS: Final = 32


# Bytes that OpenSSL is given, or asked for, at a time: its buffers between us and it stay as large
# as they have once been, for the life of a connection, and of an idle one they were 109 KiB.
PIECE: Final = 4_096

Pace = Callable[[str], Awaitable[None]]
"""Returns when what has come from this address may be decrypted; cancelled, nothing is lost."""


async def _alone(_: str) -> None:
    """Nobody else is there."""


class TlsStream(trio.abc.Stream):
    """A connection that was accepted, and what TLS of this `context` is spoken through.

    It is a `NowaitStream` that takes and gives nothing without a wait. The handshake is its first
    read; before that nothing can be written. An end without a goodbye is an end, as HTTP has it.
    What those say who are admitted nowhere else is read by the `pace`.
    """

    __slots__ = (
        "_below",
        "_context",
        "_has_failed",
        "_has_met",
        "_incoming",
        "_outgoing",
        "_owed",
        "_pace",
        "_tls",
        "_unread",
        "_void",
    )

    def __init__(self, below: EagerStream, context: ssl.SSLContext, pace: Pace = _alone) -> None:
        self._below = below
        self._context = context
        self._pace = pace
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None  # ten kilobytes, which one has to be admitted for
        self._has_met = False
        self._has_failed = False  # behind what was read last
        self._unread = bytearray()  # received, and not yet handed to TLS
        self._owed = b""  # encrypted, and not yet taken by the system
        self._void = 0  # records that came to nothing: of the handshake, then behind it

    @property
    def peer(self) -> str:
        """As `NowaitStream`."""
        return self._below.peer

    @property
    def pollable(self) -> None:
        """None: what a socket has to say is not yet what this stream has to say."""

    def settled(self) -> TlsStream:
        """Itself."""
        return self

    def wait_with(self, waits: Waits) -> None:
        """As the stream below."""
        self._below.wait_with(waits)

    def write_nowait(self, data: bytes | memoryview) -> int:  # noqa: ARG002
        """Nothing is ever taken: what the system leaves of it would be nobody's."""
        return 0

    def receive_nowait(self, max_bytes: int | None = None) -> bytes | None:  # noqa: ARG002
        """b"" where the peer has left before the handshake; else None. What a handshake begins
        with is read here, and goes with the admission of whoever calls this."""
        if self._has_met or self._unread:
            return None
        begun = self._below.receive_nowait(PORTION)
        if not begun:
            return begun
        self._unread += begun
        return None

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """As trio's streams. Cancellation loses nothing behind the handshake; within it the
        connection must be closed then, because the peer may wait for the rest of our flight."""
        if not self._has_met or self._tls is None:
            return await self.receive_admitted(max_bytes or PORTION, _admit)
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._unread or self._tls.pending():
            await trio.lowlevel.checkpoint()
            await self._pace(self.peer)
        while (data := self._read(max_bytes or PORTION)) is None:
            if not await self._receive(self._keep_pace):
                return b""
        return data

    async def receive_admitted(self, max_bytes: int, admission: Admission) -> bytes:
        """As `NowaitStream`, also when it is cancelled. What has come is admitted before it is
        decrypted, which shows nothing of it: each step of the handshake, which costs more than all
        else that a newcomer can ask for, and what is said together with the last one, or later."""
        await trio.lowlevel.checkpoint_if_cancelled()
        data = self._read(max_bytes)
        if data is not None:  # it came with what was read before
            await trio.lowlevel.cancel_shielded_checkpoint()
            await admission(data)
            return data
        is_admitted = bool(self._unread) and self._tls is None  # as `receive_nowait` has it
        while data is None:
            if not is_admitted and not await self._receive(admission):
                return b""
            is_admitted = False
            if not self._has_met:
                # What has come while it waited needs no wait of its own.
                self._unread += self._below.receive_nowait(PORTION) or b""
                self._shake_hands()
                # Tickets go at once, too: a client that waits until its last word is acknowledged
                # before it asks (Nagle) would else wait for 40 ms.
                await self._drain()
            data = self._read(max_bytes)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As trio's streams: raises trio.BrokenResourceError, before the handshake too. Cancelled,
        the rest is written before anything else, or never."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._has_met or self._tls is None:
            raise trio.BrokenResourceError
        rest, records = memoryview(data), [self._owed]
        try:
            while rest:
                rest = rest[self._tls.write(rest[:PIECE]) :]
                records.append(self._outgoing.read())
        except ssl.SSLError as error:
            raise trio.BrokenResourceError from error
        self._owed = b"".join(records)
        if self._push():
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await self._drain()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for room in the system's buffer. Cancellation changes nothing."""
        await self._below.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Nothing: TLS cannot end one side alone, and goes on as it is. No checkpoint, so
        that it cannot be cancelled."""

    async def aclose(self) -> None:
        """Close it, also when cancelled; without a goodbye, as HTTPS has it."""
        await self._below.aclose()

    async def abort(self) -> None:
        """As `NowaitStream`, also when it is cancelled."""
        await self._below.abort()

    # ---- inside ---------------------------------------------------------------------------------

    async def _keep_pace(self, _: bytes) -> None:
        await self._pace(self.peer)

    async def _receive(self, admission: Admission) -> bool:
        """Read what comes next from below, false at the end, and have it admitted, because an end
        costs work, too. Cancelled, what was read is there."""
        try:
            received = await self._below.receive_some(PORTION)
        except trio.BrokenResourceError:
            await admission(b"")
            raise
        self._unread += received
        await admission(b"")
        return bool(received)

    def _shake_hands(self) -> None:
        """The next step, as far as what has come allows it. Raises trio.BrokenResourceError where
        no TLS is spoken that both know, or in too many pieces."""
        if self._tls is None:
            self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while not self._has_met and self._hand_on_record():
            try:
                self._tls.do_handshake()
                self._has_met, self._void = True, 0
            except ssl.SSLWantReadError:
                self._void += 1
                if self._void > HANDSHAKE_RECORDS:
                    raise trio.BrokenResourceError from None
            except ssl.SSLError as error:
                self._push()  # it says why
                raise trio.BrokenResourceError from error

    def _read(self, max_bytes: int) -> bytes | None:
        """What the records that have come hold, of RECORDS_AT_A_TIME at the most, or so much of
        it; b"" at the end, None where the next one has not come yet. Raises
        trio.BrokenResourceError."""
        if self._has_failed:
            raise trio.BrokenResourceError
        data = self._read_record(max_bytes)
        if not data or not self._unread:  # nearly always
            return data
        contents, left = [data], max_bytes - len(data)
        while left > 0 and len(contents) < RECORDS_AT_A_TIME:
            try:
                more = self._read_record(left)
            except trio.BrokenResourceError:
                self._has_failed = True  # what came before it is whole
                break
            if not more:
                break  # an end is found again
            contents.append(more)
            left -= len(more)
        return b"".join(contents)

    def _read_record(self, max_bytes: int) -> bytes | None:
        """The same of the next record alone."""
        is_handed_on = False
        while self._tls is not None and self._has_met:
            try:
                return self._tls.read(max_bytes)
            except ssl.SSLWantReadError:
                self._void += is_handed_on
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                self._push()  # it says why
                raise trio.BrokenResourceError from error
            if self._void > VOID_RECORDS:
                raise trio.BrokenResourceError
            if not self._hand_on_record():
                break
            is_handed_on = True
        return None

    def _hand_on_record(self) -> bool:
        """Give TLS the next record; false where it has not come as a whole. What is no TLS at all
        is given as it is, to be refused."""
        unread = self._unread
        size = len(unread)
        if size == 0:
            return False
        if unread[0] in _KINDS:
            if size < _HEAD:
                return False
            whole = _HEAD + int.from_bytes(unread[3:_HEAD], "big")
            if whole <= _HEAD + _LARGEST:
                if size < whole:
                    return False
                size = whole
        at = 0
        while size - at > PIECE:  # seldom
            self._incoming.write(unread[at : at + PIECE])
            at += PIECE
            if self._tls is not None:
                with suppress(ssl.SSLError):  # it wants more; what is wrong is found again
                    self._tls.read(1) if self._has_met else self._tls.do_handshake()
        self._incoming.write(unread[at:size])
        del unread[:size]
        return True

    def _push(self) -> bool:
        """Write what is encrypted, as much as the system takes now; false where a rest is left."""
        owed = self._owed + self._outgoing.read()
        self._owed = owed[self._below.write_nowait(owed) :] if owed else b""
        return not self._owed

    async def _drain(self) -> None:
        while not self._push():
            await self._below.wait_send_all_might_not_block()


async def _admit(_: bytes) -> None:
    """Nobody has asked for an admission."""
