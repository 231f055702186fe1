"""The owner's password: what is kept of it, and whether one is it. Slow on purpose; blocks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from attrs import frozen

SHORTEST: Final = 8  # characters
LONGEST: Final = 1_024

# OWASP's password storage sheet: N = 2^15, r = 8, p = 3, which take 32 MiB and some 0.2 s.
_LOG_N: Final = 15
_R: Final = 8
_P: Final = 3
_MEMORY: Final = 64 * 1024 * 1024
_BYTES: Final = 32


@frozen
class _Kept:
    log_n: int
    r: int
    p: int
    salt: bytes
    derived: bytes

    @classmethod
    def read(cls, text: str) -> _Kept:
        """Raises ValueError for what `hash_password` did not write."""
        name, log_n, r, p, salt, derived = text.split("$")
        if name != "scrypt":
            raise ValueError("no scrypt")
        return cls(int(log_n), int(r), int(p), base64.b64decode(salt), base64.b64decode(derived))

    def derive(self, password: str) -> bytes:
        return hashlib.scrypt(
            password.encode("utf-8", "surrogatepass"),
            salt=self.salt,
            n=1 << self.log_n,
            r=self.r,
            p=self.p,
            maxmem=_MEMORY,
            dklen=_BYTES,
        )


def fault_of_password(password: str) -> str | None:
    """What is wrong with a new password; None: nothing."""
    if len(password) < SHORTEST:
        return f"the password is too short: at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"the password is too long: at most {LONGEST} characters"
    return None


def hash_password(password: str) -> str:
    """What is kept of a password. Takes some 0.2 s of one processor."""
    kept = _Kept(_LOG_N, _R, _P, secrets.token_bytes(16), b"")
    salt, derived = (base64.b64encode(each).decode() for each in (kept.salt, kept.derive(password)))
    return f"scrypt${_LOG_N}${_R}${_P}${salt}${derived}"


def is_password(password: str, kept: str) -> bool:
    """Whether it is the one of which this is kept. Takes as long as `hash_password`."""
    if len(password) > LONGEST:
        return False
    known = _Kept.read(kept)
    return hmac.compare_digest(known.derive(password), known.derived)
