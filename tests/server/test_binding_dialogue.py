"""A wearer whom no bot belongs to yet: what he hears, and what his glasses are told to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from attrs import define, field
from fakes import FAILED, Gateway, assert_whole, make_key, question, read_events, spoken
from photo_hosts import ADDRESS, Opened, Script, guard_of, respond

from eyeclaw_trio.core.directory import Bot, Directory
from eyeclaw_trio.core.incident import Wording
from eyeclaw_trio.core.routing import WearerRules
from eyeclaw_trio.core.texts import apology
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import BindingFault, BindingRefused, StoreError
from eyeclaw_trio.server.binding_dialogue import BindingDialogue
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor

LOOK = "你还没有绑定。请看着绑定二维码，我来拍一张。"
BOUND = "绑定成功，现在可以提问了。"


@define(eq=False)
class Codes:
    """A `Binder` whose only code is `good`."""

    gateway: Gateway
    failure: Exception | None = None
    asked: list[tuple[Sequence[str], str, int | None]] = field(factory=list)

    async def bind(self, texts: Sequence[str], user_id: str, only_bot: int | None) -> Bot:
        self.asked.append((texts, user_id, only_bot))
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        if "good" not in texts:
            raise BindingRefused(BindingFault.UNKNOWN)
        directory = self.gateway.directory
        bot = attrs.evolve(directory.bots[1], rokid_user_id=user_id)
        self.gateway.directory = Directory(directory.keys, {**directory.bots, 1: bot})
        return bot


def bound_gateway(script: Script = (), **admission: Any) -> tuple[Gateway, Codes]:
    """A gateway that asks unknown wearers for the code that is in the photo."""
    gateway = Gateway()
    codes = Codes(gateway)
    rules = WearerRules(**{"requires_binding": True, **admission})
    reception = attrs.evolve(gateway.reception, wearer_rules=rules)
    dialogue = BindingDialogue(reception, guard_of(script, Opened()), codes, 7.0)
    door = GlassesDoor(reception, binding=dialogue)
    gateway.open_doors({path: {"POST": door.answer} for path in PATHS})
    return gateway, codes


async def ask(gateway: Gateway, body: dict[str, Any]) -> list[str]:
    async with gateway.glasses() as glasses:
        await glasses.send(body)
        await glasses.receive_head()
        return await glasses.receive_answer()


def photo(**fields: Any) -> dict[str, Any]:
    return question(message=[{"role": "user", "type": "image", "image_url": ADDRESS}], **fields)


async def test_an_unknown_wearer_is_asked_to_look_and_the_photo_is_taken() -> None:
    gateway, _ = bound_gateway()
    blocks = await ask(gateway, question("今天天气怎么样？"))
    ids = '"message_id":"1021","agent_id":"1"'
    head = 'event: message\ndata: {"role":"agent","type":'
    call = '{"handling_required":true,"command":"take_photo","is_recall":true}'
    assert blocks == [
        ": connected",
        f'{head}"answer","answer_stream":"{LOOK}",{ids},"is_finish":false}}',
        f'{head}"tool_call","tool_call":{call},{ids},"is_finish":false}}',
        f'{head}"answer","answer_stream":"",{ids},"is_finish":true}}',
        f'event: done\ndata: {{"role":"agent","type":"answer",{ids},"is_finish":true}}',
    ]
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason, trace.bot_id) == (Outcome.REJECTED, "not_bound", None)


async def test_the_photo_of_the_code_binds_and_the_next_question_reaches_the_bot() -> None:
    gateway, codes = bound_gateway(respond(b"good"))
    assert_whole(await ask(gateway, photo()), BOUND)
    assert codes.asked == [(("good",), "user_123", None)]
    assert gateway.traces[0].outcome is Outcome.ANSWERED
    assert gateway.traces[0].bot_id == 1
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.send(question("你好", agent_id="2"))
            [command] = await bot.wait_for_commands(1)
            bot.answer(command.session_id, "你好！")
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "你好！")
    assert LOOK in str(await ask(gateway, question(user_id="somebody else")))


@pytest.mark.parametrize("fault", list(BindingFault))
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_refusal_is_told_in_its_sentence(fault: BindingFault, lang: Any) -> None:
    gateway, codes = bound_gateway(respond(b"good"))
    codes.failure = BindingRefused(fault)
    said = spoken(await ask(gateway, photo(metadata={"lang": lang})))
    assert said == apology(BindingRefused(fault), lang) == Wording(lang).apology(codes.failure)
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, fault.value)


def test_no_two_refusals_sound_alike() -> None:
    for language in ("zh", "en"):
        said = {apology(BindingRefused(fault), language) for fault in BindingFault}
        assert len(said) == len(BindingFault)


async def test_a_photo_that_cannot_be_had_is_refused_as_any_other() -> None:
    gateway, codes = bound_gateway(respond(b"", status="404 Gone"))
    assert spoken(await ask(gateway, photo())) == "没能取到照片，请再拍一张。"
    assert not codes.asked


async def test_whoever_says_no_user_id_cannot_be_bound() -> None:
    gateway, codes = bound_gateway(respond(b"good"))
    for body in (photo(user_id=None), question(user_id=""), photo(user_id="")):
        assert spoken(await ask(gateway, body)) == "眼镜没有说明你是谁，无法绑定。"
    assert not codes.asked


async def test_a_store_that_fails_costs_a_sentence() -> None:
    gateway, codes = bound_gateway(respond(b"good"))
    codes.failure = StoreError("the disk is full")
    assert spoken(await ask(gateway, photo())) == FAILED


async def test_a_key_for_one_bot_binds_to_that_bot_only() -> None:
    gateway, codes = bound_gateway(respond(b"good"))
    gateway.directory = Directory((make_key(bot_id=2),), gateway.directory.bots)
    await ask(gateway, photo())
    assert codes.asked[0][2] == 2


async def test_who_hangs_up_while_the_code_is_fetched_is_not_bound(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway, codes = bound_gateway([5.0, *respond(b"good")])
    async with gateway.glasses() as glasses:
        await glasses.send(photo())
        await glasses.receive_head()
        await trio.sleep(1)
        assert gateway.answers.count == 1  # a drain would wait for it
    assert gateway.traces[0].outcome is Outcome.CANCELLED
    assert not codes.asked


async def test_a_key_that_is_revoked_while_the_code_is_fetched_binds_nobody(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway, codes = bound_gateway([5.0, *respond(b"good")])
    async with gateway.glasses() as glasses:
        await glasses.send(photo())
        await glasses.receive_head()
        revoked = tuple(attrs.evolve(key, is_active=False) for key in gateway.directory.keys)
        gateway.directory = Directory(revoked, gateway.directory.bots)
        assert_whole(await glasses.receive_answer(), FAILED)
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "key_revoked")
    assert not codes.asked


async def test_row_6_a_code_that_is_not_there_at_the_drains_end_is_apologised_for(
    autojump_clock: trio.abc.Clock,
) -> None:
    gateway, codes = bound_gateway([5.0, *respond(b"good")])
    async with gateway.glasses() as glasses:
        await glasses.send(photo())
        await glasses.receive_head()
        for preparation in gateway.answers.preparing:
            preparation.cancel()
        assert_whole(await glasses.receive_answer(), FAILED)
        assert trio.current_time() < 5.0
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.INTERRUPTED, "stopping")
    assert not codes.asked


async def test_a_wearer_who_may_not_ask_is_told_so_and_not_asked_for_a_code() -> None:
    gateway, _ = bound_gateway(allowed_users=frozenset({"anna"}))
    said = "你还不能使用这副助手，请联系它的主人。"
    assert spoken(await ask(gateway, question())) == said
    assert (gateway.traces[0].outcome, gateway.traces[0].reason) == (
        Outcome.REJECTED,
        "not_allowed",
    )
    assert LOOK in str(await ask(gateway, question(user_id="anna")))
    events = read_events(await ask(gateway, question(user_id="anna")))
    assert json.dumps(events).count("take_photo") == 1
