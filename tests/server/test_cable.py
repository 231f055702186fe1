"""`/cable` over memory streams: an SDK as it is, and peers that are not as they should be."""

from __future__ import annotations

import itertools
import json
from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing
from bot_fakes import summary_of
from cable_fakes import CableGateway
from fakes import KEY, TOKEN, assert_whole, question
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from eyeclaw_trio.core.patience import Limits
from eyeclaw_trio.protocol.bot import encode_from_bot
from eyeclaw_trio.server import cable_door


async def test_an_sdk_answers_a_question_and_gets_an_acknowledgement_for_each_chunk() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send()
        command = await sdk.receive_command()
        assert command["params"]["message"] == "你好"
        metadata = command["metadata"]
        assert metadata["source"] == "rokid_lingzhu"
        assert metadata["openclaw_session_id"] == "bot_1"
        turn = metadata["session_id"]
        for n, text in enumerate(("湖光", "秋月")):
            chunk = {"type": "stream_chunk", "content": text, "session_id": turn, "sequence": n}
            await sdk.say(chunk)
            frame = await sdk.receive()
            assert frame["message"].pop("timestamp")
            assert frame["message"] == {
                "type": "chunk_received",
                "sequence": n,
                "session_id": turn,
            }
        await sdk.say({"type": "stream_end", "session_id": turn})
        await sdk.say(encode_from_bot(summary_of(turn, "湖光", "秋月")))
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "湖光秋月")
    assert gateway.sessions.log[0] == "opened 1"
    assert gateway.sessions.log[-1] == "closed"
    assert gateway.front_door.open_connections == 0


async def test_a_subscription_is_confirmed_exactly_once() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        await sdk.subscribe()
        await sdk.subscribe()
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"


async def test_the_identifier_comes_back_byte_for_byte() -> None:
    gateway = CableGateway()
    strange = '{ "bot_id" :1, "channel":"BotChannel" , "é":"\\u4f60" }'
    async with gateway.sdk() as sdk:
        assert await sdk.receive() == {"type": "welcome"}
        await sdk.subscribe(strange)
        assert (await sdk.receive())["identifier"] == strange


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?sdk_token=wrong&bot_id=1", []),
        (f"?sdk_token={TOKEN}&bot_id=2", []),
        (f"?sdk_token={TOKEN}&bot_id=x", []),
        (f"?sdk_token={TOKEN}&bot_id=99", []),
        ("?sdk_token=&bot_id=1", []),
        ("?access_key=wrong", []),
        ("?access_key=", []),
        (f"?access_key={TOKEN}&bot_id=1", []),
        (f"?sdk_token=&access_key={KEY}", []),
        ("?bot_id=1", [(b"Authorization", b"Bearer wrong")]),
        ("?bot_id=1", [(b"Authorization", b"Basic d3Jvbmc6")]),
    ],
)
async def test_bad_credentials_are_told_so_and_not_to_come_back(
    query: str, headers: list[tuple[bytes, bytes]]
) -> None:
    gateway = CableGateway()
    async with gateway.sdk(query, headers=headers) as sdk:
        assert await sdk.receive() == {
            "type": "disconnect",
            "reason": "unauthorized",
            "reconnect": False,
        }
        with pytest.raises(ConnectionClosed):
            await sdk.receive()


TOO_MANY = {"type": "disconnect", "reason": "invalid_request", "reconnect": True}


async def test_a_token_has_some_links_at_once_and_one_more_is_told_to_come_back_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cable_door, "LINKS", 2)
    gateway = CableGateway()
    async with gateway.sdk() as one:
        async with gateway.sdk() as two:
            for sdk in (one, two):
                assert await sdk.receive() == {"type": "welcome"}
            async with gateway.sdk() as third:
                assert await third.receive() == TOO_MANY
                with pytest.raises(ConnectionClosed):
                    await third.receive()
            await one.subscribe()
            assert (await one.receive())["type"] == "confirm_subscription"
        await trio.testing.wait_all_tasks_blocked()
        async with gateway.sdk() as again:
            assert await again.receive() == {"type": "welcome"}


async def test_a_worker_whose_key_has_too_many_connections_is_told_to_come_back_later() -> None:
    gateway = CableGateway(limits=Limits(connections=4))  # of which a key alone may have three
    async with AsyncExitStack() as stack:
        for _ in range(3):
            worker = await stack.enter_async_context(gateway.sdk(f"?access_key={KEY}"))
            assert await worker.receive() == {"type": "welcome"}
        async with gateway.sdk(f"?access_key={KEY}") as fourth:
            assert await fourth.receive() == TOO_MANY
        async with gateway.sdk("") as late:  # it shows its key when it subscribes
            assert await late.receive() == {"type": "welcome"}
            identifier = json.dumps(
                {
                    "channel": "RokidStreamChannel",
                    "bot_id": "1",
                    "session_id": "x",
                    "access_key": KEY,
                }
            )
            await late.subscribe(identifier)
            assert (await late.receive())["type"] == "reject_subscription"
            assert await late.receive() == TOO_MANY
        async with gateway.sdk() as bot:  # a token is no key
            await bot.link()


async def test_a_token_as_bearer_is_as_good_with_and_without_a_bot_id() -> None:
    gateway = CableGateway()
    for query in ("?bot_id=1", ""):
        bearer = [(b"Authorization", f"bearer {TOKEN}".encode())]
        async with gateway.sdk(query, headers=bearer) as sdk:
            await sdk.link()


async def test_another_bot_s_channel_and_an_unknown_one_are_rejected() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        assert await sdk.receive() == {"type": "welcome"}
        for identifier in (
            '{"channel":"BotChannel","bot_id":"2"}',
            '{"channel":"Other"}',
            "no json",
        ):
            await sdk.subscribe(identifier)
            answer = await sdk.receive()
            assert answer == {"identifier": identifier, "type": "reject_subscription"}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, None),
        (["actioncable-v1-json", "actioncable-unsupported"], "actioncable-v1-json"),
        (["actioncable-unsupported"], None),
    ],
)
async def test_the_subprotocol_is_chosen_from_what_is_offered(
    offered: list[str] | None, chosen: str | None
) -> None:
    async with CableGateway().sdk(subprotocols=offered) as sdk:
        assert sdk.socket.subprotocol == chosen


async def test_compression_is_never_negotiated() -> None:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]
    async with CableGateway().sdk(headers=offer) as sdk:
        names = {name.lower() for name, _ in sdk.socket.handshake_headers}
        assert b"sec-websocket-extensions" not in names
        await sdk.link()


async def test_cable_pings_come_every_three_seconds_and_never_go_back(
    autojump_clock: MockClock,
) -> None:
    async with CableGateway().sdk() as sdk:
        await sdk.link()
        stamps: list[int] = []
        times: list[float] = []
        while len(stamps) < 5:
            frame = json.loads(await sdk.socket.get_message())
            assert frame["type"] == "ping"
            stamps.append(frame["message"])
            times.append(trio.current_time())
        assert all(isinstance(stamp, int) for stamp in stamps)
        assert stamps == sorted(stamps)
        assert [round(b - a) for a, b in itertools.pairwise(times)] == [3, 3, 3, 3]


async def test_a_question_that_is_longer_than_the_outbox_may_be_reaches_its_bot() -> None:
    gateway = CableGateway()
    long = "x" * 700_000  # and twice in its command
    async with gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send(question(long))
        command = await sdk.receive_command()
        assert command["params"]["message"] == long
        turn = command["metadata"]["session_id"]
        chunk = {"type": "stream_chunk", "content": "好", "session_id": turn, "sequence": 0}
        await sdk.say(chunk)
        await sdk.say({"type": "stream_end", "session_id": turn})
        await sdk.say(encode_from_bot(summary_of(turn, "好")))
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), "好")


async def test_a_peer_that_answers_pings_is_kept(autojump_clock: MockClock) -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        with trio.move_on_after(120):
            while True:
                await sdk.socket.get_message()
        assert sdk.socket.closed is None
        assert gateway.switchboard.is_online(1)


async def test_a_half_open_link_is_found_within_25_seconds(autojump_clock: MockClock) -> None:
    gateway = CableGateway()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.run_services)
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        await ours.send_all(
            f"GET /cable?sdk_token={TOKEN}&bot_id=1 HTTP/1.1\r\nHost: x\r\n"
            "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        began = trio.current_time()
        while await ours.receive_some():
            pass
        assert trio.current_time() - began <= 25
        nursery.cancel_scope.cancel()
    assert gateway.front_door.open_connections == 0


async def test_unknown_messages_are_ignored_however_many_they_are() -> None:
    async with CableGateway().sdk() as sdk:
        await sdk.link()
        for _ in range(30):
            await sdk.send({"type": "pong"})
            await sdk.say({"type": "never_heard_of"})
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"


async def test_twenty_malformed_frames_in_ten_seconds_end_the_link_with_1008() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        wrong = ["no json", "[]", "1", '"x"', "NaN", "[" * 10_000, '{"command":"message"}']
        for n in range(19):
            await sdk.send(wrong[n % len(wrong)])
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"  # still there
        await sdk.socket.send_message(b"binary")
        last = await sdk.receive()
        assert last == {"type": "disconnect", "reason": "invalid_request", "reconnect": False}
        with pytest.raises(ConnectionClosed) as closed:
            await sdk.receive()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1008


async def test_malformed_frames_now_and_then_are_forgiven(autojump_clock: MockClock) -> None:
    async with CableGateway().sdk() as sdk:
        await sdk.link()
        for _ in range(40):
            await sdk.send("no json")
            await trio.sleep(0.6)
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"


@pytest.mark.parametrize("filling", ["x", "你"])
async def test_an_oversized_message_ends_the_link_with_1009(filling: str) -> None:
    gateway = CableGateway(limits=Limits(cable_message=10_000))
    async with gateway.sdk() as sdk:
        await sdk.link()
        await sdk.send(filling * 10_001)
        with pytest.raises(ConnectionClosed) as closed:
            await sdk.receive()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009
