"""What a running gateway says of itself is believed while it runs, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.running_gateway import (
    FILE_NAME,
    RunningGateway,
    forget_running_gateway,
    read_running_gateway,
    write_running_gateway,
)

RUNNING = RunningGateway(4711, {"1": "", "3": "unknown_provider"})


def test_what_is_said_is_read_as_long_as_the_folder_is_held(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        assert read_running_gateway(tmp_path) is None
        write_running_gateway(tmp_path, RUNNING)
        assert read_running_gateway(tmp_path) == RUNNING
    assert read_running_gateway(tmp_path) is None


def test_an_earlier_gateways_word_is_forgotten(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        write_running_gateway(tmp_path, RUNNING)
    with hold_folder(tmp_path):
        forget_running_gateway(tmp_path)
        assert read_running_gateway(tmp_path) is None
        forget_running_gateway(tmp_path)  # nothing is there: no fault


def test_the_file_is_the_owners_only_and_replaced_as_a_whole(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        write_running_gateway(tmp_path, RUNNING)
        first = (tmp_path / FILE_NAME).stat()
        write_running_gateway(tmp_path, RunningGateway(4711))
        second = (tmp_path / FILE_NAME).stat()
    assert (first.st_mode & 0o777, second.st_mode & 0o777) == (0o600, 0o600)
    assert first.st_ino != second.st_ino
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_what_a_crash_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / f".{FILE_NAME}.new").write_text("half")
    with hold_folder(tmp_path):
        write_running_gateway(tmp_path, RUNNING)
        assert read_running_gateway(tmp_path) == RUNNING


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', "null"])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    with hold_folder(tmp_path):
        (tmp_path / FILE_NAME).write_text(text)
        assert read_running_gateway(tmp_path) is None


def test_a_bot_is_known_by_its_id() -> None:
    assert RUNNING.why_offline(1) == ""
    assert RUNNING.why_offline(3) == "unknown_provider"
    assert RUNNING.why_offline(4) is None
