"""Secrets in settings: where they come from, and that they are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import OPENCLAW, SECRET, load, only_fault

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings.schema import SCHEMA
from eyeclaw_trio.settings.shown import show_settings


def test_a_key_comes_from_the_file_a_variable_or_a_file_of_its_own(folder: Path) -> None:
    (folder / "key").write_text(f"{SECRET}\n")
    text = f'{OPENCLAW}api_key = "{SECRET}"'
    assert load(folder, text).providers["openclaw"].api_key == SECRET
    text = f'{OPENCLAW}api_key_env = "GATEWAY"'
    assert load(folder, text, {"GATEWAY": SECRET}).providers["openclaw"].api_key == SECRET
    text = f'{OPENCLAW}api_key_file = "key"'
    assert load(folder, text).providers["openclaw"].api_key == SECRET
    environ = {"EYECLAW_PROVIDERS__OPENCLAW__API_KEY_FILE": str(folder / "key")}
    assert load(folder, OPENCLAW, environ).providers["openclaw"].api_key == SECRET


def test_the_account_key_comes_in_the_same_ways_and_is_never_shown(folder: Path) -> None:
    (folder / "key").write_text(f"{SECRET}\n")
    for text, environ in (
        (f'[push]\naccount_key = "{SECRET}"', {}),
        ('[push]\naccount_key_env = "ACCOUNT"', {"ACCOUNT": SECRET}),
        ('[push]\naccount_key_file = "key"', {}),
        ("", {"EYECLAW_PUSH__ACCOUNT_KEY_FILE": str(folder / "key")}),
        ('[push]\naccount_key_env = "OTHER"', {"EYECLAW_PUSH__ACCOUNT_KEY": SECRET}),
    ):
        settings = load(folder, text, environ)
        assert settings.push.account_key == SECRET
        assert SECRET not in repr(settings)
        assert SECRET not in repr(show_settings(settings))
    assert load(folder, "").push.account_key is None
    unset = load(folder, '[push]\naccount_key_env = "ACCOUNT"')
    assert unset.push.account_key is None
    assert "pushes are refused" in unset.warnings[0]
    fault = only_fault(folder, '[push]\naccount_key = "a"\naccount_key_env = "B"')
    assert "account_key is there too" in fault.problem


def test_one_way_to_give_a_key_is_enough(folder: Path) -> None:
    text = f'{OPENCLAW}api_key_env = "GATEWAY"\napi_key = "{SECRET}"'
    fault = only_fault(folder, text)
    assert (fault.key, fault.line) == ("providers.openclaw.api_key_env", 5)
    assert "api_key is there too" in fault.problem


def test_a_key_of_the_environment_covers_another_way_of_the_file(folder: Path) -> None:
    text = f'{OPENCLAW}api_key_env = "GATEWAY"'
    environ = {"EYECLAW_PROVIDERS__OPENCLAW__API_KEY": SECRET, "GATEWAY": "other"}
    assert load(folder, text, environ).providers["openclaw"].api_key == SECRET


def test_a_variable_that_is_not_set_is_a_warning_and_no_key(folder: Path) -> None:
    settings = load(folder, f'{OPENCLAW}api_key_env = "{SECRET}"')
    assert settings.providers["openclaw"].api_key is None
    (warning,) = settings.warnings
    assert "eyeclaw.toml:5: providers.openclaw.api_key_env: " in warning
    assert SECRET not in warning  # somebody put the key where its name belongs


@pytest.mark.parametrize("content", [None, b"", b"two\nlines", b"\xff", "schlüssel".encode()])
def test_a_file_that_leads_to_no_key_is_refused(folder: Path, content: bytes | None) -> None:
    if content is not None:
        (folder / "key").write_bytes(content)
    fault = only_fault(folder, f'{OPENCLAW}api_key_file = "key"')
    assert (fault.key, fault.line) == ("providers.openclaw.api_key_file", 5)


@pytest.mark.parametrize("key", [f"['{SECRET}']", f"{{a = '{SECRET}'}}", f"'{SECRET} ü'"])
def test_no_error_shows_a_secret(folder: Path, key: str) -> None:
    for text in (f"{OPENCLAW}api_key = {key}", f"{OPENCLAW}api_key = {key} nonsense"):
        with pytest.raises(ConfigurationError) as caught:
            load(folder, text)
        assert SECRET not in str(caught.value)


def test_settings_are_shown_with_their_sources_and_without_secrets(folder: Path) -> None:
    text = f'{OPENCLAW}api_key = "{SECRET}"\n[[bots]]\nname = "a"\nprovider = "openclaw"'
    settings = load(folder, text, {"EYECLAW_PATIENCE__KEEPALIVE": "3"}, {"listen": "[::1]:0"})
    shown = {each.key: (each.value, str(each.source)) for each in show_settings(settings)}
    file = folder / "eyeclaw.toml"
    assert shown["listen"] == ("[::1]:0", "--listen")
    assert shown["admin_listen"] == ("127.0.0.1:8002", "default")
    assert shown["patience.keepalive"] == (3.0, "env EYECLAW_PATIENCE__KEEPALIVE")
    assert shown["providers.openclaw.model"] == ("openclaw/main", f"{file}:4")
    assert shown["providers.openclaw.api_key"] == ("***", f"{file}:5")
    assert shown["bots[0].name"] == ("a", f"{file}:7")
    assert SECRET not in repr(shown)
    assert SECRET not in repr(settings)


def test_every_setting_that_is_built_is_shown(folder: Path) -> None:
    text = f"{OPENCLAW}[[bots]]\nname = 'a'\nprovider = 'openclaw'"
    shown = {each.key.split(".")[0].split("[")[0] for each in show_settings(load(folder, text))}
    assert shown == set(SCHEMA)
