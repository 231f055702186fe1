"""What is remembered of wearers, between the memory of this process and the data folder."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import trio

from eyeclaw_trio.app.manners import make_manners
from eyeclaw_trio.core.beginnings import Beginning, Context
from eyeclaw_trio.core.conversation import Exchange
from eyeclaw_trio.core.memory import Thread
from eyeclaw_trio.server.occasion import Occasions
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.memory import (
    KeptExchange,
    list_exchanges,
    write_beginning,
    write_exchange,
)
from eyeclaw_trio.store.store import Store


def make_occasions(settings: Settings, store: Store) -> Occasions:
    """Questions are asked within these; what begins anew is written down, and what was said where
    it may be kept."""

    def note_beginning(beginning: Beginning) -> None:
        store.write_nowait(partial(write_beginning, beginning=beginning))

    def note_said(context: Context, thread: Thread, exchange: Exchange) -> None:
        kept = KeptExchange(context, thread, exchange)
        store.write_nowait(partial(write_exchange, kept=kept, said_at=datetime.now(UTC)))

    occasions = Occasions(make_manners(settings), on_beginning=note_beginning, on_said=note_said)
    occasions.memory.take(store.directory.beginnings)
    return occasions


async def recall_kept(occasions: Occasions, store: Store) -> None:
    """Bring back what was kept on disk; of bots that keep nothing any more it is taken away.

    Raises StoreError. Cancelled, some of it may be there.
    """
    manners = occasions.manners
    bots = {
        bot.id
        for bot in store.directory.bots.values()
        if manners.of(bot).needs_history and manners.of(bot).wearer.keep_history
    }
    for each in await store.run(lambda db: list_exchanges(db, bots)):
        occasions.memory.restore(each.context, each.thread, each.exchange, trio.current_time())
