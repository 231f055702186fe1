"""The settings of a running gateway, as their page sees and changes them."""

from __future__ import annotations

from typing import Final

import trio
from attrs import define, field

from eyeclaw_trio.admin.workshop import SettingRow, Standing
from eyeclaw_trio.errors import ConfigurationError, RequestRefused
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.changes import FILE_NAME, change_setting, read_changes
from eyeclaw_trio.settings.layers import Source, dotted
from eyeclaw_trio.settings.reference import ReferenceEntry, find_entry
from eyeclaw_trio.settings.shown import ShownSetting, show_settings

_NO_ENTRY: Final = ("", "")


@define(eq=False)
class SettingsOffice:
    """An `admin.workshop.SettingsDesk`. `settings` are those that the gateway has started with."""

    settings: Settings
    _writing: trio.Lock = field(factory=trio.Lock, init=False)

    async def list(self) -> list[SettingRow]:
        """All of them, secrets masked. Cancelled, nothing has happened."""
        changes = await trio.to_thread.run_sync(read_changes, self.settings.data)
        written = {dotted(path): given.value for path, given in changes.given.items()}
        return [
            self._make_row(shown, find_entry(shown.key), written)
            for shown in show_settings(self.settings)
        ]

    async def change(self, key: str, text: str | None) -> None:
        """Say it anew for the next start. Raises RequestRefused (400, 409). Cancellation waits for
        the write."""
        shown = next((each for each in show_settings(self.settings) if each.key == key), None)
        if shown is not None and self._standing_of(shown.source) == "elsewhere":
            raise RequestRefused(409, "It is said elsewhere, which counts more", str(shown.source))
        async with self._writing:
            try:
                await trio.to_thread.run_sync(change_setting, self.settings.data, key, text)
            except ConfigurationError as error:
                raise RequestRefused(400, "This cannot be set", {key: error.problem}) from None

    def _make_row(
        self, shown: ShownSetting, entry: ReferenceEntry | None, written: dict[str, object]
    ) -> SettingRow:
        standing = self._standing_of(shown.source)
        can_change = entry is not None and entry.is_changeable and standing != "elsewhere"
        next_value: str | None = None
        if entry is not None and can_change:
            value = written.get(shown.key, entry.default)
            next_value = None if value == shown.value else as_text(value)
        meaning = None if entry is None else entry.meaning
        return SettingRow(
            shown.key,
            shown.value,
            str(shown.source),
            standing,
            _NO_ENTRY if meaning is None else (meaning.english, meaning.chinese),
            _NO_ENTRY if meaning is None else (meaning.unit_in("en"), meaning.unit_in("zh")),
            None if entry is None else entry.default,
            "" if entry is None else entry.variable,
            can_change,
            next_value,
        )

    def _standing_of(self, source: Source) -> Standing:
        if source == Source():
            return "default"
        return "here" if source.where == self.settings.data / FILE_NAME else "elsewhere"


def as_text(value: object) -> str:
    """A switch or a number as TOML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
