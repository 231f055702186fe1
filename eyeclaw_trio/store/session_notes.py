"""Which links live: what the cable says of them, written down now and then without waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import attrs
import trio
from attrs import define, field

from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store.sessions import BotSession, write_session
from eyeclaw_trio.store.write_queue import Write

# "Last heard" is for people to read: seconds between two writes of it.
HEARD_EVERY: Final = 10.0


@define(eq=False, weakref_slot=False)  # there may be ten thousand
class _OpenSession:
    """A session whose link lives, and when it was written last (monotonic seconds)."""

    session: BotSession
    written_at: float


@define(eq=False)
class SessionNotes:
    """The open sessions. All of it belongs to the trio thread; `now` is the wall clock."""

    _write_nowait: Callable[[Write], bool]
    _now: Callable[[], datetime]
    _open: dict[str, _OpenSession] = field(factory=dict, init=False)

    def session_opened(self, bot_id: int, session_id: str, metadata: Mapping[str, object]) -> None:
        """Note that a link of this bot lives; `metadata` is what it says about itself."""
        stamp = to_stamp(self._now())
        # ASCII, so that a lone surrogate from a peer cannot make it impossible to store.
        text = json.dumps(dict(metadata), default=str)
        session = BotSession(session_id, bot_id, stamp, stamp, metadata=text)
        self._open[session_id] = _OpenSession(session, trio.current_time())
        self._write(session)

    def session_heard(self, session_id: str, at: float) -> None:
        """Note that this link's bot was heard at that moment (monotonic seconds), which is now or
        was just now; written at most every 10 s.

        Cheap enough for every message. Of a session that is not open nothing happens.
        """
        opened = self._open.get(session_id)
        if opened is None or at - opened.written_at < HEARD_EVERY:
            return
        opened.session = attrs.evolve(opened.session, last_ping_at=to_stamp(self._now()))
        if self._write(opened.session):
            opened.written_at = at

    def session_closed(self, session_id: str) -> None:
        """Note that this link has ended. Of a session that is not open nothing happens."""
        opened = self._open.pop(session_id, None)
        if opened is not None:
            stamp = to_stamp(self._now())
            self._write(attrs.evolve(opened.session, disconnected_at=stamp))

    def close_all(self) -> None:
        """Note that all of them have ended."""
        for session_id in list(self._open):
            self.session_closed(session_id)

    def _write(self, session: BotSession) -> bool:
        return self._write_nowait(partial(write_session, session=session))
