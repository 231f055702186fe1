"""What a TLS client begins with."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_hello(authority: Path, *, protocols: int = 0) -> bytes:
    """What a client begins a handshake with; of 250 bytes each are the names of its protocols."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(authority))
    context.set_alpn_protocols([f"{number:0250}" for number in range(protocols)])
    client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake is never over with its first word")
