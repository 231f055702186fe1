"""What the cable refuses, how links end, and what the log says of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest
import structlog
import trio
import trio.testing
from bot_fakes import summary_of
from cable_fakes import IDENTIFIER, CableGateway, Sdk
from chat_fakes import ChatGateway
from fakes import KEY, OFFLINE, TOKEN, Glasses, assert_whole
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, ConnectionRejected, wrap_client_stream

from eyeclaw_trio.protocol.bot import encode_from_bot


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),  # a text frame that is not UTF-8
        (b"\xf1\x80\x00\x00\x00\x00", 1002),  # reserved bits
        (b"\x81\x02hi", 1002),  # not masked
    ],
)
async def test_broken_frames_are_told_with_their_code(frame: bytes, code: int) -> None:
    gateway = CableGateway()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        await ours.send_all(
            f"GET /cable?sdk_token={TOKEN}&bot_id=1 HTTP/1.1\r\nHost: x\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert bytes(await ours.receive_some()).startswith(b"HTTP/1.1 101 ")
        await ours.send_all(frame)
        received = b""
        with trio.fail_after(5):
            while data := await ours.receive_some():
                received += data
    assert received.endswith(b"\x88\x02" + code.to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("Upgrade: websocket", "X: y"), 426),
        (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 426),
        (("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Key: short"), 400),
        (("Host: x", "Host: x\r\nOrigin: https://evil.example"), 404),
        (("GET ", "POST "), 405),
        (("GET ", "HEAD "), 405),
        (("HTTP/1.1", "HTTP/1.0"), 400),
        (("Host: x", "Host: x\r\nContent-Length: 5"), 400),
        (("Host: x", "Host: x\r\nTransfer-Encoding: chunked"), 400),
        (("Host: x", "Host: x\r\nSec-WebSocket-Protocol: \u00e9"), 400),
    ],
)
async def test_what_is_no_handshake_is_refused_as_http(
    change: tuple[str, str], status: int, autojump_clock: MockClock
) -> None:
    head = (
        f"GET /cable?sdk_token={TOKEN}&bot_id=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with CableGateway().glasses() as peer:
        await peer.stream.send_all(head.replace(*change).encode("latin-1"))
        received = bytes(await peer.stream.receive_some())
    assert received.startswith(b"HTTP/1.1 %d " % status)


async def test_an_upgrade_on_a_connection_that_was_used_for_http_before() -> None:
    gateway = CableGateway()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.run_services)
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        glasses = Glasses(ours)
        await glasses.send()
        await glasses.receive_head()
        assert_whole(await glasses.receive_answer(), OFFLINE)
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, ours),
            "gateway.example",
            f"/cable?sdk_token={TOKEN}&bot_id=1",
        )
        await Sdk(socket).link()
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()


async def test_a_broken_link_is_offline_at_once() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        await sdk.link()
        assert gateway.switchboard.is_online(1)
    assert not gateway.switchboard.is_online(1)


async def test_while_draining_only_a_bot_whose_answer_runs_may_come_back() -> None:
    gateway = CableGateway()
    async with gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await sdk.link()
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
        gateway.is_draining = True
        async with gateway.sdk() as sdk:
            await sdk.say({"type": "stream_end", "session_id": turn})
            await sdk.say(encode_from_bot(summary_of(turn, "一")))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "一")
        with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True):
            async with gateway.sdk():
                pass


async def test_an_sdk_that_comes_back_heals_its_answer_with_the_summary() -> None:
    gateway = CableGateway()
    async with gateway.glasses() as glasses:
        async with gateway.sdk() as sdk:
            await sdk.link()
            await glasses.send()
            turn = (await sdk.receive_command())["metadata"]["session_id"]
            await sdk.say(
                {"type": "stream_chunk", "content": "一", "session_id": turn, "sequence": 0}
            )
            await sdk.receive()
        async with gateway.sdk() as sdk:
            # Before its subscription: what an SDK sends first after a broken link counts.
            await sdk.say({"type": "stream_end", "session_id": turn})
            await sdk.say(encode_from_bot(summary_of(turn, "一", "二", "三")))
            await glasses.receive_head()
            assert_whole(await glasses.receive_answer(), "一二三")
    assert gateway.traces[0].missing == ((1, 2),)


# ---- subscriptions and what the log says of them ------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ('{"channel":"BotChannel","bot_id":"2"}', "it names another bot than the token"),
        ('{"channel":"Other"}', "identifier.channel: must be BotChannel"),
        (
            '{"channel":"BotChannel","bot_id":1,"max_concurrency":0}',
            "identifier.max_concurrency: must be an integer above 0",
        ),
    ],
)
async def test_a_rejected_subscription_is_logged_with_its_reason(
    identifier: str, reason: str
) -> None:
    async with CableGateway().sdk() as sdk:
        assert await sdk.receive() == {"type": "welcome"}
        with structlog.testing.capture_logs() as logs:
            await sdk.subscribe(identifier)
            rejection = {"identifier": identifier, "type": "reject_subscription"}
            assert await sdk.receive() == rejection
    [line] = [each for each in logs if each["event"] == "bot.subscription_rejected"]
    assert (line["reason"], line["peer"], line["log_level"]) == (reason, "bot 1", "info")


async def test_a_second_subscription_on_a_link_is_logged_and_the_first_goes_on() -> None:
    async with CableGateway().sdk() as sdk:
        await sdk.link()
        with structlog.testing.capture_logs() as logs:
            await sdk.subscribe('{"channel":"BotChannel","bot_id":1}')
            assert (await sdk.receive())["type"] == "reject_subscription"
        await sdk.say({"action": "ping"})
        assert (await sdk.receive())["message"]["type"] == "pong"
    assert [each["reason"] for each in logs if each["event"] == "bot.subscription_rejected"] == [
        "this link has a subscription already"
    ]


async def test_a_bot_that_takes_a_hundred_thousand_commands_at_once_is_let_in() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as sdk:
        assert await sdk.receive() == {"type": "welcome"}
        await sdk.subscribe('{"channel":"BotChannel","bot_id":1,"max_concurrency":100000}')
        assert (await sdk.receive())["type"] == "confirm_subscription"


async def test_a_link_that_was_replaced_says_so_in_the_log() -> None:
    gateway = CableGateway()
    async with gateway.sdk() as older:
        await older.link()
        with structlog.testing.capture_logs() as logs:
            async with gateway.sdk() as newer:
                await newer.link()
                replaced = {"type": "disconnect", "reason": "replaced", "reconnect": False}
                assert await older.receive() == replaced
    assert [each["bot_id"] for each in logs if each["event"] == "bot.replaced"] == [1]


async def test_subscribing_again_and_again_is_bounded_in_log_and_store_and_ends_the_link() -> None:
    gateway = CableGateway()
    with structlog.testing.capture_logs() as logs:
        async with gateway.sdk() as sdk:
            await sdk.link()
            with suppress(ConnectionClosed), trio.fail_after(5):
                while True:
                    await sdk.send({"command": "unsubscribe", "identifier": IDENTIFIER})
                    await sdk.subscribe()
                    await sdk.receive()
                    await sdk.receive()
            assert sdk.socket.closed is not None
            assert sdk.socket.closed.code == 1008
    assert len(gateway.sessions.log) <= 2 * 22
    assert len([each for each in logs if each["log_level"] != "debug"]) <= 2 * 10


# ---- the ping rule ------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [f"/cable?sdk_token={TOKEN}&bot_id=1", "/ws/stream/s"])
async def test_a_pong_that_comes_before_the_write_of_its_ping_returns_counts(
    door: str, autojump_clock: MockClock
) -> None:
    gateway = ChatGateway() if door.startswith("/ws") else CableGateway()
    headers = [] if "sdk_token" in door else [(b"Authorization", f"Bearer {KEY}".encode())]
    ours, theirs = trio.testing.memory_stream_pair()
    # The peer has a ping before our system says that it has taken it.
    deliver = theirs.send_stream.send_all_hook

    async def deliver_and_be_slow() -> None:
        await cast(Callable[[], Awaitable[object]], deliver)()
        await trio.sleep(0.3)

    theirs.send_stream.send_all_hook = deliver_and_be_slow
    async with gateway.services_running(), trio.open_nursery() as nursery:
        nursery.start_soon(gateway.front_door.serve_connection, theirs)
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, ours),
            "gateway.example",
            door,
            extra_headers=headers,
        )
        with trio.move_on_after(120):
            while True:
                await socket.get_message()
        assert socket.closed is None
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()
