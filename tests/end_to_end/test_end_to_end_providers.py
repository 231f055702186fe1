"""Providers by name, as their owner sees them: a real gateway, real models over TLS,
what `/stats`, the metrics, the log and `eyeclaw providers` say, and each way for one to fail."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trustme
from click.testing import CliRunner
from fakes import FAILED, assert_whole, spoken, without_code
from house import House
from model_scripts import PIECES, WHOLE_TEXT
from processes import eventually
from running_gateway import Gateway, Model

from eyeclaw_trio.cli import main

SECRET: Final = "sk-do-not-show-4711"
HALF: Final = "".join(PIECES[:2])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def authority(house: House) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(house.folder / "ca.pem"))
    return authority


def trusting(house: House, **more: str) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(house.folder / "ca.pem"), **more}


def settings(zhipu: Model, hunyuan: Model) -> str:
    """Bot `home` asks Zhipu; `ill` and `cut` ask models that fail, with Hunyuan behind them."""
    return f"""
[providers.zhipu]
base_url = "{zhipu.base_url}"
api_key_env = "ZHIPU_API_KEY"
system_prompt = "Be short."
target_total = 20

[providers.hunyuan]
base_url = "{hunyuan.base_url}"

[providers.ill]
base_url = "{zhipu.base_url}"
model = "script:500"
fallback = ["hunyuan"]

[providers.cut]
base_url = "{zhipu.base_url}"
model = "script:cut"
fallback = ["hunyuan"]

[[bots]]
name = "home"
provider = "zhipu"
default = true

[[bots]]
name = "ill"
provider = "ill"

[[bots]]
name = "cut"
provider = "cut"
"""


async def get(gateway: Gateway, target: str) -> Any:
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", target=target, key=gateway.key)
        assert (await glasses.receive_head()).status_code == 200
        return json.loads(await glasses.receive_body())


async def get_metrics(gateway: Gateway) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        response = await client.get(f"http://{gateway.admin_listen}/metrics")
    assert response.status_code == 200
    return response.text


async def test_twenty_answers_over_one_connection_are_timed_shown_and_remembered(
    house: House, authority: trustme.CA
) -> None:
    async with (
        house.model(tls=authority) as zhipu,
        house.model(name="hunyuan") as hunyuan,
    ):
        house.configure(settings(zhipu, hunyuan))
        async with house.serve(**trusting(house, ZHIPU_API_KEY=SECRET)) as gateway:
            await gateway.wait_for_bots(3)
            await zhipu.wait_for("listings", 3, seconds=5)  # three providers are warm now
            for _ in range(20):
                assert_whole(await gateway.ask(), WHOLE_TEXT)
            seen = await zhipu.seen()
            assert len(seen["completions"]) == 20
            assert len(seen["answered_on"]) == 1
            assert seen["completions"][0]["messages"][0]["content"].startswith("Be short.\n\n")

            shown = (await get(gateway, "/stats"))["providers"]["zhipu"]
            check_timings(shown)
            metrics = await get_metrics(gateway)
            assert 'eyeclaw_provider_answers_total{outcome="answered",provider="zhipu"} 20.0' in (
                metrics
            )
            assert (
                'eyeclaw_provider_seconds_count{provider="zhipu",segment="first_token"} 20.0'
                in (metrics)
            )
            assert gateway.child is not None
            lines = [json.loads(line) for line in gateway.child.log.splitlines() if line[:1] == "{"]
            logged = [line for line in lines if line["event"] == "provider.answered"]
            assert len(logged) == 20
            assert (logged[-1]["provider"], logged[-1]["connection"]) == ("zhipu", "warm")
            assert (logged[-1]["http"], logged[-1]["targets"]) == ("HTTP/1.1", "met")
            assert 0 < logged[-1]["first_token_ms"] <= logged[-1]["last_token_ms"]
            assert SECRET not in gateway.child.log

            async def is_written() -> bool:
                return bool((await listed(house))["zhipu"]["asked"]["answered"] == 20)

            await eventually(is_written, seconds=5)
    # Without a gateway, and without the key in this environment, the last numbers are still there.
    found = await listed(house)
    check_timings(found["zhipu"])
    assert (found["zhipu"]["key"], found["hunyuan"]["key"]) == (None, None)
    assert found["hunyuan"]["asked"] == {"answered": 0, "failed": 0}


def check_timings(shown: dict[str, Any]) -> None:
    assert shown["asked"] == {"answered": 20, "failed": 0}
    assert shown["targets_ms"]["warm"] == {"first_token": 1000.0, "total": 20000.0}
    assert shown["targets_met"] + shown["targets_missed"] == 20
    first, last = shown["first_token_ms"], shown["last_token_ms"]
    assert 0 < first["p50"] <= first["p95"]
    assert 0 < last["p50"] <= last["p95"]
    assert shown["last_answer"]["connection"] == "warm"
    assert shown["last_answer"]["http"] == "HTTP/1.1"
    assert shown["segments_ms"]["headers"]["last"] > 0
    assert shown["segments_ms"]["tls"] is None  # warmed up: no question has paid for it


async def listed(house: House) -> dict[str, Any]:
    return {each["name"]: each for each in await house.result("providers")}


async def test_another_answers_before_the_first_text_and_nobody_after_it(
    house: House, authority: trustme.CA
) -> None:
    async with (
        house.model(tls=authority) as zhipu,
        house.model(name="hunyuan") as hunyuan,
    ):
        house.configure(settings(zhipu, hunyuan))
        async with house.serve(**trusting(house)) as gateway:
            await gateway.wait_for_bots(3)
            assert_whole(await gateway.ask(agent_id="ill"), WHOLE_TEXT)
            assert len((await hunyuan.seen())["completions"]) == 1
            blocks = await gateway.ask(agent_id="cut")
            assert without_code(spoken(blocks)) == f"{HALF}{FAILED}回答中途中断。"
            assert len((await hunyuan.seen())["completions"]) == 1
            providers = (await get(gateway, "/stats"))["providers"]
            assert providers["ill"]["asked"] == {"answered": 0, "failed": 1}
            assert providers["hunyuan"]["asked"] == {"answered": 1, "failed": 0}
            assert gateway.child is not None
            assert '"event":"provider.failed"' in gateway.child.log


async def test_a_wearer_who_leaves_ends_the_models_work_within_a_second(
    house: House, authority: trustme.CA
) -> None:
    async with (
        house.model("pieces:200:0.05", tls=authority) as zhipu,
        house.model(name="hunyuan") as hunyuan,
    ):
        house.configure(settings(zhipu, hunyuan))
        async with house.serve(**trusting(house)) as gateway:
            await gateway.wait_for_bots(3)
            async with gateway.glasses() as beside:
                await gateway.send(beside, "script:pieces:5:0.3")
                async with gateway.glasses() as glasses:
                    await gateway.send(glasses)
                    await glasses.receive_event()
                await zhipu.wait_for("aborted", 1, seconds=1)
                # The answer beside it does not notice.
                assert_whole(await beside.receive_answer(), WHOLE_TEXT)
            seen = await zhipu.seen()
            assert (seen["aborted"], len(seen["answered_on"])) == (1, 2)


# --- eyeclaw providers ----------------------------------------------------------------------------


async def test_providers_are_listed_with_nothing_but_a_key_and_never_show_it(house: House) -> None:
    done = await house.command("providers", NVIDIA_API_KEY=SECRET, ZHIPU_API_KEY=SECRET)
    assert done.status == 0
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()[1:]}
    assert list(rows) == ["echo", "nvidia1", "nvidia2", "zhipu"]
    assert rows["zhipu"][1:5] == ["glm-4.7-flash", "present", "0", "0"]
    assert "hunyuan (HUNYUAN_API_KEY), openclaw (OPENCLAW_GATEWAY_TOKEN)" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    house.configure("[providers.hunyuan]")
    assert (await listed(house))["hunyuan"]["key"] == "missing"


async def test_a_check_shows_the_time_line_of_one_real_question(
    house: House, authority: trustme.CA
) -> None:
    async with house.model("pieces:5:0.02", tls=authority) as zhipu:
        house.configure(f'[providers.zhipu]\nbase_url = "{zhipu.base_url}"')
        environ = trusting(house)
        done = await house.command("providers", "check", "zhipu", **environ)
        assert done.status == 0, done.stderr
        for words in ("cold, HTTP/1.1", "connected", "TLS agreed", "question sent", "first token"):
            assert words in done.stdout
        assert WHOLE_TEXT in done.stdout
        assert "met (first token under 1 s, whole answer under 3 s)" in done.stdout
        arguments = ("--warm", "--json", "--question", "现在几点？")
        checked = (await house.command("providers", "check", "zhipu", *arguments, **environ)).result
        assert (checked["text"], checked["connection"]) == (WHOLE_TEXT, "warm")
        assert checked["segments_ms"]["tls"] is None
        assert checked["segments_ms"]["last_token"] >= 80
        seen = await zhipu.seen()
        assert seen["completions"][1]["messages"][-1]["content"] == "现在几点？"


FAILURES: Final = {
    "401": ("model_key_refused", "the key was refused; check it (HTTP 401: wrong key)"),
    "402": ("model_no_credit", "the account is empty; top it up (HTTP 402: Insufficient Balance)"),
    "404": ("model_not_found", "no such model or address; check model and base_url (HTTP 404"),
    "429": ("model_busy", "too many requests; try again in 7 s (HTTP 429"),
    "503": ("model_error", "the model failed; try again later (HTTP 503"),
    "error-then-done": ("model_error", "(error within the answer: the model fell over)"),
    "hang-before-head": ("model_timeout", "it took too long (no text within 0.5 s)"),
    "hang": ("model_timeout", "it took too long (nothing more for 0.5 s)"),
    "cut": ("cut_answer", "the answer broke off (neither finish_reason nor [DONE])"),
    "refused": ("model_unreachable", "it cannot be reached (nobody listens there"),
    "no-connection": ("model_unreachable", "it cannot be reached (no connection within 0.5 s"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with House(tmp_path_factory.mktemp("model")).model_shared() as model:
        yield model


@pytest.mark.parametrize("name", FAILURES)
def test_each_way_to_fail_is_one_clear_line_and_status_1(
    house: House, model: Model, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, where a new one each would take a second; its log is everybody's.
    monkeypatch.setattr("eyeclaw_trio.cli.providers.configure_logging", lambda **_: None)
    monkeypatch.chdir(house.folder)
    with socket.socket() as taken, socket.create_server(("127.0.0.1", 0)) as silent:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else's
        base_url = {
            "refused": f"http://127.0.0.1:{taken.getsockname()[1]}/v1",
            "no-connection": f"https://127.0.0.1:{silent.getsockname()[1]}/v1",
        }.get(name, model.base_url)
        house.configure(
            f'[providers.mine]\nbase_url = "{base_url}"\nmodel = "script:{name}"\n'
            "connect_timeout = 0.5\nfirst_token_timeout = 0.5\ntoken_timeout = 0.5\n"
        )
        arguments = ["providers", "check", "mine", "--json", "--data", str(house.data)]
        done = CliRunner().invoke(main, arguments)
    reason, words = FAILURES[name]
    assert done.exit_code == 1
    assert json.loads(done.stdout)["reason"] == reason
    assert done.stderr.startswith("Error: mine: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


async def test_a_certificate_that_is_not_trusted_is_named(house: House) -> None:
    async with house.model(tls=trustme.CA()) as model:
        house.configure(f'[providers.zhipu]\nbase_url = "{model.base_url}"')
        done = await house.command("providers", "check", "zhipu")
    assert done.status == 1
    assert "zhipu: no secure connection to it (its certificate is not trusted: " in done.stderr
