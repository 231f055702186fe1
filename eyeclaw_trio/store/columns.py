"""What goes into a column: times as text, and names that people chose."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

from eyeclaw_trio.errors import StoreError

LONGEST_NAME: Final = 128  # characters


def read_clock() -> datetime:
    """The wall clock: for stamps only, nothing is ever decided by it (RELIABILITY 10)."""
    return datetime.now(UTC)


def check_name(name: str) -> str:
    """The name of a key or bot, without white space around it.

    Raises StoreError where that leaves nothing, more than 128 characters, or one that neither a
    terminal nor the database can take: a control character, a lone surrogate.
    """
    name = name.strip()
    if not name:
        raise StoreError("a name is needed: it must not be blank")
    if len(name) > LONGEST_NAME:
        raise StoreError(f"the name is too long: at most {LONGEST_NAME} characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise StoreError("the name has a control character or is not valid Unicode")
    return name
