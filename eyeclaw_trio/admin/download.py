"""A backup on its way to whoever asked for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import trio
from attrs import frozen
from starlette.types import Receive, Scope, Send

from eyeclaw_trio.admin.workshop import Backups

# Seconds in which one piece of 256 KiB must have been taken.
_PIECE_WITHIN: Final = 60.0


@frozen
class BackupDownload:
    """An ASGI application that makes a copy and sends it, as a file with the time in its name."""

    backups: Backups
    now: datetime

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it all, or break off where its reader leaves or takes nothing.

        Raises RequestRefused (409) and StoreError before anything is sent. Cancellation breaks it
        off, once the copy is made.
        """
        async with self.backups.copy() as copy:
            name = f"eyeclaw-{self.now:%Y%m%d-%H%M%S}.db"
            headers = [
                (b"content-type", b"application/vnd.sqlite3"),
                (b"content-length", str(copy.size).encode()),
                (b"content-disposition", f'attachment; filename="{name}"'.encode()),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_end_when_left, receive, nursery.cancel_scope)
                with trio.CancelScope() as slow:
                    while piece := await copy.read():
                        slow.deadline = trio.current_time() + _PIECE_WITHIN
                        message = {"type": "http.response.body", "body": piece, "more_body": True}
                        await send(message)
                    await send({"type": "http.response.body", "body": b""})
                nursery.cancel_scope.cancel()


async def _end_when_left(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
