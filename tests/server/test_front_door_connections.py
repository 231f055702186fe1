"""Methods, old clients, pipelining, and connections that have not shown a key."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import h11
import pytest
import structlog
import trio
import trio.testing
from fakes import KEY, LIMITED_KEY, Gateway, Glasses, assert_whole, question
from front_door_talk import post, talk
from socket_pairs import stream_of
from trio.testing import MockClock

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.server.first_look import FirstLook
from eyeclaw_trio.server.front_door import FrontDoor
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.wire.admission import Admission, Glimpse
from eyeclaw_trio.wire.http_connection import HttpConnection
from eyeclaw_trio.wire.newcomers import Newcomers
from eyeclaw_trio.wire.request_reader import Request


async def test_a_draining_gateway_takes_no_question() -> None:
    gateway = Gateway(is_draining=True)
    async with gateway.glasses() as glasses:
        await glasses.send()
        response = await glasses.receive_head()
        assert response.status_code == 503
        assert dict(response.headers)[b"retry-after"] == b"5"


async def test_method_and_preflight() -> None:
    gateway = Gateway(origins=Origins(frozenset({"https://pages.example"})))
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", key=None)
        response = await glasses.receive_head()
        assert response.status_code == 405
        assert dict(response.headers)[b"allow"] == b"OPTIONS, POST"
        await glasses.receive_body()
        for origin, allowed in (("https://pages.example", True), ("https://evil.example", False)):
            headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")]
            await glasses.send(method="OPTIONS", key=None, headers=headers)
            response = await glasses.receive_head()
            assert response.status_code == 204
            shown = dict(response.headers).get(b"access-control-allow-origin")
            assert shown == (origin.encode() if allowed else None)
            await glasses.receive_body()


async def test_a_client_that_expects_100_continue_gets_it(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with gateway.glasses() as glasses:
        body = b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"x"}]}'
        sent = post(body, lines=["Expect: 100-continue"])
        await glasses.stream.send_all(sent[: -len(body)])
        assert bytes(await glasses.stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await glasses.stream.send_all(body)
        assert bytes(await glasses.stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_a_client_of_http_1_0_gets_its_answer_up_to_the_end_of_the_connection(
    autojump_clock: MockClock,
) -> None:
    body = b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"x"}]}'
    received = await talk(Gateway(), post(body, version="1.0"))
    head, _, stream = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"chunked" not in head
    assert stream.startswith(b": connected\n\n")
    assert stream.endswith(b'"is_finish":true}\n\n')


async def test_a_pipelined_second_question_is_answered_after_the_first() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            body = b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"%d"}]}'
            await glasses.stream.send_all(post(body % 1) + post(body % 2))
            [first] = await bot.wait_for_commands()
            await trio.testing.wait_all_tasks_blocked()
            assert len(bot.commands) == 1
            bot.answer(first.session_id, "答一")
            _, second = await bot.wait_for_commands(2)
            assert second.params.message == "2"
            bot.answer(second.session_id, "答二")
            received = b""
            while received.count(b"event: done") < 2:
                received += await glasses.stream.receive_some()
    assert received.index("答一".encode()) < received.index("答二".encode())


async def test_a_bug_costs_one_connection(capfd: pytest.CaptureFixture[str]) -> None:
    async def crash(request: Request, connection: HttpConnection) -> None:
        if request.query.get("late"):
            await connection.writer.start_stream([], b"half")
        raise RuntimeError("a bug")

    gateway = Gateway()
    door = FrontDoor({"/crash": {"GET": crash}}, Origins(), Patience(), Limits())
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as healthy:
            await healthy.send()
            [command] = await bot.wait_for_commands()
            for target, status in (("/crash", b"500"), ("/crash?late=1", b"200")):
                ours, theirs = trio.testing.memory_stream_pair()
                await ours.send_all(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())
                await ours.send_eof()
                await door.serve_connection(theirs)  # returns, and raises nothing
                assert bytes(await ours.receive_some()).startswith(b"HTTP/1.1 " + status)
            assert door.open_connections == 0
            bot.answer(command.session_id, "健康")
            await healthy.receive_head()
            assert_whole(await healthy.receive_answer(), "健康")


async def test_beyond_the_limit_a_connection_is_turned_away_and_the_others_live() -> None:
    gateway = Gateway(limits=Limits(connections=1))
    async with gateway.glasses() as first:
        await trio.testing.wait_all_tasks_blocked()
        assert (await talk(gateway, b"")).startswith(b"HTTP/1.1 503 ")
        await first.send()
        assert (await first.receive_head()).status_code == 200


async def test_pipelined_requests_give_the_others_a_turn_after_each_answer() -> None:
    turns = 0
    seen: list[int] = []

    async def look(request: Request, connection: HttpConnection) -> None:
        seen.append(turns)
        await connection.writer.respond(200, b"x")

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    door = FrontDoor({"/": {"GET": look}}, Origins(), Patience(), Limits())
    # Sockets, because what they take is written without waiting.
    ours, theirs = (
        trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair()
    )
    async with ours, trio.open_nursery() as nursery:
        nursery.start_soon(door.serve_connection, theirs)
        nursery.start_soon(take_turns)
        await ours.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        await ours.send_eof()
        while await ours.receive_some():
            pass
        nursery.cancel_scope.cancel()
    assert len(seen) == 100
    assert seen[-1] - seen[0] >= 98


# ---- connections that have not shown a key ------------------------------------------------------


async def test_a_silent_connection_makes_room_for_the_next_and_one_with_a_key_never_does() -> None:
    gateway = Gateway()
    gateway.front_door.newcomers = Newcomers(limit=2)
    bot = gateway.bot()
    async with AsyncExitStack() as stack:
        stack.enter_context(bot.station.attached(bot))

        async def come() -> Glasses:
            glasses = await stack.enter_async_context(gateway.glasses())
            await trio.testing.wait_all_tasks_blocked()
            return glasses

        good = await come()
        await good.send()
        [command] = await bot.wait_for_commands()
        silent, half = await come(), await come()
        await half.stream.send_all(post()[:30])
        wrong = await come()
        assert bytes(await silent.stream.receive_some()) == b""
        await come()
        assert bytes(await half.stream.receive_some()) == b""
        await wrong.send(key="ak_wrong")
        assert (await wrong.receive_head()).status_code == 401
        bot.answer(command.session_id, "好")
        assert (await good.receive_head()).status_code == 200
        assert_whole(await good.receive_answer(), "好")
    assert gateway.front_door.newcomers.turned_out == 2
    assert len(gateway.front_door.newcomers) == 0


@pytest.mark.parametrize("length", [2, 1_000], ids=["idle", "lingering"])
async def test_whoever_waits_behind_a_refusal_makes_room_too(
    length: int, autojump_clock: MockClock
) -> None:
    """Between two requests, and while it may still read why its connection ends."""
    gateway = Gateway()
    gateway.front_door.newcomers = Newcomers(limit=1)
    async with gateway.glasses() as first:
        await first.stream.send_all(post(length=length).replace(KEY.encode(), b"ak_wrong"))
        assert b" 401 " in bytes(await first.stream.receive_some())
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        async with gateway.glasses():
            assert bytes(await first.stream.receive_some()) == b""
            assert trio.current_time() == began


class Asking(Admission):
    """Lets everybody in, and remembers who has asked, and whether it was served before."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, bool]] = []
        self.glimpses: list[Glimpse | None] = []

    async def wait(
        self, peer: str, *, was_served: bool = False, glimpse: Glimpse | None = None
    ) -> None:
        self.asked.append((peer, was_served))
        self.glimpses.append(glimpse)
        await trio.lowlevel.checkpoint()


async def test_whatever_a_connection_without_a_key_says_has_to_be_admitted() -> None:
    gateway = Gateway()
    gateway.front_door.newcomers.admission = admission = Asking()
    async with gateway.glasses() as glasses:
        await trio.testing.wait_all_tasks_blocked()
        assert admission.asked == [("", False)]  # the connection
        await glasses.stream.send_all(b"GET /")
        await trio.testing.wait_all_tasks_blocked()
        await glasses.stream.send_all(
            b" HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x"
        )
        await trio.testing.wait_all_tasks_blocked()
        # Two pieces of a head; its refusal; a head that has come early, and the wait for its rest.
        assert admission.asked[1:] == [("", False)] * 2 + [("", True)] * 2


async def test_who_comes_with_a_key_while_others_wait_is_seen_before_the_wait() -> None:
    class Busy(Asking):
        is_busy = True

    gateway = Gateway()
    gateway.front_door.newcomers = newcomers = Newcomers(look=FirstLook(lambda: gateway.directory))
    newcomers.admission = admission = Busy()
    async with trio.open_nursery() as nursery:
        ours, theirs = map(stream_of, socket.socketpair())
        await theirs.send_all(post(length=3))
        nursery.start_soon(gateway.front_door.serve_connection, ours)
        await trio.testing.wait_all_tasks_blocked()
        assert admission.glimpses == [Glimpse(1, is_known=True)]
        await trio.aclose_forcefully(theirs)


async def test_who_has_shown_a_key_waits_for_others_who_have_and_never_for_newcomers() -> None:
    gateway = Gateway()
    newcomers = gateway.front_door.newcomers
    newcomers.admission, newcomers.asking = admission, asking = Asking(), Asking()
    bot = gateway.bot()
    async with gateway.glasses() as glasses:
        with bot.station.attached(bot):
            for number in range(3):
                await glasses.send()
                commands = await bot.wait_for_commands(number + 1)
                bot.answer(commands[number].session_id, "好")
                assert (await glasses.receive_head()).status_code == 200
                assert_whole(await glasses.receive_answer(), "好")
    assert len(admission.asked) == 2  # the connection, and its first head
    # Bodies, heads behind the first one, and the end, among those who have shown a key.
    assert asking.glimpses == [Glimpse(1, is_known=True)] * 6


async def test_one_key_cannot_hold_all_connections_and_is_told_why() -> None:
    gateway = Gateway(limits=Limits(connections=8))
    async with AsyncExitStack() as stack:

        async def come(key: str, agent_id: str = "1") -> h11.Response:
            glasses = await stack.enter_async_context(gateway.glasses())
            await glasses.send(question(agent_id=agent_id), key=key)
            return await glasses.receive_head()

        refusals = [await come(KEY) for _ in range(6 + 1)]
        assert [each.status_code for each in refusals] == [200] * 6 + [503]
        assert dict(refusals[-1].headers)[b"retry-after"] == b"5"
        assert (await come(LIMITED_KEY, "2")).status_code == 200


# ---- each peer gets an answer or a close, and nobody a traceback ---------------------------------


@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS"])
async def test_junk_behind_an_answered_request_is_refused_as_junk_is(method: str) -> None:
    gateway = Gateway()
    head = b"%s /sse/rokid HTTP/1.1\r\nHost: x\r\n\r\n" % method.encode()
    with structlog.testing.capture_logs() as lines:
        received = await talk(gateway, head + b"\x00\x01 junk\r\n\r\n")
    assert received.count(b"HTTP/1.1 ") == 2
    refusal = received[received.rindex(b"HTTP/1.1 ") :]
    assert refusal.startswith(b"HTTP/1.1 400 ")
    assert refusal.endswith(b'\r\n\r\n{"error":"Bad request","detail":null}')
    assert [line for line in lines if line["log_level"] in ("error", "warning")] == []


@pytest.mark.parametrize(
    "wrong", ["GET /?" + "a=b&" * 200, "GET http://[", "GET /\r\nX: " + "x" * 17_000]
)
async def test_a_head_that_is_refused_is_answered_as_its_method_wants_it(
    wrong: str, autojump_clock: MockClock
) -> None:
    """A response to HEAD has no body, also where the rest of the request cannot be read."""
    for method in ("HEAD", "GET"):
        request, _, lines = wrong.replace("GET", method).partition("\r\n")
        sent = f"{request} HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n".replace(
            "\r\n\r\n\r\n", "\r\n\r\n"
        )
        with structlog.testing.capture_logs() as logged:
            received = await talk(Gateway(), sent.encode())
        assert received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
        assert received.count(b'{"error":') == (method == "GET")
        assert [line for line in logged if line["log_level"] == "error"] == []


async def test_a_refused_body_in_many_pieces_is_not_looked_through() -> None:
    """A few looks, and the connection ends: whatever else is there is not even parsed."""
    pieces = b"1\r\nx\r\n" * 2_000 + b"0\r\n\r\n"
    sent = post(pieces, length=-1, lines=["Transfer-Encoding: chunked"])
    received = await talk(Gateway(), sent.replace(KEY.encode(), b"ak_wrong"))
    assert received.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nConnection: close\r\n" in received
