"""What is refused in settings, and where it says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import OPENCLAW, SECRET, check, load, only_fault

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import ConfiguredBotSettings
from eyeclaw_trio.settings.layers import known_paths
from eyeclaw_trio.settings.schema import is_planned
from eyeclaw_trio.store.retention import TraceSettings


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
        ("[patience]\nxyzzy = 1", 2, "patience.xyzzy", "patience."),
        ("[patience]\nfoo = 1", 2, "patience.foo", "patience."),
        ("[limits]\ntemperatur = 1", 2, "limits.temperatur", "providers.NAME.temperature"),
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


def test_who_may_ask_is_said_by_words_and_by_a_list(folder: Path) -> None:
    assert (load(folder).binding, load(folder).allowed_users) == ("off", ())
    environ = {"EYECLAW_BINDING": "required", "EYECLAW_ALLOWED_USERS": "anna, 00000001"}
    settings = load(folder, environ=environ)
    assert (settings.binding, settings.allowed_users) == ("required", ("anna", "00000001"))
    with pytest.raises(ConfigurationError, match=r'env EYECLAW_BINDING: .*"off" or "required"'):
        load(folder, environ={"EYECLAW_BINDING": "on"})
    for bad in ("allowed_users = 'anna'", "allowed_users = [7]", "allowed_users = ['a', 'a']"):
        assert only_fault(folder, bad).key == "allowed_users"


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
    assert load(folder, text).bots == (
        ConfiguredBotSettings("a", "openclaw", True, speech="as_is"),
    )


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


PLANNED_LINES = [
    "[cluster]\nurl = 'redis://127.0.0.1'",
]


def test_a_bot_may_be_late_only_where_there_is_somebody_to_push_to(folder: Path) -> None:
    text = "[[bots]]\nname = 'a'\nprovider = 'echo'\nlate = 'push'"
    fault = only_fault(folder, text)
    assert (fault.key, fault.problem) == ("bots[0].late", "needs [push] account_key")
    assert load(folder, f"[push]\naccount_key = 'k'\n{text}").bots[0].late == "push"
    assert load(folder, "[patience]\nlate_after = 0").patience.late_after == 0.0


@pytest.mark.parametrize("text", PLANNED_LINES)
def test_a_setting_of_what_is_not_built_yet_is_refused_with_a_clear_word(
    folder: Path, text: str
) -> None:
    assert "will come with a later version" in only_fault(folder, text).problem


@pytest.mark.parametrize(
    "name",
    [
        "EYECLAW_CLUSTER__URL",
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
