"""The public listener over memory streams: what is said to bad requests, and what survives them."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from fakes import KEY, LIMITED_KEY, Gateway, assert_whole, question
from front_door_talk import post, talk
from trio.testing import MockClock

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.patience import Limits, Patience


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # no Host
        (post(length=-1, lines=["Content-Length: 2", "Content-Length: 3"]), 400),
        (post(lines=["Transfer-Encoding: chunked"]), 400),
        (post(length=-1, body=b"xyz\r\n", lines=["Transfer-Encoding: chunked"]), 400),
        (post(length=-1, lines=["Transfer-Encoding: gzip"]), 501),
        (post(lines=["X-Long: " + "x" * 20_000]), 431),
        (post(lines=["Content-Encoding: gzip"]), 415),
        (post(lines=["Content-Type: text/plain"]), 415),
        (post(length=2_000_000), 413),
        (post(target="/"), 404),
        (b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET //[/health HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (post(target="//x/sse/rokid"), 404),
        (post(target="/%73se/rokid"), 404),
        (post(target="/sse/rokid/"), 404),
    ],
)
async def test_a_request_that_cannot_be_served_gets_its_status_and_the_end(
    sent: bytes, status: int, autojump_clock: MockClock
) -> None:
    received = await talk(Gateway(), sent)
    assert received.startswith(b"HTTP/1.1 %d " % status), received
    assert received.count(b"HTTP/1.1 ") == 1


async def test_a_body_in_chunks_beyond_the_limit_is_refused(autojump_clock: MockClock) -> None:
    gateway = Gateway(limits=Limits(request_body=1000))
    body = b"400\r\n" + b"x" * 1024 + b"\r\n"
    sent = post(body, length=-1, lines=["Transfer-Encoding: chunked"])
    assert (await talk(gateway, sent)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("sent", [post()[:40], post(length=10)])
async def test_half_a_request_is_given_up_after_exactly_the_request_timeout(
    sent: bytes, autojump_clock: MockClock
) -> None:
    gateway = Gateway(patience=Patience(request_timeout=10))
    began = trio.current_time()
    async with gateway.glasses() as glasses:
        await glasses.stream.send_all(sent)
        received = bytes(await glasses.stream.receive_some())
        assert trio.current_time() == began + 10
    assert received.startswith(b"HTTP/1.1 408 ")


async def test_one_byte_a_second_does_not_buy_more_time(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    began = trio.current_time()
    async with gateway.glasses() as glasses, trio.open_nursery() as nursery:

        async def drip() -> None:
            for byte in post():
                await glasses.stream.send_all(bytes([byte]))
                await trio.sleep(1)

        nursery.start_soon(drip)
        assert bytes(await glasses.stream.receive_some()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() == began + 10
        nursery.cancel_scope.cancel()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(
    autojump_clock: MockClock,
) -> None:
    assert await talk(Gateway(), b"") == b""


async def test_a_refusal_before_the_body_has_come_says_that_the_connection_ends(
    autojump_clock: MockClock,
) -> None:
    sent = post(length=1000).replace(KEY.encode(), b"ak_wrong")
    received = await talk(Gateway(), sent)
    assert received.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nConnection: close\r\n" in received


async def test_a_refusal_behind_the_body_keeps_the_connection() -> None:
    async with Gateway().glasses() as glasses:
        await glasses.send(key="ak_wrong")
        response = await glasses.receive_head()
        assert (response.status_code, dict(response.headers).get(b"connection")) == (401, None)


async def test_a_key_that_is_revoked_while_the_body_comes_opens_nothing() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    body = b'{"message_id":"1","agent_id":"1","message":[{"role":"user","text":"x"}]}'
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            await glasses.stream.send_all(post(body)[: -len(body)])
            await trio.testing.wait_all_tasks_blocked()
            gateway.directory = Directory((), gateway.directory.bots)
            await glasses.stream.send_all(body)
            assert bytes(await glasses.stream.receive_some()).startswith(b"HTTP/1.1 401 ")
    assert bot.commands == []


async def test_wrong_fields_are_all_named() -> None:
    async with Gateway().glasses() as glasses:
        await glasses.send({"message": []})
        assert (await glasses.receive_head()).status_code == 400
        body = await glasses.receive_body()
    assert body == (
        b'{"error":"Invalid request","detail":{"message_id":"is missing",'
        b'"agent_id":"is missing","message":"must not be empty"}}'
    )


async def test_a_refused_question_does_not_end_the_connection() -> None:
    gateway = Gateway()
    bot = gateway.bot()
    with bot.station.attached(bot):
        async with gateway.glasses() as glasses:
            for wrong in (b"\xff", b"not json", b"[]"):
                await glasses.send(wrong)
                assert (await glasses.receive_head()).status_code == 400
                await glasses.receive_body()
            await glasses.send(key="ak_wrong")
            assert (await glasses.receive_head()).status_code == 401
            await glasses.receive_body()
            await glasses.send()
            assert (await glasses.receive_head()).status_code == 200
            [command] = await bot.wait_for_commands()
            bot.answer(command.session_id, "好")
            assert_whole(await glasses.receive_answer(), "好")


async def test_no_key_and_a_key_of_another_bot_are_told_apart() -> None:
    async with Gateway().glasses() as glasses:
        await glasses.send(key=None)
        response = await glasses.receive_head()
        assert response.status_code == 401
        assert (b"www-authenticate", b"Bearer") in response.headers
        await glasses.receive_body()
        await glasses.send(question(agent_id=1), key=LIMITED_KEY)
        assert (await glasses.receive_head()).status_code == 403
        await glasses.receive_body()


async def test_guessing_is_braked_and_good_keys_are_not(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with gateway.glasses() as glasses:
        for _ in range(20):
            await glasses.send(key="ak_guess")
            assert (await glasses.receive_head()).status_code == 401
            await glasses.receive_body()
        await glasses.send(key="ak_guess")
        response = await glasses.receive_head()
        assert response.status_code == 429
        assert dict(response.headers)[b"retry-after"] == b"60"
        await glasses.receive_body()
        await glasses.send()
        assert (await glasses.receive_head()).status_code == 200  # offline, but let in
        await glasses.receive_answer()
        await trio.sleep(61)
        await glasses.send(key="ak_guess")
        assert (await glasses.receive_head()).status_code == 401
