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
        kept = cls(int(log_n), int(r), int(p), base64.b64decode(salt), base64.b64decode(derived))
        if name != "scrypt" or not kept.is_bounded:
            raise ValueError("no password of ours")
        return kept

    @property
    def is_bounded(self) -> bool:
        """Whether it costs no more than ours: it may come from a backup of somebody else's."""
        return 1 <= self.log_n <= _LOG_N and 1 <= self.r <= _R and 1 <= self.p <= _P

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
    """Whether it is the one of which this is kept. Takes as long as `hash_password`; nothing is
    the password of what `hash_password` did not write."""
    if len(password) > LONGEST:
        return False
    try:
        known = _Kept.read(kept)
    except ValueError:
        return False
    return hmac.compare_digest(known.derive(password), known.derived)
