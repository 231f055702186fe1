"""Settings: who has the last word, what is refused and where it says so, what is never shown."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import (
    ConfiguredBotSettings,
    Settings,
    SettingsCheck,
    check_settings,
    load_settings,
)
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.settings.layers import known_paths
from eyeclaw_trio.settings.lines import KeyPath, find_lines
from eyeclaw_trio.settings.schema import SCHEMA, is_planned
from eyeclaw_trio.settings.shown import show_settings
from eyeclaw_trio.store.retention import TraceSettings

SECRET = "sk-do-not-show-4711"
OPENCLAW = """
[providers.openclaw]
base_url = "http://127.0.0.1:18789/v1"
model = "openclaw/main"
"""


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


def load(
    folder: Path,
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    config: Path | None = None,
) -> Settings:
    if text is not None:
        (folder / "eyeclaw.toml").write_text(text, encoding="utf-8")
    return load_settings(flags or {}, config=config, environ=environ or {}, cwd=folder)


def check(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> SettingsCheck:
    (folder / "eyeclaw.toml").write_text(text, encoding="utf-8")
    return check_settings({}, config=None, environ=environ or {}, cwd=folder)


def only_fault(
    folder: Path, text: str, environ: Mapping[str, str] | None = None
) -> ConfigurationError:
    (fault,) = check(folder, text, environ).faults
    return fault


# Who has the last word


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


# What is refused, and where it says so


@pytest.mark.parametrize(
    ("text", "line", "key", "nearest"),
    [
        ("\nlistn = 1", 2, "listn", "listen"),
        ("[patience]\n\nidel_timeout = 1", 3, "patience.idel_timeout", "patience.idle_timeout"),
        ("[patence]\nidle_timeout = 1", 1, "patence", "patience"),
        ("idle_timeout = 1", 1, "idle_timeout", "patience.idle_timeout"),
        ("patience.keepalve = 1", 1, "patience.keepalve", "patience.keepalive"),
        ("[[bot]]\nname = 'a'", 1, "bot", "bots"),
        ('# ü\n[limits]\n"connection" = 1', 3, "limits.connection", "limits.connections"),
        (f"{OPENCLAW}modle = 'x'", 5, "providers.openclaw.modle", "providers.openclaw.model"),
        (
            "[providers.'a b']\nbse_url = 'x'\nmodel = 'x'",
            2,
            'providers."a b".bse_url',
            'providers."a b".base_url',
        ),
        (
            "[[bots]]\nname = 'a'\nprovider = 'echo'\n[[bots]]\nname = 'b'\nprovder = 'echo'",
            6,
            "bots[1].provder",
            "bots[1].provider",
        ),
        ("[patience]\nxyzzy = 1", 2, "patience.xyzzy", ""),
    ],
)
def test_a_typo_is_refused_with_file_line_key_and_the_nearest_known_key(
    folder: Path, text: str, line: int, key: str, nearest: str
) -> None:
    fault = only_fault(folder, text)
    assert (fault.source, fault.line, fault.key) == (folder / "eyeclaw.toml", line, key)
    assert f"the nearest known one is {nearest}" in str(fault)
    assert str(fault).startswith(f"{folder / 'eyeclaw.toml'}:{line}: {key}: ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("EYECLAW_LISTN", "EYECLAW_LISTEN"),
        ("EYECLAW_PATIENCE_IDLE_TIMEOUT", "EYECLAW_PATIENCE__IDLE_TIMEOUT"),
        ("EYECLAW_PROVIDERS__HOME__MODLE", "EYECLAW_PROVIDERS__HOME__MODEL"),
        ("EYECLAW_BOTS__1__NAM", "EYECLAW_BOTS__1__NAME"),
        ("EYECLAW_TOKEN_FIL", "EYECLAW_TOKEN_FILE"),
        ("EYECLAW_", "EYECLAW_"),
    ],
)
def test_a_typo_in_the_environment_is_refused_with_the_nearest_known_name(
    folder: Path, name: str, nearest: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, environ={name: SECRET})
    assert str(caught.value).startswith(f"env {name}: ")
    assert f"the nearest known one is {nearest}" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_what_commands_take_from_the_environment_is_no_typo(folder: Path) -> None:
    names = ["KEY", "KEY_FILE", "TOKEN", "TOKEN_FILE", "SERVER", "BOT"]
    load(folder, environ={f"EYECLAW_{name}": SECRET for name in names})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('binding = "required"', "binding"),
        ('[[bots]]\nname = "a"\nprovider = "echo"\nspeech = "clean"', "bots[0].speech"),
    ],
)
def test_what_is_not_built_yet_is_refused_in_clear_words(folder: Path, text: str, key: str) -> None:
    fault = only_fault(folder, text)
    assert fault.key == key
    assert fault.line is not None
    assert "will come with a later version" in fault.problem


def test_what_is_not_built_yet_is_refused_in_the_environment_too(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"env EYECLAW_BINDING: .*later version"):
        load(folder, environ={"EYECLAW_BINDING": "required"})


def test_how_long_traces_are_kept_can_be_said(folder: Path) -> None:
    assert load(folder).traces == TraceSettings(30, 100_000, False)
    text = "[traces]\nkeep_days = 3\nkeep_content = true"
    settings = load(folder, text, {"EYECLAW_TRACES__KEEP_ROWS": "500"})
    assert settings.traces == TraceSettings(3, 500, True)
    for bad in ("keep_days = 0", "keep_days = 1.5", "keep_rows = -1", "keep_content = 1"):
        assert only_fault(folder, f"[traces]\n{bad}").line == 2


def test_what_the_contract_shows_as_harmless_is_accepted(folder: Path) -> None:
    text = f'binding = "off"\n{OPENCLAW}fallback = []\nkind = "openai"\n'
    text += '[[bots]]\nname = "a"\nprovider = "openclaw"\nspeech = "as_is"\ndefault = true'
    assert load(folder, text).bots == (ConfiguredBotSettings("a", "openclaw", True),)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("listen = 8001", "listen", '"HOST:PORT"'),
        ("data = 1", "data", "path"),
        ("binding = true", "binding", '"off"'),
        ('sse_error_event = "yes"', "sse_error_event", "true or false"),
        ('allowed_origins = "*"', "allowed_origins", "array of origins"),
        ('allowed_origins = ["https://a.example/"]', "allowed_origins", "without a path"),
        ("patience = 3", "patience", "a table"),
        ("patience.idle_timeout = 0", "patience.idle_timeout", "seconds"),
        ("patience.idle_timeout = nan", "patience.idle_timeout", "seconds"),
        ("patience.idle_timeout = inf", "patience.idle_timeout", "seconds"),
        ("patience.idle_timeout = true", "patience.idle_timeout", "seconds"),
        ('patience.idle_timeout = "60"', "patience.idle_timeout", "seconds"),
        ("limits.connections = -1", "limits.connections", "whole number"),
        ("limits.connections = 1.5", "limits.connections", "whole number"),
        ("providers = []", "providers", "a table"),
        ("providers.a = 1", "providers.a", "a table"),
        ("bots = 1", "bots", "array of tables"),
        ("bots = [1]", "bots[0]", "a table"),
        (f"{OPENCLAW}kind = 'magic'", "providers.openclaw.kind", '"openai" or "echo"'),
        (f"{OPENCLAW}conversation = 1", "providers.openclaw.conversation", '"per_user"'),
        (f"{OPENCLAW}token_timeout = -1", "providers.openclaw.token_timeout", "seconds"),
        (f"{OPENCLAW}api_key = ''", "providers.openclaw.api_key", "not empty"),
        ("[providers.a]\nmodel = 'x'", "providers.a.base_url", "missing"),
        ("[providers.a]\nbase_url = 'http://x'", "providers.a.model", "missing"),
        ("providers.a = {base_url='x.example', model='x'}", "providers.a.base_url", "address"),
        ("providers.a = {base_url='http://u:p@x', model='x'}", "providers.a.base_url", "user"),
        ("[providers.a]\nkind='echo'\nmodel='x'", "providers.a.model", "no use"),
        ("[[bots]]\nprovider = 'echo'", "bots[0].name", "missing"),
        ("[[bots]]\nname = 'a'", "bots[0].provider", "missing"),
        ("tls_key = 'eyeclaw.toml'", "tls_key", "needs tls_certificate"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_was_expected(
    folder: Path, text: str, key: str, expected: str
) -> None:
    fault = only_fault(folder, text)
    assert fault.key == key
    assert expected in fault.problem
    assert fault.line is not None


def test_a_text_of_the_environment_that_does_not_fit_names_the_variable(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, environ={"EYECLAW_PATIENCE__KEEPALIVE": "soon"})
    assert str(caught.value).startswith("env EYECLAW_PATIENCE__KEEPALIVE: patience.keepalive: ")


def test_a_certificate_needs_a_key_and_both_must_be_there(folder: Path) -> None:
    (folder / "cert.pem").write_text("")
    (folder / "key.pem").write_text("")
    settings = load(folder, 'tls_certificate = "cert.pem"\ntls_key = "key.pem"')
    assert settings.tls_certificate == folder / "cert.pem"
    fault = only_fault(folder, 'tls_certificate = "cert.pem"\ntls_key = "absent.pem"')
    assert (fault.key, fault.line, fault.problem) == ("tls_key", 2, "there is no such file")


def test_a_bot_of_an_unknown_provider_is_refused_with_the_nearest_name(folder: Path) -> None:
    fault = only_fault(folder, f"{OPENCLAW}[[bots]]\nname = 'a'\nprovider = 'openclav'")
    assert (fault.key, fault.line) == ("bots[0].provider", 7)
    assert '"openclaw"' in fault.problem
    with pytest.raises(ConfigurationError, match='nearest known one is "echo"'):
        load(folder, "").require_provider("ecko")


def test_a_bots_provider_may_be_echo_without_a_table(folder: Path) -> None:
    text = "[[bots]]\nname = 'a'\nprovider = 'echo'"
    settings = load(folder, text)
    assert settings.providers[settings.bots[0].provider].kind == "echo"


def test_the_openclaw_of_this_machine_is_a_provider_where_its_token_is_there(folder: Path) -> None:
    text = "[[bots]]\nname = 'a'\nprovider = 'openclaw'"
    settings = load(folder, text, {"OPENCLAW_GATEWAY_TOKEN": SECRET})
    assert settings.providers["openclaw"].api_key == SECRET
    shown = {each.key: (each.value, str(each.source)) for each in show_settings(settings)}
    assert shown["providers.openclaw.api_key"] == ("***", "env OPENCLAW_GATEWAY_TOKEN")
    assert only_fault(folder, text).key == "bots[0].provider"


@pytest.mark.parametrize(
    ("name", "variable", "url", "region"),
    [
        ("nvidia1", "NVIDIA1_API_KEY", "https://integrate.api.nvidia.com/v1", "abroad"),
        ("nvidia2", "NVIDIA_API_KEY", "https://integrate.api.nvidia.com/v1", "abroad"),
        ("zhipu", "ZHIPU_API_KEY", "https://open.bigmodel.cn/api/paas/v4", "home"),
        ("hunyuan", "HUNYUAN_API_KEY", "https://api.hunyuan.cloud.tencent.com/v1", "home"),
        ("openclaw", "OPENCLAW_GATEWAY_TOKEN", "http://127.0.0.1:18789/v1", "home"),
    ],
)
def test_a_well_known_provider_needs_its_key_and_nothing_else(
    folder: Path, name: str, variable: str, url: str, region: str
) -> None:
    settings = load(folder, environ={variable: f" {SECRET}\n"})
    provider = settings.providers[name]
    assert (provider.base_url, provider.api_key, provider.region) == (url, SECRET, region)
    assert provider.model
    assert name in settings.unconfigured
    shown = {each.key: (each.value, str(each.source)) for each in show_settings(settings)}
    assert shown[f"providers.{name}.base_url"] == (url, "ready-made")
    assert shown[f"providers.{name}.api_key"] == ("***", f"env {variable}")
    assert settings.warnings == ()


def test_nvidias_two_share_a_key_unless_one_has_its_own(folder: Path) -> None:
    both = load(folder, environ={"NVIDIA_API_KEY": "a", "NVIDIA2_API_KEY": "b"}).providers
    assert (both["nvidia1"].api_key, both["nvidia2"].api_key) == ("a", "b")
    assert "nvidia1" not in load(folder, environ={"NVIDIA2_API_KEY": "b"}).providers


def test_an_empty_table_is_enough_for_a_well_known_provider(folder: Path) -> None:
    settings = load(folder, "[providers.zhipu]", {"ZHIPU_API_KEY": SECRET})
    assert settings.providers["zhipu"].api_key == SECRET
    assert settings.unconfigured == frozenset()
    settings = load(folder, "[providers.zhipu]")
    assert settings.providers["zhipu"].api_key is None
    (warning,) = settings.warnings
    assert "eyeclaw.toml:1: providers.zhipu: there is no key in ZHIPU_API_KEY" in warning


def test_what_is_said_about_a_well_known_provider_counts_more(folder: Path) -> None:
    text = "[providers.zhipu]\nmodel = 'glm-x'\nregion = 'abroad'\ntarget_total = 4"
    zhipu = load(folder, text, {"ZHIPU_API_KEY": SECRET}).providers["zhipu"]
    assert (zhipu.model, zhipu.region, dict(zhipu.extra)) == ("glm-x", "abroad", {})
    assert zhipu.targets.warm.total == 4.0
    environ = {"EYECLAW_PROVIDERS__HUNYUAN__API_KEY": SECRET}
    assert load(folder, "", environ).providers["hunyuan"].api_key == SECRET


def test_a_key_is_not_sent_to_another_address_by_itself(folder: Path) -> None:
    text = "[providers.zhipu]\nbase_url = 'https://elsewhere.example/v1'"
    zhipu = load(folder, text, {"ZHIPU_API_KEY": SECRET}).providers["zhipu"]
    assert (zhipu.base_url, zhipu.api_key) == ("https://elsewhere.example/v1", None)


def test_a_variable_that_holds_no_key_makes_no_provider_and_is_said(folder: Path) -> None:
    settings = load(folder, environ={"ZHIPU_API_KEY": "two words"})
    assert "zhipu" not in settings.providers
    assert settings.warnings == (
        "env ZHIPU_API_KEY: holds no key: printable ASCII, without spaces",
    )


def test_how_a_model_answers_can_be_said(folder: Path) -> None:
    text = (
        f"{OPENCLAW}system_prompt = 'Be short.'\ntemperature = 0\ntop_p = 0.5\nmax_tokens = 99\n"
        "extra = {thinking = {type = 'disabled'}}\n"
    )
    provider = load(folder, text).providers["openclaw"]
    assert (provider.system_prompt, provider.temperature) == ("Be short.", 0.0)
    assert (provider.top_p, provider.max_tokens) == (0.5, 99)
    assert provider.extra == {"thinking": {"type": "disabled"}}
    environ = {"EYECLAW_PROVIDERS__OPENCLAW__EXTRA": '{"seed": 1}'}
    assert load(folder, text, environ).providers["openclaw"].extra == {"seed": 1}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("temperature = 3", "a number from 0 to 2"),
        ("temperature = nan", "a number from 0 to 2"),
        ("top_p = true", "a number from 0 to 1"),
        ("max_tokens = 0", "a whole number"),
        ("extra = 1", "a table"),
        ("extra = {model = 'x'}", "must not hold model"),
        ("extra = {when = 2026-01-01}", "only what JSON can"),
        ("region = 'moon'", '"home" or "abroad"'),
        ("fallback = 'echo'", "an array of names"),
        ("fallback = ['openclaw']", "must not name the provider itself"),
        ("fallback = ['echo', 'echo']", "must not name one of them twice"),
        ("fallback = ['ecko']", 'the nearest known one is "echo"'),
        ("fallback = ['zhipu']", "set ZHIPU_API_KEY in the environment"),
    ],
)
def test_what_does_not_fit_a_provider_is_refused(folder: Path, line: str, expected: str) -> None:
    fault = only_fault(folder, f"{OPENCLAW}{line}")
    assert (fault.key, fault.line) == (f"providers.openclaw.{line.split()[0]}", 5)
    assert expected in fault.problem


def test_a_fallback_may_be_one_that_only_has_a_key_and_two_may_stand_behind_each_other(
    folder: Path,
) -> None:
    text = f"{OPENCLAW}fallback = ['zhipu']\n[providers.zhipu]\nfallback = ['openclaw', 'hunyuan']"
    environ = {"ZHIPU_API_KEY": SECRET, "HUNYUAN_API_KEY": SECRET}
    providers = load(folder, text, environ).providers
    assert providers["openclaw"].fallback == ("zhipu",)
    assert providers["zhipu"].fallback == ("openclaw", "hunyuan")
    # The others must still have their turn before the wearer hears of a time-out.
    assert providers["zhipu"].first_token_timeout == 20.0
    assert providers["hunyuan"].first_token_timeout == 60.0
    text = f"{OPENCLAW}fallback = ['zhipu']\nfirst_token_timeout = 30"
    assert load(folder, text, environ).providers["openclaw"].first_token_timeout == 30.0


@pytest.mark.parametrize(
    ("text", "variables", "answers"),
    [
        ("", ["OPENCLAW_GATEWAY_TOKEN"], "openclaw"),
        ("", ["OPENCLAW_GATEWAY_TOKEN", "NVIDIA_API_KEY"], "openclaw"),
        ("", ["ZHIPU_API_KEY"], "zhipu"),
        ("[providers.a]\nbase_url='http://x'\nmodel='x'", ["ZHIPU_API_KEY"], "a"),
        ("", ["NVIDIA_API_KEY"], None),
        ("", [], None),
    ],
)
def test_the_connector_takes_the_one_that_is_meant_or_asks(
    folder: Path, text: str, variables: list[str], answers: str | None
) -> None:
    settings = load(folder, text, dict.fromkeys(variables, SECRET))
    if answers is not None:
        assert settings.only_provider() == answers
        return
    with pytest.raises(ConfigurationError, match="say with --provider which one answers"):
        settings.only_provider()


def test_the_builtin_echo_can_be_adjusted_or_its_name_given_to_another(folder: Path) -> None:
    settings = load(folder, "[providers.echo]\nconversation = 'per_user'")
    assert settings.providers["echo"] == ProviderSettings("echo", "echo", conversation="per_user")
    settings = load(folder, "[providers.echo]\nbase_url = 'http://x'\nmodel = 'x'")
    assert settings.providers["echo"].kind == "openai"


def test_two_default_bots_or_two_of_one_name_are_refused(folder: Path) -> None:
    text = (
        "[[bots]]\nname = 'a'\nprovider = 'echo'\ndefault = true\n"
        "[[bots]]\nname = 'a'\nprovider = 'echo'\ndefault = true\n"
    )
    name, default = check(folder, text).faults
    assert (name.key, name.line) == ("bots[1].name", 6)
    assert (default.key, default.line) == ("bots[1].default", 8)


def test_every_fault_is_listed_and_loading_names_the_first_and_their_number(folder: Path) -> None:
    text = "lisen = 1\n[patience]\nidle_timeout = 0\n[limits]\nconnection = 1\n"
    checked = check(folder, text, {"EYECLAW_LIMITS__QUEUED_TURNS": "many"})
    assert [fault.line for fault in checked.faults] == [1, 3, 5, None]
    assert checked.settings is None
    with pytest.raises(ConfigurationError, match=r":1: lisen: .*listen \(and 2 more: .*check`"):
        load(folder, text)


def test_a_fault_of_the_file_is_found_even_where_the_environment_covers_it(folder: Path) -> None:
    text = "[patience]\nidle_timeout = 0"
    environ = {"EYECLAW_PATIENCE__IDLE_TIMEOUT": "5"}
    assert only_fault(folder, text, environ).line == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"listen = \n", 1),
        (b"\n\nlisten 3", 3),
        (b'a = 1\nb = "x\n', 2),
        (b"data = '''\n\n", 3),
        (b"\n# \xff", 2),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(folder: Path, text: bytes, line: int) -> None:
    (folder / "eyeclaw.toml").write_bytes(text)
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    assert caught.value.line == line


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    (folder / "eyeclaw.toml").write_bytes(b'\xef\xbb\xbflisten = "[::1]:1"\r\n')
    assert load(folder).listen.port == 1


# What is not built yet

PLANNED_LINES = [
    "keepalive_message = true",
    "refuse_aloud = true",
    "incident_code = false",
    "allowed_users = ['u1']",
    "[wearer]\nstyle = 'short'",
    "[push]\naccount_key = 'k'",
    "[cluster]\nurl = 'redis://127.0.0.1'",
    "[admin]\nsession_hours = 1",
    "[patience]\nlate_after = 1.0",
    "[patience]\nlate_timeout = 1.0",
    "[limits]\nimage = 1",
    f"{OPENCLAW}tools = false",
    "[[bots]]\nname = 'a'\nprovider = 'echo'\nlate = 'push'",
    "[[bots]]\nname = 'a'\nprovider = 'echo'\n[bots.wearer]\nemoji = true",
    "[[bots]]\nname = 'a'\nprovider = 'echo'\nspeech = 'clean'",
    "binding = 'required'",
]


@pytest.mark.parametrize("text", PLANNED_LINES)
def test_a_setting_of_what_is_not_built_yet_is_refused_with_a_clear_word(
    folder: Path, text: str
) -> None:
    assert "will come with a later version" in only_fault(folder, text).problem


@pytest.mark.parametrize(
    "name",
    [
        "EYECLAW_WEARER__STYLE",
        "EYECLAW_PUSH__ACCOUNT_KEY",
        "EYECLAW_CLUSTER__URL",
        "EYECLAW_ADMIN__SESSION_HOURS",
        "EYECLAW_BOTS__0__LATE",
        "EYECLAW_PROVIDERS__OPENCLAW__TOOLS",
        "EYECLAW_INCIDENT_CODE",
    ],
)
def test_a_variable_of_what_is_not_built_yet_is_refused_with_a_clear_word(
    folder: Path, name: str
) -> None:
    fault = only_fault(folder, "", {name: "1"})
    assert str(fault) == f"env {name}: will come with a later version; leave it out until then"


def test_nothing_that_is_built_is_called_planned() -> None:
    assert not [path for path in known_paths() if is_planned(path)]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("[]", ()),
        ("['EyeClaw.example', 'a', '192.0.2.1']", ("eyeclaw.example", "a", "192.0.2.1")),
        ("['[2001:db8::1]']", ("2001:db8::1",)),
    ],
)
def test_names_that_the_pages_answer_to(folder: Path, text: str, hosts: tuple[str, ...]) -> None:
    assert load(folder, f"[admin]\nallowed_hosts = {text}").admin.allowed_hosts == hosts


@pytest.mark.parametrize("text", ["'a'", "['*']", "['a:1']", "['http://a']", "[1]", "['']"])
def test_what_is_no_host_name_is_refused(folder: Path, text: str) -> None:
    fault = only_fault(folder, f"[admin]\nallowed_hosts = {text}")
    assert (fault.key, fault.line) == ("admin.allowed_hosts", 2)
    assert "an array of host names" in fault.problem


# Secrets


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


def test_chat_clients_who_name_no_provider_get_the_first_that_was_configured(folder: Path) -> None:
    assert load(folder).chat_provider is None
    two = f"{OPENCLAW}[providers.other]\nbase_url = 'http://[::1]:1/v1'\nmodel = 'm'\n"
    assert load(folder, two).chat_provider == "openclaw"
    chosen = load(folder, f'chat_provider = "other"\n{two}')
    assert chosen.chat_provider == "other"
    assert load(folder, 'chat_provider = "echo"').chat_provider == "echo"


def test_a_chat_provider_that_is_not_there_is_refused_with_the_nearest_name(folder: Path) -> None:
    fault = only_fault(folder, 'chat_provider = "ecko"')
    assert (fault.key, fault.line) == ("chat_provider", 1)
    assert 'the nearest known one is "echo"' in fault.problem


# Lines

TRICKY = '''\
# a = 1
top = 1                          # line 2
"quoted.name" = """
[not.a.table]
a = 1 \\""" still in it
""""
'literal' = \'\'\'
b = 2
\'\'\'\'\'
many = [                         # line 10
  1, # [x]
  { deep = "}", more = [1, 2] }, # line 12
]
dotted . "key" = 1979-05-27 07:32:00

[table]                          # line 16
a.b = { c = 1, "d" = [
] }

[[list]]
name = "]]"
[list.inner]                     # line 22
x = 1
[[list]]                         # line 24
inner.x = 2
[[list.more]]
[[list.more]]                    # line 27
y = true'''


def test_lines_are_found_through_everything_that_toml_allows() -> None:
    assert tomllib.loads(TRICKY)
    lines = find_lines(TRICKY)
    expected: dict[KeyPath, int] = {
        ("top",): 2,
        ("quoted.name",): 3,
        ("literal",): 7,
        ("many",): 10,
        ("many", 0): 11,
        ("many", 1, "deep"): 12,
        ("many", 1, "more", 1): 12,
        ("dotted", "key"): 14,
        ("table",): 16,
        ("table", "a", "b", "d"): 17,
        ("list", 0, "name"): 21,
        ("list", 0, "inner", "x"): 23,
        ("list", 1): 24,
        ("list", 1, "inner", "x"): 25,
        ("list", 1, "more", 0): 26,
        ("list", 1, "more", 1, "y"): 28,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("not",) not in lines


def _array(items: list[str]) -> str:
    return "[\n" + ", # x\n".join(items) + "\n]"


NAMES = st.text("ab.'\" #=[]é\\", max_size=3)
VALUES: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(
        ["1", "1979-05-27 07:32:00", "'#]'", '"\\"}"', '"""\n"\n\\""""', "'''\n[a]\nb=1''''"]
    ),
    lambda inner: st.lists(inner, max_size=3).map(_array),
    max_leaves=4,
)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3))
def test_every_key_is_found_on_the_line_where_it_was_written(
    tables: dict[str, dict[str, str]],
) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    for table, pairs in tables.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[ {_quoted(table)} ] # [[x]]\n"
        for name, value in pairs.items():
            expected[(table, name)] = text.count("\n") + 1
            text += f"\t{_quoted(name)}\t= {value}\n"
    tomllib.loads(text)
    lines = find_lines(text)
    assert {path: lines.get(path) for path in expected} == expected
    assert {path for path in lines if len(path) < 3} == set(expected)
