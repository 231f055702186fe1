"""A certificate for a gateway of the tests, made by an authority of their own."""

from __future__ import annotations

from pathlib import Path

import trustme


def make_certificate(folder: Path, kind: trustme.KeyType) -> tuple[Path, str]:
    """The file of the authority, and the settings that name the certificate, made in this
    folder."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "127.0.0.2", key_type=kind)
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem", 'tls_certificate = "certificate.pem"\ntls_key = "key.pem"\n'
