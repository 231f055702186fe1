"""Settings: who has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import load, only_fault

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import ConfiguredBotSettings
from eyeclaw_trio.settings.kinds import HostPort


def test_without_anything_the_defaults_are_those_of_the_contract(
    folder: Path, tmp_path: Path
) -> None:
    settings = load(folder)
    assert settings.listen == HostPort("127.0.0.1", 8001)
    assert settings.admin_listen == HostPort("127.0.0.1", 8002)
    assert settings.data == tmp_path / "user-data"
    assert settings.binding == "off"
    assert settings.allowed_origins == ()
    assert settings.sse_error_event is True
    assert settings.patience.idle_timeout == 60.0
    assert settings.limits.connections == 10_000
    assert settings.providers == {"echo": ProviderSettings("echo", "echo")}
    assert settings.bots == ()
    assert settings.file is None


def test_a_flag_beats_the_environment_which_beats_the_file(folder: Path) -> None:
    text = 'listen = "127.0.0.1:1"\nadmin_listen = "127.0.0.1:1"\ndata = "of-the-file"\n'
    environ = {"EYECLAW_LISTEN": "127.0.0.1:2", "EYECLAW_ADMIN_LISTEN": "127.0.0.1:2"}
    settings = load(folder, text, environ, {"listen": "127.0.0.1:3", "data": None})
    assert settings.listen.port == 3
    assert settings.admin_listen.port == 2
    assert settings.data == folder / "of-the-file"
    assert str(settings.sources["listen"]) == "--listen"
    assert str(settings.sources["admin_listen"]) == "env EYECLAW_ADMIN_LISTEN"
    assert str(settings.sources["data"]) == f"{folder / 'eyeclaw.toml'}:3"


def test_the_named_file_beats_the_environments_and_that_beats_the_working_folder(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "user").mkdir()
    named, meant = tmp_path / "named.toml", tmp_path / "meant.toml"
    for port, file in enumerate([tmp_path / "user" / "eyeclaw.toml", named, meant], start=1):
        file.write_text(f'listen = "[::1]:{port}"')
    environ = {"EYECLAW_CONFIG": str(meant)}
    assert load(folder).listen.port == 1
    assert load(folder, 'listen = "[::1]:7"').listen.port == 7
    assert load(folder, environ=environ).listen.port == 3
    assert load(folder, environ=environ, config=named).listen.port == 2


def test_a_file_that_is_not_where_it_was_said_to_be_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml: there is no such file.*--config"):
        load(folder, config=Path("absent.toml"))
    with pytest.raises(ConfigurationError, match=r"absent\.toml: .*env EYECLAW_CONFIG"):
        load(folder, environ={"EYECLAW_CONFIG": "absent.toml"})


def test_levels_in_the_environment_are_joined_by_two_underscores(folder: Path) -> None:
    environ = {
        "EYECLAW_PATIENCE__IDLE_TIMEOUT": "5",
        "EYECLAW_LIMITS__REQUEST_BODY": "1_000",
        "EYECLAW_SSE_ERROR_EVENT": "false",
        "EYECLAW_ALLOWED_ORIGINS": "https://a.example, https://b.example:8443",
        "EYECLAW_PROVIDERS__MY_GPT__MODEL": "small",
        "EYECLAW_PROVIDERS__OTHER__BASE_URL": "https://other.example/v1",
        "EYECLAW_PROVIDERS__OTHER__MODEL": "large",
        "EYECLAW_BOTS__0__NAME": "home",
        "EYECLAW_BOTS__0__PROVIDER": "my-gpt",
    }
    text = '[providers.my-gpt]\nbase_url = "https://my.example/v1"\nmodel = "of the file"\n'
    settings = load(folder, text, environ)
    assert settings.patience.idle_timeout == 5.0
    assert settings.limits.request_body == 1000
    assert settings.sse_error_event is False
    assert settings.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert settings.providers["my-gpt"].model == "small"
    assert settings.providers["other"].model == "large"
    assert settings.bots == (ConfiguredBotSettings("home", "my-gpt"),)


def test_an_empty_variable_counts_as_not_set(folder: Path) -> None:
    assert load(folder, environ={"EYECLAW_LISTEN": "", "EYECLAW_CONFIG": ""}).listen.port == 8001


def test_relative_paths_are_meant_from_the_file_or_else_from_the_working_folder(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text('data = "data"')
    assert load(folder, config=file).data == tmp_path / "data"
    assert load(folder, environ={"EYECLAW_DATA": "data"}).data == folder / "data"
    assert load(folder, flags={"data": Path("data")}).data == folder / "data"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8001", HostPort("127.0.0.1", 8001)),
        ("[::1]:0", HostPort("::1", 0)),
        ("gateway.example:65535", HostPort("gateway.example", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(folder: Path, text: str, expected: HostPort) -> None:
    settings = load(folder, flags={"listen": text})
    assert settings.listen == expected
    assert str(settings.listen) == text


@pytest.mark.parametrize(
    "text",
    ["8001", ":8001", "::1:8001", "[::1]", "[nonsense]:1", "a:65536", "a:-1", "a b:1", "a:１", ""],
)
def test_what_is_no_address_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r'^--listen: must be "HOST:PORT"'):
        load(folder, flags={"listen": text})


def test_both_listeners_on_one_address_are_refused_unless_any_port_will_do(folder: Path) -> None:
    fault = only_fault(folder, 'listen = "127.0.0.1:9"\nadmin_listen = "127.0.0.1:9"')
    assert (fault.key, fault.line) == ("admin_listen", 2)
    load(folder, 'listen = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"')
