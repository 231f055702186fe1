"""Backups of a running gateway, as their page takes and brings them."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

import trio
from attrs import define, field, frozen

from eyeclaw_trio.errors import RequestRefused, StoreError
from eyeclaw_trio.store.backup import DatabaseFile, back_up
from eyeclaw_trio.store.waiting_backup import (
    forget_part,
    forget_waiting,
    let_wait,
    part_of_waiting,
)

_COPY: Final = "page-backup.db"
_PIECE: Final = 262_144
# What is left free on the disk, whatever is sent (bytes): the gateway has to write too.
_LEFT_FREE: Final = 268_435_456
# Bytes between two looks at what is free.
_LOOK_EVERY: Final = 16_777_216


@frozen
class OpenCopy:
    """An `admin.workshop.BackupCopy`; the file has no name any more."""

    size: int
    _file: IO[bytes]

    async def read(self) -> bytes:
        """The next piece; nothing at its end. Cancelled, the piece is lost."""
        return await trio.to_thread.run_sync(self._file.read, _PIECE)


@define(eq=False)
class BackupShelf:
    """An `admin.workshop.Backups`, of this data folder."""

    folder: Path
    waiting: DatabaseFile | None = field(default=None, init=False)
    _is_copying: bool = field(default=False, init=False)
    _is_receiving: bool = field(default=False, init=False)

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[OpenCopy]:
        """Make a checked copy. Raises RequestRefused (409) and StoreError. Cancellation waits until
        it is made."""
        if self._is_copying:
            raise RequestRefused(409, "A backup is being made already")
        self._is_copying = True
        try:
            size, file = await trio.to_thread.run_sync(self._make_copy)
            with file:
                yield OpenCopy(size, file)
        finally:
            self._is_copying = False

    async def receive(self, pieces: AsyncIterator[bytes]) -> DatabaseFile:
        """Take a backup for the next start. Raises RequestRefused (409, 507) and StoreError.
        Cancelled, nothing waits."""
        if self._is_receiving:
            raise RequestRefused(409, "A backup is being received already")
        self._is_receiving = True
        try:
            await self._write(pieces)
            self.waiting = await trio.to_thread.run_sync(let_wait, self.folder)
        finally:
            forget_part(self.folder)
            self._is_receiving = False
        return self.waiting

    async def forget(self) -> bool:
        """Nothing is to be restored. Raises StoreError. Cancellation waits for it."""
        was_there = await trio.to_thread.run_sync(forget_waiting, self.folder)
        self.waiting = None
        return was_there

    async def _write(self, pieces: AsyncIterator[bytes]) -> None:
        unlooked = _LOOK_EVERY
        try:
            with self._open_part() as file:
                async for piece in pieces:
                    unlooked += len(piece)
                    if unlooked > _LOOK_EVERY:
                        self._require_room()
                        unlooked = 0
                    await trio.to_thread.run_sync(file.write, piece)
        except OSError as error:
            raise StoreError(f"the backup cannot be kept: {error.strerror}") from error

    def _open_part(self) -> IO[bytes]:
        forget_part(self.folder)
        part = part_of_waiting(self.folder)
        return os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")

    def _require_room(self) -> None:
        if shutil.disk_usage(self.folder).free < _LEFT_FREE + _LOOK_EVERY:
            raise RequestRefused(507, "The disk has no room for it")

    def _make_copy(self) -> tuple[int, IO[bytes]]:
        path = self.folder / _COPY
        made = back_up(self.folder, path, overwrite=True)
        file = path.open("rb")
        path.unlink()
        return made.bytes, file
