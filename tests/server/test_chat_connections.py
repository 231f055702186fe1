"""Conversations of chat clients, who comes in, and how a connection ends."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from chat_exchange import asked, exchange
from chat_fakes import CANCELLED, DONE, ChatClient, ChatGateway
from fakes import KEY, make_key
from trio_websocket import ConnectionClosed, ConnectionRejected

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamError
from eyeclaw_trio.protocol.to_bot import ExecuteCommand
from eyeclaw_trio.server.chat import PATH
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster

OTHER_KEY = "ak_test-key-of-somebody-else"


async def closed(client: ChatClient) -> tuple[int, str]:
    """Wait for the gateway to close; its code and reason."""
    try:
        while True:
            await client.frame()
    except ConnectionClosed as ended:
        reason = ended.reason
    assert reason is not None
    return reason.code, reason.reason or ""


def said(command: ExecuteCommand) -> list[str]:
    """The texts that go along with a question, oldest first, the question last."""
    return [entry["text"] for entry in command.metadata.full_messages]


# ---- conversations ------------------------------------------------------------------------------


async def test_the_conversation_goes_on_after_a_reconnect_and_with_another_provider() -> None:
    gateway = ChatGateway()
    model, two = gateway.provider(), gateway.provider("two")
    with model.station.attached(model), two.station.attached(two):
        async with gateway.client("a") as client:
            await exchange(client, model, "我叫小明", "你好小明")
        async with gateway.client("a") as client:
            await exchange(client, model, "我叫什么", "小明")
            await client.ask("q", provider="two")
            [command] = await two.wait_for_commands()
            assert said(command) == ["我叫小明", "你好小明", "我叫什么", "小明", "q"]
    first, second = model.commands
    assert said(first) == ["我叫小明"]
    assert said(second) == ["我叫小明", "你好小明", "我叫什么"]
    roles = [entry["role"] for entry in second.metadata.full_messages]
    assert roles == ["user", "agent", "user"]
    assert first.metadata.openclaw_session_id == second.metadata.openclaw_session_id


async def test_what_was_cancelled_is_remembered_as_far_as_it_was_read() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model, "long")
            model.say(StreamChunk(turn, "半", 0))
            await client.frame()
            await client.send({"type": "cancel"})
            assert await client.signal() == CANCELLED
            turn = await asked(client, model, "fails")
            model.say(StreamError(turn, "", "model_error"))
            await client.error("model_error")
            await exchange(client, model, "more", "好")
    assert said(model.commands[-1]) == ["long", "半", "more"]


async def test_row_24_one_session_id_on_two_keys_is_two_conversations() -> None:
    gateway = ChatGateway()
    keys = (*gateway.directory.keys, make_key(OTHER_KEY, 3))
    gateway.directory = attrs.evolve(gateway.directory, keys=keys)
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client("same") as mine, gateway.client("same", key=OTHER_KEY) as theirs:
            await exchange(mine, model, "my secret", "kept")
            await exchange(theirs, model, "what did I say", "nothing")
            await exchange(mine, model, "and I", "a secret")
    first, second, third = model.commands
    assert said(second) == ["what did I say"]
    assert said(third) == ["my secret", "kept", "and I"]
    names = [each.metadata.openclaw_session_id for each in (first, second, third)]
    assert names[0] == names[2] != names[1]


async def test_sessions_and_connections_answer_side_by_side() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with (
            gateway.client("a") as one,
            gateway.client("b") as two,
            gateway.client("b") as three,
        ):
            turns = [await asked(each, model) for each in (one, two, three)]
            for number, turn in reversed(list(enumerate(turns))):
                model.say(StreamChunk(turn, f"{number}", 0))
            assert [await each.frame() for each in (three, two, one)] == ["2", "1", "0"]
            for turn in turns:
                model.say(StreamEnd(turn))
            for each in (one, two, three):
                assert await each.answer() == ([], DONE)


# ---- who comes in -------------------------------------------------------------------------------


async def refusal(gateway: ChatGateway, *arguments: Any, **fields: Any) -> tuple[int, str]:
    with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as caught:
        async with gateway.client(*arguments, **fields):
            pytest.fail("it was let in")
    [refused] = caught.value.exceptions
    while isinstance(refused, BaseExceptionGroup):
        [refused] = refused.exceptions
    assert isinstance(refused, ConnectionRejected)
    return refused.status_code, json.loads(refused.body or b"{}").get("error", "")


async def test_a_good_key_comes_in_as_bearer_or_in_the_query() -> None:
    gateway = ChatGateway()
    for arguments in ({"key": KEY}, {"key": None, "query": f"?access_key={KEY}"}):
        async with gateway.client(**arguments) as client:
            await client.send({"type": "ping"})
            assert await client.signal() == {"type": "pong"}


async def test_without_a_good_key_the_upgrade_is_refused_and_guessing_is_braked() -> None:
    gateway = ChatGateway()
    assert await refusal(gateway, key=None) == (401, "Invalid access key")
    assert await refusal(gateway, key=None, query="?access_key=") == (401, "Invalid access key")
    for _ in range(20):
        assert (await refusal(gateway, key="ak_wrong"))[0] == 401
    assert (await refusal(gateway, key=None, query="?access_key=ak_wrong"))[0] == 429
    async with gateway.client():
        pass


@pytest.mark.parametrize(
    ("session", "status"),
    [("", 400), ("a%2Fb", 400), ("x" * 129, 400), ("%FF", 400), ("a/b", 404)],
)
async def test_a_session_id_that_is_none_is_refused(session: str, status: int) -> None:
    assert (await refusal(ChatGateway(), session))[0] == status


async def test_a_browsers_origin_must_be_allowed() -> None:
    gateway = ChatGateway(origins=Origins(frozenset({"https://good.example"})))
    assert await refusal(gateway, headers={"Origin": "https://bad.example"}) == (404, "Not found")
    async with gateway.client(headers={"Origin": "https://good.example"}):
        pass


async def test_what_is_no_websocket_is_told_so() -> None:
    gateway = ChatGateway()
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", target="/ws/stream/s")
        assert (await glasses.receive_head()).status_code == 426


# ---- how a connection ends ----------------------------------------------------------------------


async def test_row_16_malformed_frames_are_answered_and_twenty_in_ten_seconds_end_it() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            turn = await asked(client, model)
            for number in range(19):
                await client.send("{" if number else '{"text":"hi"}')
                words = await client.error("bad_message")
                assert number or "message: is missing" in words
            model.answer(turn, "好")
            assert await client.answer() == (["好"], DONE)
            await client.send("{")
            assert await closed(client) == (1008, "too many malformed messages")


async def test_row_16_malformed_frames_now_and_then_and_unknown_types_end_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway()
    async with gateway.client() as client:
        for _ in range(30):
            await client.send("{")
            await client.error("bad_message")
            await trio.sleep(1)
        for _ in range(30):
            await client.send({"type": "hello"})
            await client.error("unknown_type")
        await client.socket.send_message(b"binary")
        assert "text frame" in await client.error("bad_message")


async def test_row_15_a_message_over_the_limit_ends_the_connection_with_1009() -> None:
    gateway = ChatGateway(limits=Limits(request_body=1_000))
    async with gateway.client() as client:
        await client.ask("x" * 2_000)
        assert (await closed(client))[0] == 1009
    async with gateway.client() as client:
        # Within the limit in characters, not in bytes.
        await client.send(f'{{"message":"{"你" * 400}"}}')
        assert await closed(client) == (1009, "a message has at most 1000 bytes")


async def test_row_3_a_client_that_is_gone_without_a_word_is_found_in_25_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client(key=KEY) as client:
            turn = await asked(client, model)
            start = trio.current_time()
            # The library answers pings by itself: what is half-open takes them and says nothing.
            assert isinstance(client.stream, trio.StapledStream)
            client.stream.send_stream.send_all_hook = trio.sleep_forever
            await model.wait_for_cancel()
            assert trio.current_time() - start <= 25.0
            assert model.cancelled == [turn]
    assert gateway.traces[0].outcome is Outcome.CANCELLED


async def test_a_client_that_answers_pings_may_be_silent_for_ten_minutes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway()
    async with gateway.client() as client:
        await trio.sleep(600)
        await client.send({"type": "ping"})
        assert await client.signal() == {"type": "pong"}


async def test_row_4_a_client_that_does_not_read_loses_its_answer_and_others_do_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway(patience=Patience(write_timeout=3.0))
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client("b") as other:
            healthy = await asked(other, model)
            async with gateway.client("a", lockstep=True) as slow:
                turn = await asked(slow, model)
                # Enough for the library to stop reading, as nobody takes its messages.
                for number in range(50):
                    model.say(StreamChunk(turn, "x" * 60_000, number))
                await model.wait_for_cancel()
            model.answer(healthy, "好")
            assert await other.answer() == (["好"], DONE)
    assert [trace.outcome for trace in gateway.traces] == [Outcome.SLOW_READER, Outcome.ANSWERED]


async def test_a_client_that_asks_for_pongs_and_reads_none_is_let_go(
    autojump_clock: trio.testing.MockClock,
) -> None:
    gateway = ChatGateway()
    async with gateway.client(lockstep=True) as client:
        with suppress(ConnectionClosed):
            for _ in range(10_000):
                await client.send({"type": "ping"})
            pytest.fail("it was never let go")
    assert list(gateway.chat.chats) == []


async def test_a_question_that_waits_for_the_last_word_of_another_is_not_asked_for_nobody() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    pair = trio.testing.memory_stream_pair()
    line = pair[1].send_stream
    headers = [(b"Authorization", f"Bearer {KEY}".encode())]

    async def arrive_and_never_be_out() -> None:
        trio.testing.memory_stream_pump(line, pair[0].receive_stream)
        await trio.sleep_forever()

    with model.station.attached(model):
        async with gateway.websocket(f"{PATH}s", headers=headers, pair=lambda: pair) as link:
            client = ChatClient(*link)
            turn = await asked(client, model)
            line.send_all_hook = arrive_and_never_be_out
            model.say(StreamError(turn, "no text"))
            assert (await client.signal())["type"] == "error"
            await client.ask("and now?")
            await trio.testing.wait_all_tasks_blocked()
    assert (len(model.commands), len(gateway.traces)) == (1, 1)


async def test_row_30_a_revoked_key_ends_its_connections_and_answers_and_no_others() -> None:
    gateway = ChatGateway()
    keys = (*gateway.directory.keys, make_key(OTHER_KEY, 3))
    gateway.directory = attrs.evolve(gateway.directory, keys=keys)
    roster = Roster(gateway.answers, chats=gateway.chat.chats)
    revocation = Revocation(gateway.switchboard, roster)
    model = gateway.provider()
    with model.station.attached(model):
        async with (
            gateway.client("idle") as idle,
            gateway.client("busy") as busy,
            gateway.client(key=OTHER_KEY) as other,
        ):
            turn = await asked(busy, model)
            healthy = await asked(other, model)
            model.say(StreamChunk(turn, "半句", 0))
            assert await busy.frame() == "半句"
            await revocation.enforce(gateway.directory)  # nothing has changed for them
            left = (attrs.evolve(keys[0], is_active=False), *keys[1:])
            gateway.directory = attrs.evolve(gateway.directory, keys=left)
            await revocation.enforce(gateway.directory)
            assert await busy.error("key_revoked") == "访问密钥或 Bot 已失效。"
            for client in (busy, idle):
                assert await closed(client) == (1008, "the access key was revoked")
            model.answer(healthy, "健康")
            assert await other.answer() == (["健康"], DONE)
    assert [trace.outcome for trace in gateway.traces] == [Outcome.REJECTED, Outcome.ANSWERED]


async def test_row_6_while_draining_answers_finish_idle_clients_go_and_nobody_comes() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client("idle") as idle, gateway.client("busy") as busy:
            turn = await asked(busy, model)
            gateway.is_draining = True
            for chat in gateway.chat.chats:
                chat.leave_for_restart()
            reason = "the gateway is stopping; connect again in a moment"
            assert await closed(idle) == (1001, reason)
            assert (await refusal(gateway))[0] == 503
            model.answer(turn, "完整")
            assert await busy.answer() == (["完整"], DONE)
            assert await closed(busy) == (1001, reason)
    with trio.fail_after(1):
        await gateway.chat.chats.wait_for_none()


async def test_row_6_the_drains_end_is_an_error_of_its_own() -> None:
    gateway = ChatGateway()
    model = gateway.provider()
    with model.station.attached(model):
        async with gateway.client() as client:
            await asked(client, model)
            gateway.switchboard.end_turns()
            await client.error("stopping")
    assert gateway.traces[0].outcome is Outcome.INTERRUPTED
