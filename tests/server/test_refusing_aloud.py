"""A key that was good once: told in a sentence where that is wanted, and 401 where not."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from fakes import KEY, Gateway, assert_whole, question

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor

OUTDATED = "访问密钥已失效，请在平台上换成新的密钥。"


def make_gateway(*, refuses_aloud: bool) -> Gateway:
    """A gateway whose first key was revoked."""
    gateway = Gateway()
    first, *others = gateway.directory.keys
    revoked = attrs.evolve(first, is_active=False)
    gateway.directory = Directory((revoked, *others), gateway.directory.bots)
    door = GlassesDoor(gateway.reception, refuses_aloud=refuses_aloud)
    routes = {path: {"POST": door.answer} for path in PATHS}
    gateway.open_doors(routes)
    return gateway


async def ask(gateway: Gateway, key: str, body: object = None) -> tuple[int, list[str]]:
    """The status, and the blocks of an answer where there is one."""
    async with gateway.glasses() as glasses:
        await glasses.send(question() if body is None else body, key=key)
        status = (await glasses.receive_head()).status_code
        return status, await glasses.receive_answer() if status == 200 else []


async def test_a_key_that_was_good_once_hears_a_sentence_and_reaches_nobody() -> None:
    gateway = make_gateway(refuses_aloud=True)
    bot = gateway.bot()
    with bot.station.attached(bot):
        status, blocks = await ask(gateway, KEY)
    assert status == 200
    assert_whole(blocks, OUTDATED)
    assert bot.commands == []
    assert gateway.traces == []  # or whoever has an old key could push all others out


async def test_it_is_said_in_the_wearer_s_language() -> None:
    gateway = make_gateway(refuses_aloud=True)
    _, blocks = await ask(gateway, KEY, question(metadata={"lang": "en"}))
    assert_whole(
        blocks, "The access key is no longer valid. Please enter the new one on the platform."
    )


async def test_a_key_that_never_was_gets_401_in_any_case() -> None:
    for refuses_aloud in (True, False):
        assert await ask(make_gateway(refuses_aloud=refuses_aloud), "ak_wrong") == (401, [])


async def test_a_key_that_was_good_once_gets_401_where_nothing_else_was_said() -> None:
    assert await ask(make_gateway(refuses_aloud=False), KEY) == (401, [])


@pytest.mark.parametrize("body", [{"message": []}, [1], "x"])
async def test_what_is_no_question_is_refused_as_ever(body: Any) -> None:
    assert await ask(make_gateway(refuses_aloud=True), KEY, body) == (400, [])


async def test_it_is_told_as_often_as_it_is_asked_because_nobody_guesses() -> None:
    gateway = make_gateway(refuses_aloud=True)
    for _ in range(30):
        assert (await ask(gateway, KEY))[0] == 200


async def test_while_the_gateway_stops_it_gets_503() -> None:
    gateway = make_gateway(refuses_aloud=True)
    gateway.is_draining = True
    assert await ask(gateway, KEY) == (503, [])
