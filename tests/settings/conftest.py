"""Folders for settings: an empty one to read them from, and none of the user's own."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own folders, empty and far from the real ones."""
    monkeypatch.setattr(
        platformdirs, "user_config_path", lambda *_args, **_options: tmp_path / "user"
    )
    monkeypatch.setattr(
        platformdirs, "user_data_path", lambda *_args, **_options: tmp_path / "user-data"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder
