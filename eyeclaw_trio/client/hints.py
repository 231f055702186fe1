"""What to try when a gateway refuses."""

from __future__ import annotations

from typing import Final

_HINTS: Final = {
    401: "check EYECLAW_KEY; `eyeclaw key list` shows which keys there are",
    403: "this key is for another bot; `eyeclaw key list` shows which",
    404: "check the address; `eyeclaw bot list` shows which bots there are",
}


def with_hint(said: str, status: int) -> str:
    """What was said, and how to mend it, where there is something to say."""
    hint = _HINTS.get(status)
    return said if hint is None else f"{said}; {hint}"
