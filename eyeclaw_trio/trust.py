"""Whom our clients trust: one TLS context for models, `ask`, `chat` and the connector alike.

`SSL_CERT_FILE`, else `SSL_CERT_DIR`, else what the system trusts, wherever it keeps it: Python's
own default context looks in one place only, which an interpreter from elsewhere may not have.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import httpx2

from eyeclaw_trio.errors import ConfigurationError

_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"


def trusted_context() -> ssl.SSLContext:
    """For a client: whom this machine trusts is trusted, and names are checked.

    Reads certificates from the disk, which takes some 20 ms. Raises ConfigurationError where the
    environment names a file or folder that cannot be used.
    """
    file, folder = os.environ.get(_FILE), os.environ.get(_FOLDER)
    if folder and not file and not Path(folder).is_dir():
        raise ConfigurationError("there is no such folder", source=f"env {_FOLDER}")
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        if not file:
            raise
        why = error.strerror if error.filename or error.errno else None
        why = "it holds no certificates" if isinstance(error, ssl.SSLError) else why
        raise ConfigurationError(
            f"the file cannot be used ({why or type(error).__name__})", source=f"env {_FILE}"
        ) from None


def trust_only(certificate: Path) -> ssl.SSLContext:
    """TLS with our own gateway, which is asked by an address that its certificate need not name.

    Nobody but the owner of the first certificate in this PEM file is trusted, whatever the name.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = certificate.read_text("ascii").partition(begin)[2].partition(end)[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=f"{begin}{first}{end}\n")
    return context
