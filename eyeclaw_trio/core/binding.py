"""Binding a wearer to a bot by a QR code: what stands in the code, and how long it counts. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.core.directory import digest

# How long a code can be used after it was made.
LIFETIME: Final = timedelta(minutes=5)
# Bytes of the secret in a code: 128 bits cannot be guessed.
SECRET_BYTES: Final = 16

# Capital letters and digits alone make the smallest code, which is read from the farthest.
_PREFIX: Final = "EYECLAW:"
_CODE: Final = re.compile(r"\s*EYECLAW:([A-Z2-7]{26})\s*", re.IGNORECASE)


@frozen
class BindingCode:
    """A code that was made just now; `text` is what stands in it. `expires_at` is ISO 8601, UTC."""

    bot_id: int
    text: str = field(repr=False)
    expires_at: str


def write_code(secret: bytes) -> str:
    """The text of the code with this secret."""
    return _PREFIX + base64.b32encode(secret).decode("ascii").rstrip("=")


def read_code(text: str) -> bytes | None:
    """The digest by which this code is known; None where it is none of ours."""
    found = _CODE.fullmatch(text)
    return None if found is None else digest(_PREFIX + found[1].upper())


def read_codes(texts: Iterable[str]) -> list[bytes]:
    """The digests of those that are ours."""
    return [known for text in texts if (known := read_code(text)) is not None]


def is_in_time(created_at: datetime, now: datetime) -> bool:
    """Whether a code of this age counts. It does not where the clock stands before it was made:
    then nobody knows how old it is."""
    return created_at <= now < created_at + LIFETIME
