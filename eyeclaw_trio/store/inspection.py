"""A look into a data folder that changes nothing in it: for whoever examines a set-up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.core.directory import AccessKey, Bot
from eyeclaw_trio.store.backup import DatabaseFile, check_database
from eyeclaw_trio.store.bots import list_bots
from eyeclaw_trio.store.database import FILE_NAME, open_to_read
from eyeclaw_trio.store.keys import list_keys
from eyeclaw_trio.store.schema import STEPS

PRESENT_SCHEMA: Final = len(STEPS)


@frozen
class Inspection:
    """What a database holds. Of one with an older schema only the file is known; `newest` is when
    its last turn began."""

    file: DatabaseFile
    keys: Sequence[AccessKey] = ()
    bots: Sequence[Bot] = field(default=())
    newest: datetime | None = None

    @property
    def is_present(self) -> bool:
        """Whether it has the present schema, and so was read."""
        return self.file.schema == PRESENT_SCHEMA


def inspect_folder(folder: Path) -> Inspection | None:
    """The database of this folder; None: there is none yet. Blocks, for the time that reading the
    whole file takes. Raises StoreError where it is not sound, not ours or of a newer version."""
    path = folder / FILE_NAME
    if not path.exists():
        return None
    checked = check_database(path)
    if checked.schema != PRESENT_SCHEMA:
        return Inspection(checked)
    with closing(open_to_read(folder)) as db:
        newest = db.execute("SELECT max(created_at) FROM stream_traces").fetchone()[0]
        keys, bots = list_keys(db), list_bots(db)
    return Inspection(
        checked, keys, bots, None if newest is None else datetime.fromisoformat(newest)
    )


def find_turn(folder: Path, message_id: str) -> bool:
    """Whether the gateway of this folder has had a question with this id. Blocks shortly. Raises
    StoreError."""
    with closing(open_to_read(folder)) as db:
        row = db.execute(
            "SELECT 1 FROM stream_traces WHERE message_id = ? LIMIT 1", (message_id,)
        ).fetchone()
    return row is not None
