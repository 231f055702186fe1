"""Files of the settings: read whole, of a sensible size, and nothing without an end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

# Bytes. A key is some hundred; what is longer was meant for something else.
LARGEST_SECRET: Final = 65_536
LARGEST_SETTINGS: Final = 1_048_576


class UnreadableFile(Exception):
    """The text says why, for people; never what was in it."""


def read_file_bytes(path: Path, largest: int) -> bytes:
    """All bytes of a regular file, of at most `largest`. Raises UnreadableFile.

    A pipe without a writer and a device are refused, and not waited for.
    """
    try:
        # Not to block is for pipes; for regular files it means nothing.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableFile("it is no regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(largest + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableFile(error.strerror or type(error).__name__) from None
    except ValueError:  # NUL in its name
        raise UnreadableFile("no file can have this name") from None
    if len(data) > largest:
        raise UnreadableFile(f"it is larger than {largest} bytes")
    return data


def read_secret_file(path: Path) -> str:
    """The text of a file that holds a secret, without spaces around it. Raises UnreadableFile."""
    try:
        return read_file_bytes(path, LARGEST_SECRET).decode().strip()
    except UnicodeDecodeError:
        raise UnreadableFile("not UTF-8 text") from None


def why_no_key(text: str) -> str | None:
    """What keeps a text from being a key, for people; None: it may be one.

    A key is printable ASCII without spaces, or no header could carry it. Nothing of it is repeated.
    """
    if not text:
        return "it is empty"
    if "…" in text:
        return "there is an ellipsis (…) in it, as where a page shows a part of a key only"
    for number, character in enumerate(text, 1):
        if character == " ":
            return "there is a space in it"
        if character in "\r\n":
            return "there is a line break in it"
        if not character.isascii():
            return f"character {number} of it is not ASCII"
        if not character.isprintable():
            return f"character {number} of it cannot be printed"
    return None


def write_private_file(path: Path, data: bytes) -> None:
    """Put a file with mode 0600 in place of what was there; who reads finds the one or the other,
    whole, at a power failure too. Blocks. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
