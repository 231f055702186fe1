"""Who may come in: keys and tokens against the snapshot, and the brake on guessing."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from eyeclaw_trio.core.directory import AccessKey, Directory
from eyeclaw_trio.core.throttle import Throttle
from eyeclaw_trio.errors import KeyRevoked, RequestRefused, TryLater
from eyeclaw_trio.wire.peer_log import PeerLog
from eyeclaw_trio.wire.request_reader import Request


def shutting_down() -> RequestRefused:
    """What whoever comes while the gateway stops is told (RELIABILITY 6)."""
    return TryLater("Shutting down")


class Gate:
    """Checks credentials against the current directory; nothing here waits for a database.

    A good credential always opens, however many bad ones came from the same address (everybody
    behind one reverse proxy shares it); bad ones beyond the brake get 429 instead of 401.
    """

    def __init__(
        self, directory: Callable[[], Directory], on_failure: Callable[[], None] = lambda: None
    ) -> None:
        self.directory = directory
        self._throttle = Throttle()
        self.peers = PeerLog()
        """What is logged about those who ask."""
        self._on_failure = on_failure

    def require_key(self, request: Request, *, in_query: bool = False) -> AccessKey:
        """The access key of this request. Raises RequestRefused (401, 429, and 503 where this key
        has too many connections).

        `in_query`: `access_key` in the query is one too, for browsers, whose WebSockets have no
        headers to choose.
        """
        presented = request.bearer
        if presented is None and in_query:
            presented = request.query.get("access_key") or None
        key = self.directory().find_key(presented) if presented is not None else None
        if key is None:
            if presented is not None:
                self.note_failure(request)
                self.peers.info(request.peer, "gate.refused", path=request.path[:100])
            raise RequestRefused(
                401, "Invalid access key", headers=[("WWW-Authenticate", "Bearer")]
            )
        if not request.newcomer.vouch(key.id):
            raise self.refuse_one_more(request, key)
        return key

    def refuse_one_more(self, request: Request, key: AccessKey) -> TryLater:
        """What is said where one more connection of this key, or of this kind, is one too many."""
        self.peers.warning(request.peer, "gate.too_many_connections", key_id=key.id)
        return TryLater("Too many connections with this key")

    def find_former_key(self, request: Request) -> AccessKey | None:
        """The key of this request, where it was good once and is no more. Whoever has such a one
        does not guess, so it is counted as no failure."""
        presented = request.bearer
        key = self.directory().find_former_key(presented) if presented is not None else None
        if key is not None:
            self.peers.info(request.peer, "gate.former_key", key_id=key.id)
        return key

    def check_still_open(self, key_id: int | None) -> None:
        """Raises KeyRevoked where this key was good and has been revoked since. The owner needs
        none."""
        if key_id is not None and key_id not in self.directory().active_keys:
            raise KeyRevoked

    def note_failure(self, request: Request) -> None:
        """Count a bad key or token. Raises RequestRefused (429) beyond the brake."""
        self._on_failure()
        wait = self._throttle.note_failure(request.peer, trio.current_time())
        if wait > 0:
            raise RequestRefused(
                429, "Too many failed keys", headers=[("Retry-After", str(math.ceil(wait)))]
            )
