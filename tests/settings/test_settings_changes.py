"""Settings that the pages change: kept in the data folder, below everything that was said."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import load

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import check_settings
from eyeclaw_trio.settings.changes import FILE_NAME, change_setting, is_changeable
from eyeclaw_trio.settings.layers import known_paths
from eyeclaw_trio.settings.shown import show_settings


def data_line(folder: Path) -> str:
    (folder / "kept").mkdir(exist_ok=True)
    return 'data = "kept"\n'


def test_a_change_counts_from_the_next_start_and_says_where_it_came_from(folder: Path) -> None:
    text = data_line(folder)
    change_setting(folder / "kept", "patience.idle_timeout", " 42 ")
    change_setting(folder / "kept", "traces.keep_content", "true")
    settings = load(folder, text)
    assert settings.patience.idle_timeout == 42.0
    assert settings.traces.keep_content is True
    sources = {each.key: str(each.source) for each in show_settings(settings)}
    assert sources["patience.idle_timeout"] == f"{folder / 'kept' / FILE_NAME}:2"


def test_what_the_file_the_environment_or_an_option_says_wins(folder: Path) -> None:
    text = data_line(folder) + "[patience]\nidle_timeout = 7.0\n"
    change_setting(folder / "kept", "patience.idle_timeout", "42")
    change_setting(folder / "kept", "patience.keepalive", "3")
    settings = load(folder, text, {"EYECLAW_PATIENCE__KEEPALIVE": "4"})
    assert (settings.patience.idle_timeout, settings.patience.keepalive) == (7.0, 4.0)


def test_a_change_that_is_taken_back_leaves_the_default_and_the_other_changes(folder: Path) -> None:
    text = data_line(folder)
    change_setting(folder / "kept", "limits.queued_turns", "3")
    change_setting(folder / "kept", "sse_error_event", "false")
    change_setting(folder / "kept", "limits.queued_turns", None)
    settings = load(folder, text)
    assert (settings.limits.queued_turns, settings.sse_error_event) == (16, False)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("patience.idle_timeout", "0"),
        ("patience.idle_timeout", "nan"),
        ("patience.idle_timeout", "soon"),
        ("limits.queued_turns", "1.5"),
        ("limits.queued_turns", "9" * 500),
        ("traces.keep_content", "perhaps"),
        ("traces.keep_content", "true\nlisten = 'x'"),
        ("listen", "0.0.0.0:1"),
        ("admin.allowed_hosts", "evil.example"),
        ("providers.NAME.api_key", "secret"),
        ("no.such", "1"),
        ("", "1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_leaves_no_file(
    folder: Path, key: str, text: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        change_setting(folder, key, text)
    assert refused.value.key == key
    assert not list(folder.iterdir())


def test_a_file_of_changes_that_says_more_is_a_fault_with_its_line(folder: Path) -> None:
    text = data_line(folder)
    (folder / "kept" / FILE_NAME).write_text('\nlisten = "0.0.0.0:80"\n')
    (folder / "eyeclaw.toml").write_text(text)
    (fault,) = check_settings({}, config=None, environ={}, cwd=folder).faults
    assert (fault.key, fault.line) == ("listen", 2)
    with pytest.raises(ConfigurationError, match=r"in eyeclaw\.toml only"):
        change_setting(folder / "kept", "patience.keepalive", "3")


def test_the_file_of_changes_is_private(folder: Path) -> None:
    change_setting(folder, "patience.keepalive", "3")
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_no_page_changes_who_may_come_in_or_where_secrets_are() -> None:
    changeable = {path for path in known_paths() if is_changeable(path)}
    assert {path[0] for path in changeable} <= {
        "patience",
        "limits",
        "traces",
        "sse_error_event",
        "admin",
    }
    assert ("admin", "allowed_hosts") not in changeable
