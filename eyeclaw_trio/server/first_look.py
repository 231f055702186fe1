"""A quick look at the first bytes of a connection: is it to be taken before a crowd?

Nothing is decided here. A key or token that is found is checked again where the request is read;
what is missed, or only looks so, costs its owner a place in the line, and others nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.wire.admission import Glimpse

# A longer one is none of ours, and its digest would only cost time.
_CREDENTIAL: Final = rb"([\x21-\x25\x27-\x7e]{1,200})"
_IN_QUERY: Final = re.compile(rb"\A[A-Z]+ [^ \r\n]*[?&](?:sdk_token|access_key)=" + _CREDENTIAL)
_AS_BEARER: Final = re.compile(rb"\r\nauthorization:[ \t]*bearer +" + _CREDENTIAL, re.IGNORECASE)
_HEALTH: Final = re.compile(rb"\A(?:GET|HEAD) /health[ ?]")
_PROBE: Final = Glimpse("/health")


@frozen
class FirstLook:
    """Finds a good key or token in what a request begins with, or a probe that asks for health."""

    directory: Callable[[], Directory]

    def __call__(self, begun: bytes) -> Glimpse | None:
        """What this shows; None for nothing. Never raises."""
        found = _IN_QUERY.match(begun) or _AS_BEARER.search(begun)
        if found is not None:
            presented = found.group(1).decode("ascii")
            directory = self.directory()
            key = directory.find_key(presented)
            if key is not None:
                return Glimpse(key.id, is_known=True)
            bot = directory.find_bot_by_token(presented)
            if bot is not None:
                return Glimpse(("bot", bot.id), is_known=True)
        return _PROBE if _HEALTH.match(begun) else None
