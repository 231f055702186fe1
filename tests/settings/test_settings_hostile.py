"""Configurations that nobody writes on purpose: each is a clear error, soon, and no traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from deadlines import fail_after_seconds

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import SettingsCheck, check_settings

OPENCLAW = "[providers.openclaw]\nbase_url = 'http://127.0.0.1:18789/v1'\nmodel = 'main'\n"


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """None of these may hang."""
    with fail_after_seconds(20):
        yield


def check(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, config: Path | None = None
) -> SettingsCheck:
    (folder / "eyeclaw.toml").write_text(text, "utf-8")
    return check_settings({}, config=config, environ=environ or {}, cwd=folder)


def only_fault(
    folder: Path, text: str = "", environ: Mapping[str, str] | None = None
) -> ConfigurationError:
    (fault,) = check(folder, text, environ).faults
    return fault


def test_a_number_of_more_digits_than_python_reads_is_a_fault_with_its_line(tmp_path: Path) -> None:
    digits = "9" * 5_000
    fault = only_fault(tmp_path, f"\n[limits]\nconnections = {digits}")
    assert fault.line == 3
    assert "too long" in fault.problem
    fault = only_fault(tmp_path, environ={"EYECLAW_LIMITS__CONNECTIONS": digits})
    assert fault.key == "limits.connections"
    fault = only_fault(tmp_path, environ={f"EYECLAW_BOTS__{digits}__NAME": "a"})
    assert "there is no such setting" in fault.problem


@pytest.mark.parametrize(
    "text",
    [
        "allowed_origins = " + "[" * 900 + "]" * 900,
        "allowed_origins = " + "[" * 30_000,
        f"{OPENCLAW}extra = " + "{a = " * 900 + "1" + "}" * 900,
        "a = 1\nb = " + "[\n" * 900 + "]" * 900,
    ],
)
def test_arrays_and_tables_that_are_nested_too_deep_are_a_fault(tmp_path: Path, text: str) -> None:
    assert "nested" in only_fault(tmp_path, text).problem


@pytest.mark.parametrize("levels", [3_000, 100_000])
def test_a_key_of_thousands_of_dots_is_a_fault_and_soon(tmp_path: Path, levels: int) -> None:
    for text in (f"{'a.' * levels}b = 1", f"[{'a.' * levels}b]", f"x = {{ {'a.' * levels}b = 1 }}"):
        assert "nested" in only_fault(tmp_path, text).problem


def test_thousands_of_unknown_settings_are_that_many_faults_and_soon(tmp_path: Path) -> None:
    text = "".join(f"a.b{n} = 1\n" for n in range(3_000))
    text += "".join(f"lisen{n} = 1\n" for n in range(3_000))
    assert len(check(tmp_path, text).faults) == 3_001  # `a`, and each of the others


def test_the_name_of_an_unknown_setting_may_be_long(tmp_path: Path) -> None:
    assert "there is no such setting" in only_fault(tmp_path, f"{'x' * 500_000} = 1").problem


def test_a_file_that_is_far_too_large_is_a_fault(tmp_path: Path) -> None:
    assert "larger than" in only_fault(tmp_path, "#" * 2_000_000).problem


@pytest.mark.parametrize("key", ["data", "tls_certificate", "tls_key"])
@pytest.mark.parametrize("path", ["a\\u0000b", "~\\u0000", "\\u0000"])
def test_a_path_with_nul_in_it_is_a_fault_at_its_line(tmp_path: Path, key: str, path: str) -> None:
    fault = check(tmp_path, f'{key} = "{path}"').faults[0]
    assert (fault.key, fault.line) == (key, 1)
    assert "path" in fault.problem


@pytest.mark.parametrize("place", ["config", "EYECLAW_CONFIG"])
@pytest.mark.parametrize("name", ["a\0b", "x" * 5_000])
def test_a_settings_file_that_no_system_can_have_is_a_fault(
    tmp_path: Path, place: str, name: str
) -> None:
    environ = {place: name} if place != "config" else {}
    config = Path(name) if place == "config" else None
    (fault,) = check(tmp_path, "", environ, config).faults
    assert "there is no such file" in fault.problem


@pytest.mark.parametrize(
    "host", ["a" * 64, "a..b", ".a", "a.", "abcde." * 43 + "y", f"{'a' * 63}.{'b' * 64}"]
)
def test_a_host_that_cannot_be_looked_up_is_a_fault(tmp_path: Path, host: str) -> None:
    checked = check(tmp_path, f"listen = '{host}:1'\n[admin]\nallowed_hosts = ['{host}']")
    if host == "a.":  # the root at the end is good
        assert checked.faults == ()
        return
    assert [fault.key for fault in checked.faults] == ["listen", "admin.allowed_hosts"]


def test_deep_json_in_the_environment_is_a_fault(tmp_path: Path) -> None:
    for text in ('{"a":' * 20_000, "[" * 100_000, '{"a":' * 20_000 + "1" + "}" * 20_000):
        environ = {"EYECLAW_PROVIDERS__OPENCLAW__EXTRA": text}
        assert only_fault(tmp_path, OPENCLAW, environ).key == "providers.openclaw.extra"


@pytest.mark.parametrize("what", ["fifo", "/dev/zero", "folder", "large", "gone"])
def test_a_file_that_never_ends_or_is_none_leads_to_no_key_and_soon(
    tmp_path: Path, what: str
) -> None:
    place = Path(what) if what.startswith("/") else tmp_path / what
    match what:
        case "fifo":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "large":
            place.write_text("k" * 100_000)
    fault = only_fault(tmp_path, f"{OPENCLAW}api_key_file = '{place}'")
    assert (fault.key, fault.line) == ("providers.openclaw.api_key_file", 4)
    assert fault.problem.startswith("the file cannot be read (")


@pytest.mark.parametrize("place", ["/dev/zero", "fifo"])
def test_settings_are_read_from_files_only(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (fault,) = check(tmp_path, "", config=Path(place)).faults
    assert "there is no such file" in fault.problem
