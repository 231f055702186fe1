"""Models that answer, that fail and that are left, through a running gateway."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import pytest
import trio
import trustme
from attrs import frozen
from fakes import FAILED, assert_whole, question, read_events, without_code
from house import House
from model_scripts import PIECES, WHOLE_TEXT
from running_gateway import Gateway, Model


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# --- models ---------------------------------------------------------------------------------------

SETTINGS: Final = """
[providers.model]
base_url = "{base_url}"
model = "scripted"
api_key = "sk-of-the-tests"
first_token_timeout = 0.4
token_timeout = 0.4

[[bots]]
name = "embedded"
provider = "model"
"""
BOTS: Final = ("embedded", "linked")


@frozen
class Answering:
    """A gateway with two bots that ask one model: one lives in it, one is linked to it."""

    gateway: Gateway
    model: Model


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    house = House(tmp_path_factory.mktemp("answering"))
    with house.model_shared() as model:
        house.configure(SETTINGS.format(base_url=model.base_url))
        linked = house.add_bot("linked")
        with (
            house.serve_shared() as gateway,
            house.connect_shared(gateway, linked, provider="model"),
        ):
            yield Answering(gateway, model)


@pytest.mark.parametrize("bot", BOTS)
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("pieces:20:0.01", WHOLE_TEXT + "".join(f" {n}" for n in range(5, 20))),
        ("cut-characters", WHOLE_TEXT),
        ("comments:5", "".join(PIECES[:2])),
        ("one-piece", WHOLE_TEXT),
        ("thinking", PIECES[0]),
        ("held-open", "".join(PIECES[:2])),
        ("finish-without-done", "".join(PIECES[:2])),
        ("done-without-finish", "".join(PIECES[:2])),
    ],
)
async def test_what_a_model_says_arrives_whole(
    answering: Answering, bot: str, script: str, text: str
) -> None:
    assert_whole(await answering.gateway.ask(f"script:{script}", agent_id=bot), text)


@pytest.mark.parametrize("bot", BOTS)
async def test_many_answers_run_at_once_and_none_waits_for_another(
    answering: Answering, bot: str
) -> None:
    gateway = answering.gateway
    arrived = 0
    all_arrived = trio.Event()

    async def ask_and_hold() -> None:
        nonlocal arrived
        async with gateway.glasses() as glasses:
            await gateway.send(glasses, "script:pieces:12:0.05", agent_id=bot)
            first = await glasses.receive_event()
            arrived += 1
            if arrived == 8:
                all_arrived.set()
            # Each has its first piece before any has more than it reads here.
            await all_arrived.wait()
            blocks = [first, *await glasses.receive_answer()]
            assert_whole(blocks, WHOLE_TEXT + "".join(f" {n}" for n in range(5, 12)))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(ask_and_hold)


def expect_failure(blocks: Sequence[str], before: str, said: str) -> None:
    """What was said before it, the error event, the same words for the wearer, and the end."""
    events = read_events(blocks)
    *texts, error, apology, done = events
    assert "".join(data["answer_stream"] for _, data in texts) == before
    assert {name for name, _ in texts} <= {"message"}
    assert (error[0], without_code(error[1]["message"])) == ("error", said)
    assert (apology[0], apology[1]["answer_stream"]) == ("message", error[1]["message"])
    assert apology[1]["is_finish"] is True
    assert done[0] == "done"
    assert "answer_stream" not in done[1]
    assert [name for name, _ in events].count("done") == 1


@pytest.mark.parametrize("bot", BOTS)
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("400", "模型拒绝了请求。"),
        ("401", "模型密钥无效。"),
        ("402", "模型账户余额不足。"),
        ("403", "模型密钥无效。"),
        ("404", "模型或接口不存在。"),
        ("404-text", "模型或接口不存在。"),
        ("413", "模型拒绝了请求。"),
        ("422", "模型拒绝了请求。"),
        ("429", "模型请求过多。"),
        ("429-no-credit", "模型账户余额不足。"),
        ("500", "模型服务出错。"),
        ("503", "模型服务出错。"),
        ("302", "模型服务出错。"),
        ("one-piece-error", "模型服务出错。"),
        ("web-page", "模型服务出错。"),
        ("error-then-done", "模型服务出错。"),
        ("error-text", "模型服务出错。"),
        ("error-429", "模型请求过多。"),
        ("endless-line", "模型服务出错。"),
        ("empty", ""),
        ("reset-before-head", "无法连接模型服务。"),
        ("close-before-head", "无法连接模型服务。"),
        ("hang-before-head", "模型响应超时。"),
        ("hang-after-head", "模型响应超时。"),
    ],
)
async def test_a_model_that_fails_before_its_first_word_is_apologised_for_with_the_reason(
    answering: Answering, bot: str, script: str, reason: str
) -> None:
    blocks = await answering.gateway.ask(f"script:{script}", agent_id=bot)
    expect_failure(blocks, "", FAILED + reason)


@pytest.mark.parametrize("bot", BOTS)
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("error-in-the-middle", "模型服务出错。"),
        ("not-json", "模型服务出错。"),
        ("reset", "回答中途中断。"),
        ("dropped", "回答中途中断。"),
        ("cut", "回答中途中断。"),
        ("hang", "模型响应超时。"),
    ],
)
async def test_a_model_that_fails_in_the_middle_is_apologised_for_behind_what_it_said(
    answering: Answering, bot: str, script: str, reason: str
) -> None:
    blocks = await answering.gateway.ask(f"script:{script}", agent_id=bot)
    expect_failure(blocks, "".join(PIECES[:2]), FAILED + reason)


async def test_a_wearer_who_speaks_english_is_apologised_to_in_english(
    answering: Answering,
) -> None:
    metadata = {"lang": "en-US"}
    blocks = await answering.gateway.ask("script:429", agent_id="embedded", metadata=metadata)
    said = "The bot ran into a problem. Please try again later. The model is overloaded."
    expect_failure(blocks, "", said)


# --- a reader who hangs up ------------------------------------------------------------------------


@asynccontextmanager
async def model_house(house: House, bot: str) -> AsyncIterator[Answering]:
    """A model that waits for ever when it is told to, and a bot of either kind in front of it."""
    async with house.model() as model:
        patient = SETTINGS.format(base_url=model.base_url).replace("= 0.4", "= 60.0")
        house.configure(patient)
        added = house.add_bot("linked")
        async with house.serve() as gateway:
            if bot == "embedded":
                yield Answering(gateway, model)
                return
            async with house.connect(gateway, added, provider="model"):
                yield Answering(gateway, model)


@pytest.mark.parametrize("bot", BOTS)
async def test_a_reader_who_hangs_up_stops_the_model_within_a_second(
    house: House, bot: str
) -> None:
    async with model_house(house, bot) as answering:
        gateway, model = answering.gateway, answering.model
        async with gateway.glasses() as healthy:
            # One answer runs beside the fault, and arrives in full.
            await gateway.send(healthy, "script:pieces:20:0.05", agent_id=bot)

            # Before the first chunk: the model has the question and has said nothing.
            async with gateway.glasses() as glasses:
                await gateway.send(glasses, "script:hang-after-head", agent_id=bot)
                await model.wait_for("completions", 2)
            await model.wait_for("aborted", 1, seconds=1.0)

            # After it.
            async with gateway.glasses() as glasses:
                await gateway.send(glasses, "script:hang", agent_id=bot)
                assert PIECES[0] in await glasses.receive_event()
            await model.wait_for("aborted", 2, seconds=1.0)

            text = WHOLE_TEXT + "".join(f" {n}" for n in range(5, 20))
            assert_whole(await healthy.receive_answer(), text)
        assert (await model.seen())["aborted"] == 2
        assert (await gateway.health())[1]["turns_open"] == 0


# --- TLS ------------------------------------------------------------------------------------------


async def test_over_tls_questions_links_and_ask_work(house: House) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(house.folder / "gateway.pem")
    certificate.private_key_pem.write_to_path(house.folder / "gateway.key")
    authority.cert_pem.write_to_path(house.folder / "authority.pem")
    house.configure('tls_certificate = "gateway.pem"\ntls_key = "gateway.key"\n')
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)

    sdk_bot = house.add_bot("sdk")
    connected_bot = house.add_bot("connected")
    house.key = (await house.result("key", "create", "glasses"))["key"]
    # `ask` names no bot: a key that was made for one decides.
    key = await house.result("key", "create", "ask", "--bot", str(connected_bot["id"]))
    trusting = {"SSL_CERT_FILE": str(house.folder / "authority.pem")}
    async with house.serve(scheme="https") as gateway:
        gateway = attrs.evolve(gateway, trusted=trusted)

        async with gateway.sdk(sdk_bot) as sdk, gateway.glasses() as glasses:
            await sdk.link()
            await gateway.send(glasses, agent_id="sdk")
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "安全")
            await sdk.end(turn, "安全", 1)
            assert_whole(await glasses.receive_answer(), "安全")

        async with house.connect(gateway, connected_bot, provider="echo", **trusting):
            assert_whole(await gateway.ask("也安全", agent_id="connected"), "也安全")

            for server in (
                {"EYECLAW_SERVER": gateway.url, **trusting},
                {"EYECLAW_LISTEN": f"{gateway.host}:{gateway.port}"},  # its own, by the settings
            ):
                asked = await house.command("ask", "看得见吗", EYECLAW_KEY=key["key"], **server)
                assert (asked.status, asked.stdout) == (0, "看得见吗\n"), asked.stderr

        # What does not speak TLS gets nowhere, and harms nobody.
        async with await trio.open_tcp_stream(gateway.host, gateway.port) as plain:
            await plain.send_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 " not in await plain.receive_some()
        assert await gateway.post(question()) == 200
