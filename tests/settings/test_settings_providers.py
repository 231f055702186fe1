"""Settings of providers, and of the bots and clients that ask them."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import OPENCLAW, SECRET, load, only_fault

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings.shown import show_settings


def test_a_bot_of_an_unknown_provider_is_refused_with_the_nearest_name(folder: Path) -> None:
    fault = only_fault(folder, f"{OPENCLAW}[[bots]]\nname = 'a'\nprovider = 'openclav'")
    assert (fault.key, fault.line) == ("bots[0].provider", 7)
    assert '"openclaw"' in fault.problem
    with pytest.raises(ConfigurationError, match='nearest known one is "echo"'):
        load(folder, "").require_provider("ecko")


def test_a_bots_provider_may_be_echo_without_a_table(folder: Path) -> None:
    text = "[[bots]]\nname = 'a'\nprovider = 'echo'"
    settings = load(folder, text)
    assert settings.providers[settings.bots[0].provider or ""].kind == "echo"


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


UNUSABLE = {
    "sk-do not-show": "there is a space in it",
    "sk-do…show": "there is an ellipsis (…) in it, as where a page shows a part of a key only",
    "sk-schlüssel": "character 8 of it is not ASCII",
    "sk-two\nlines": "there is a line break in it",
    "sk-\x1b[0m": "character 4 of it cannot be printed",
}


@pytest.mark.parametrize(("key", "why"), UNUSABLE.items())
def test_a_variable_that_holds_no_key_makes_no_provider_and_is_said(
    folder: Path, key: str, why: str
) -> None:
    settings = load(folder, environ={"ZHIPU_API_KEY": f" {key}\n"})
    assert "zhipu" not in settings.providers
    assert settings.warnings == (f"env ZHIPU_API_KEY: holds no key: {why}",)


@pytest.mark.parametrize(("key", "why"), UNUSABLE.items())
def test_whoever_asks_for_a_provider_with_an_unusable_key_reads_what_is_wrong_with_it(
    folder: Path, key: str, why: str
) -> None:
    settings = load(folder, environ={"ZHIPUAI_API_KEY": key})
    with pytest.raises(ConfigurationError) as caught:
        settings.require_provider("zhipu")
    assert str(caught.value) == f"ZHIPUAI_API_KEY is set, but holds no key: {why}"
    text = "[[bots]]\nname = 'a'\nprovider = 'zhipu'"
    fault = only_fault(folder, text, {"ZHIPUAI_API_KEY": key})
    assert fault.problem == f"ZHIPUAI_API_KEY is set, but holds no key: {why}"


def test_an_unusable_key_is_refused_with_its_reason_wherever_it_came_from(folder: Path) -> None:
    for key, why in UNUSABLE.items():
        (folder / "key").write_text(key, encoding="utf-8")
        for line, environ in (
            ("", {"EYECLAW_PROVIDERS__OPENCLAW__API_KEY": key}),
            ("api_key_file = 'key'", {}),
            ("api_key_env = 'GATEWAY'", {"GATEWAY": key}),
        ):
            fault = only_fault(folder, f"{OPENCLAW}{line}", environ)
            assert fault.problem.endswith(f"holds no key: {why}"), line
            assert key not in str(fault)
    for line, source in (
        ("api_key_file = 'key'", f"the file {folder / 'key'} "),
        ("api_key_env = 'GATEWAY'", "GATEWAY "),
        ("api_key = 'a b'", ""),
    ):
        fault = only_fault(folder, f"{OPENCLAW}{line}", {"GATEWAY": "a b"})
        assert fault.problem.startswith(f"{source}holds no key: "), line


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
