"""Binding, between the store and whoever needs it: the dialogue of the glasses, and a command that
shows a code and waits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.binding import LIFETIME, BindingCode
from eyeclaw_trio.core.directory import Bot
from eyeclaw_trio.store.bindings import bind_wearer, look_at_code, make_binding_code
from eyeclaw_trio.store.bots import find_bot
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.store import Store

# Seconds between two looks at a code.
_LOOK_EVERY: Final = 0.3


@frozen
class StoreBinder:
    """A `server.binding_dialogue.Binder`."""

    store: Store

    async def bind(self, texts: Sequence[str], user_id: str, only_bot: int | None) -> Bot:
        """Bind this wearer by one of these codes. Raises BindingRefused and StoreError. Cancelled,
        it may be done or not."""
        work = partial(
            bind_wearer, texts=texts, user_id=user_id, now=read_clock(), only_bot=only_bot
        )
        return await self.store.run(work)


def make_code(folder: Path, name: str) -> tuple[Bot, BindingCode]:
    """A new code for the bot of this id or name. Raises NoSuchRecord and StoreError."""
    with closing(open_database(folder)) as db:
        bot = find_bot(db, name)
        return bot, make_binding_code(db, bot.id, read_clock())


def wait_until_used(folder: Path, code: BindingCode) -> str | None:
    """Block until a wearer has used it, who is returned, or nobody can any more: None. Raises
    StoreError."""
    until = time.monotonic() + LIFETIME.total_seconds()
    with closing(open_database(folder)) as db:
        while True:
            state = look_at_code(db, code.text, read_clock())
            if state.used_by is not None:
                return state.used_by
            if state.is_over or time.monotonic() > until:
                return None
            time.sleep(_LOOK_EVERY)
