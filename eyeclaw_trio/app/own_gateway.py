"""The gateway that the settings start, as a client on the same machine finds it."""

from __future__ import annotations

import ssl
from typing import Final

from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.protocol.endpoint import Endpoint
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.trust import trust_only

_EVERY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (read, never bound)


def find_own_gateway(settings: Settings) -> tuple[Endpoint, ssl.SSLContext | None]:
    """Where it is, and whom to trust there; None: it speaks no TLS.

    Raises EyeclawError where the settings leave the port to chance, OSError where its certificate
    cannot be read.
    """
    listen, certificate = settings.listen, settings.tls_certificate
    if not listen.port:
        raise EyeclawError("the settings leave the port open; name the gateway with --server URL")
    host = _EVERY_HOST.get(listen.host, listen.host)
    endpoint = Endpoint(host, listen.port, is_secure=certificate is not None)
    return endpoint, None if certificate is None else trust_only(certificate)
