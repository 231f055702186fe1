"""`data:` addresses: a picture within the text that names it. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from eyeclaw_trio.errors import PhotoFault, PhotoRefused

SCHEME: Final = "data:"


def is_data_url(address: str) -> bool:
    """Whether the picture is in the address itself."""
    return address[: len(SCHEME)].lower() == SCHEME


def make_data_url(jpeg: bytes) -> str:
    """A JPEG as an address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def read_data_url(address: str, limit: int) -> bytes:
    """The bytes in this address. Raises PhotoRefused for more than `limit` of them, for what is
    not base64, and for another type than a picture's."""
    head, _, text = address[len(SCHEME) :].partition(",")
    kind, *parameters = [part.strip().lower() for part in head[:200].split(";")]
    if not kind.startswith("image/") or kind == "image/svg+xml" or "base64" not in parameters:
        raise PhotoRefused(PhotoFault.NO_IMAGE, "its data: address holds no picture as base64")
    if len(text) // 4 * 3 > limit + 2:
        raise PhotoRefused(PhotoFault.LARGE, f"it has more than {limit} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PhotoRefused(PhotoFault.NO_IMAGE, "its data: address is no base64") from None
