"""Who has asked which bot, as the traces know it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from eyeclaw_trio.store.store import Store
from eyeclaw_trio.store.wearers import LastQuestion, find_last_question, list_askers


@frozen
class TracedWearers:
    """A `server.pushes.WearerBook`. All of it waits for the store's reader thread and raises
    StoreError; cancellation changes nothing."""

    store: Store

    async def find_last_question(self, user_id: str, bot_id: int | None) -> LastQuestion | None:
        """What this wearer asked last of this bot, or of any. Cancellation changes nothing."""
        return await self.store.read(lambda db: find_last_question(db, user_id, bot_id))

    async def list_askers(self, bot_id: int | None, most: int) -> Sequence[str]:
        """Who has asked this bot, or any; at most so many. Cancellation changes nothing."""
        return await self.store.read(lambda db: list_askers(db, bot_id, most))
