"""The certificate that a listener shows, renewed while it listens (RELIABILITY 42)."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path
from typing import Final

import structlog
import trio

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.wire.admission import Admission, Share
from eyeclaw_trio.wire.streams import EagerStream
from eyeclaw_trio.wire.tls_stream import TlsStream

log = structlog.get_logger(__name__)

# Records that are decrypted in one pass of the loop, at the least and at the most, of all
# connections that are there: thousands may speak in one instant, and a record with what becomes of
# it is a tenth of a millisecond.
RECORDS: Final = (8, 64)
# Seconds between two looks at the files.
LOOK_EVERY: Final = 60.0
# Parts of what OpenSSL says, and what they mean to people.
_WORDS: Final = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "PEM lib": "one of the files is not in PEM format, or damaged",
}
# What tells one state of a file from another.
_Stamp = tuple[int, int, int]


class Certificate:
    """A certificate with its key. `context` is of the pair that was good last.

    Raises ConfigurationError when the first one cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._records = Admission(share=Share(*RECORDS))
        self._seen = self._look()
        self.context = _load(certificate, key)

    def renew(self) -> None:
        """Take the pair that the files hold now; one that cannot be used is said and refused.

        Connections that are there keep what they have begun with.
        """
        self._seen = self._look()
        try:
            self.context = _load(*self._files)
        except ConfigurationError as error:
            log.warning("tls.renewal_refused", certificate=str(self._files[0]), why=error.problem)
        else:
            log.info("tls.renewed", certificate=str(self._files[0]))

    def renew_if_changed(self) -> None:
        """`renew`, if either file is another one than when it was read last."""
        if self._look() != self._seen:
            self.renew()

    def wrap(self, stream: trio.SocketStream) -> TlsStream:
        """TLS around a new connection, with the certificate of this moment. The handshake is its
        first use."""
        return TlsStream(EagerStream(stream), self.context, self._records.wait)

    async def keep_renewed(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Renew at SIGHUP, and within a minute after the files have changed, until cancelled.

        Started when SIGHUP does no harm any more. Reading two small files is not worth a thread.
        """
        with trio.open_signal_receiver(signal.SIGHUP) as hangups:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._look_again_and_again)
                task_status.started()
                async for _ in hangups:
                    self.renew()

    async def _look_again_and_again(self) -> None:
        while True:
            await trio.sleep(LOOK_EVERY)
            self.renew_if_changed()

    def _look(self) -> list[_Stamp | None]:
        return [_stamp_of(file) for file in self._files]


def _load(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises ConfigurationError. Never waits for a passphrase, nor for a pipe."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION  # of TLS 1.2, which is a handshake each time
    try:
        for name, file in (("tls_certificate", certificate), ("tls_key", key)):
            if not file.is_file():
                raise ConfigurationError("there is no such file", key=name)
        context.load_cert_chain(certificate, key, _refuse_passphrase)
    except _NeedsPassphrase:
        raise ConfigurationError(
            "must be without a passphrase: nobody is there to enter it", key="tls_key"
        ) from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        known = (word for part, word in _WORDS.items() if part in str(error))
        why = next(known, getattr(error, "strerror", None) or "unreadable")
        raise ConfigurationError(
            f"certificate and key cannot be used ({why})", key="tls_certificate"
        ) from None
    return context


class _NeedsPassphrase(Exception):
    pass


def _refuse_passphrase() -> str:
    raise _NeedsPassphrase


def _stamp_of(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
