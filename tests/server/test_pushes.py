"""Pushes over memory streams: who may speak to whom, how often, and what the trace says
(PROTOCOL 7)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from fakes import KEY, LIMITED_KEY, TOKEN
from push_fakes import FakePlatform, PushGateway
from trio.testing import MockClock

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import PushFailed
from eyeclaw_trio.protocol.bot import PushAsked
from eyeclaw_trio.server.pushes import A_MINUTE, AT_ONCE


async def test_a_push_is_taken_and_has_a_trace_of_its_own_without_its_text() -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    async with gateway.open():
        status, said = await gateway.push("水开了", user_id="u1", title="厨房")
        await gateway.answers.wait_for_none()
    [message] = gateway.platform.sent
    [trace] = gateway.traces
    assert (status, said) == (202, {"id": trace.trace_id})
    assert (message.user_id, message.agent_id) == ("u1", "agent-1")
    assert message.content == "厨房\n水开了"
    assert message.message_id == trace.message_id
    assert (trace.source, trace.outcome, trace.bot_id) == ("push", Outcome.ANSWERED, 1)
    assert (trace.user_id, trace.chunks_written) == ("u1", 1)
    assert trace.texts is None
    assert gateway.platform.is_closed


async def test_what_is_pushed_is_said_without_markdown_and_thinking() -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    async with gateway.open():
        await gateway.push("<think>hm</think>**水**开了，见[这里](https://a/b)", user_id="u1")
        await gateway.answers.wait_for_none()
    assert [message.content for message in gateway.platform.sent] == ["水开了，见这里"]


async def test_a_push_that_the_platform_does_not_take_says_so_in_its_trace() -> None:
    failure = PushFailed("push_key_refused", "status 401", is_final=True)
    gateway = PushGateway(platform=FakePlatform([failure]))
    async with gateway.open():
        assert (await gateway.push(user_id="u1"))[0] == 202
        await gateway.answers.wait_for_none()
    [trace] = gateway.traces
    assert (trace.outcome, trace.reason) == (Outcome.REJECTED, "push_key_refused")
    [attempt] = [event for event in trace.events if event.kind.value == "push_attempted"]
    assert attempt.data == {"attempt": 1, "result": "push_key_refused", "detail": "status 401"}
    assert trace.chunks_written == 0


@pytest.mark.parametrize(
    ("key", "fields", "status", "user_id"),
    [
        (KEY, {"user_id": "u1"}, 202, "u1"),
        (KEY, {"user_id": "u2"}, 202, "u2"),
        (KEY, {}, 400, None),  # two wearers: which one?
        (KEY, {"user_id": "u3"}, 403, None),
        (LIMITED_KEY, {"user_id": "u2"}, 202, "u2"),
        (LIMITED_KEY, {}, 202, "u2"),
        (LIMITED_KEY, {"user_id": "u1"}, 403, None),
        (TOKEN, {"user_id": "u1"}, 202, "u1"),
        (TOKEN, {}, 202, "u1"),
        (TOKEN, {"user_id": "u2"}, 403, None),
        ("ak_wrong", {"user_id": "u1"}, 401, None),
        (KEY, {"user_id": "u1", "text": ""}, 400, None),
        (KEY, {"user_id": ""}, 400, None),
    ],
)
async def test_a_key_or_token_speaks_to_wearers_of_its_own_bot_only(
    key: str, fields: dict[str, Any], status: int, user_id: str | None
) -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    async with gateway.open():
        assert (await gateway.push(key=key, **fields))[0] == status
        await gateway.answers.wait_for_none()
    assert [each.user_id for each in gateway.platform.sent] == ([user_id] if user_id else [])


async def test_a_wearer_who_is_bound_may_be_spoken_to_before_he_has_asked() -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    bots = dict(gateway.directory.bots)
    bots[2] = attrs.evolve(bots[2], rokid_user_id="u9")
    gateway.directory = Directory(gateway.directory.keys, bots)
    gateway.wearers.asked.pop()
    async with gateway.open():
        assert (await gateway.push(key=LIMITED_KEY))[0] == 202
        await gateway.answers.wait_for_none()
    [message] = gateway.platform.sent
    assert (message.user_id, message.agent_id) == ("u9", "2")


def without(directory: Directory, credential: str) -> Directory:
    """Without this key, or without the bot of this token."""
    if credential == TOKEN:
        return attrs.evolve(directory, bots={2: directory.bots[2]})
    return attrs.evolve(
        directory, keys=tuple(attrs.evolve(key, is_active=False) for key in directory.keys)
    )


@pytest.mark.parametrize("credential", [KEY, TOKEN])
async def test_row_30_who_is_gone_says_nothing_more(credential: str) -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    async with gateway.open():
        assert (await gateway.push(user_id="u1", key=credential))[0] == 202
        await gateway.answers.wait_for_none()
        assert gateway.platform.may_go_on()  # where an attempt has failed
        gateway.directory = without(gateway.directory, credential)
        assert not gateway.platform.may_go_on()


@pytest.mark.parametrize("credential", [KEY, TOKEN])
async def test_row_30_who_is_gone_while_the_wearer_is_looked_up_says_nothing(
    credential: str,
) -> None:
    gateway = PushGateway()
    assert gateway.platform is not None

    def revoke() -> None:
        gateway.directory = without(gateway.directory, credential)

    gateway.wearers.on_look = revoke
    async with gateway.open():
        assert (await gateway.push(user_id="u1", key=credential))[0] == 401
        await gateway.answers.wait_for_none()
    assert not gateway.platform.sent


async def test_one_token_cannot_hold_all_connections_either() -> None:
    gateway = PushGateway(limits=Limits(connections=8))
    async with gateway.open(), AsyncExitStack() as stack:

        async def come(credential: str) -> int:
            glasses = await stack.enter_async_context(gateway.glasses())
            asked = {"text": "x", "user_id": "u1"}
            await glasses.send(asked, target="/api/rokid/push", key=credential)
            return (await glasses.receive_head()).status_code

        assert [await come(TOKEN) for _ in range(7)] == [202] * 6 + [503]
        assert await come(KEY) == 202


async def test_without_an_account_key_every_push_is_refused() -> None:
    gateway = PushGateway(platform=None)
    async with gateway.open():
        status, said = await gateway.push(user_id="u1")
    assert status == 409
    assert "account_key" in said["detail"]
    assert gateway.traces == []


async def test_a_key_may_push_so_often_in_a_minute_and_others_as_before(
    autojump_clock: MockClock,
) -> None:
    gateway = PushGateway()
    async with gateway.open():
        for _ in range(A_MINUTE):
            assert (await gateway.push(user_id="u1"))[0] == 202
        status, said = await gateway.push(user_id="u1")
        assert (status, said["error"]) == (429, "Too many pushes")
        assert (await gateway.push(key=LIMITED_KEY))[0] == 202
        await trio.sleep(60)
        assert (await gateway.push(user_id="u1"))[0] == 202
        await gateway.answers.wait_for_none()


async def test_pushes_under_way_are_bounded_and_one_speaker_leaves_room_for_others(
    autojump_clock: MockClock,
) -> None:
    gateway = PushGateway(platform=FakePlatform(seconds=1_000))
    statuses = []
    async with gateway.open():
        for _ in range(AT_ONCE):
            statuses.append((await gateway.push(user_id="u1"))[0])
            await trio.sleep(3)
        assert (await gateway.push(key=LIMITED_KEY))[0] == 202
    assert statuses.count(202) == AT_ONCE // 2
    assert set(statuses) == {202, 503}
    # Leaving cut them off, and each says so.
    assert {trace.outcome for trace in gateway.traces} == {Outcome.INTERRUPTED}
    assert len(gateway.traces) == AT_ONCE // 2 + 1


async def test_a_busy_database_is_said_and_nothing_is_pushed() -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    gateway.wearers.is_busy = True
    async with gateway.open():
        assert (await gateway.push(user_id="u1"))[0] == 503
    assert gateway.platform.sent == []


async def test_nothing_new_is_pushed_while_the_gateway_stops() -> None:
    gateway = PushGateway()
    async with gateway.open():
        gateway.is_draining = True
        assert (await gateway.push(user_id="u1"))[0] == 503
        assert (await gateway.push(key=TOKEN))[0] == 503


async def test_a_linked_bot_speaks_to_its_own_wearers_and_what_is_refused_is_dropped() -> None:
    gateway = PushGateway()
    assert gateway.platform is not None
    async with gateway.open():
        gateway.pushes.submit_for_bot(PushAsked("水开了"), 1)
        gateway.pushes.submit_for_bot(PushAsked("水开了", "u2"), 1)
        gateway.pushes.submit_for_bot(PushAsked(" ", "u1"), 1)
        await trio.testing.wait_all_tasks_blocked()
        await gateway.answers.wait_for_none()
    assert [each.user_id for each in gateway.platform.sent] == ["u1"]


async def test_the_text_is_kept_where_content_is_kept_and_is_cut_to_what_may_be_said() -> None:
    gateway = PushGateway()
    gateway.reception = attrs.evolve(gateway.reception, keeps_content=True)
    gateway.pushes.reception = gateway.reception
    async with gateway.open():
        await gateway.push("x" * 3_000, user_id="u1")
        await gateway.answers.wait_for_none()
    [trace] = gateway.traces
    assert trace.texts is not None
    assert trace.texts.written == ["x" * 1_999 + "…"]
