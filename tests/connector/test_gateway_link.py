"""The connector's link over real sockets, against a gateway that follows a script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from connector_fakes import TOKEN, Announcements, Dictated, Gateway, GatewayLink, command

from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import ConfigurationError, LinkRefused
from eyeclaw_trio.protocol.bot import FromBot, StreamChunk, StreamEnd, StreamError, StreamSummary
from eyeclaw_trio.protocol.cable import decode_identifier, encode_confirmation
from eyeclaw_trio.protocol.content_hash import hash_content
from eyeclaw_trio.protocol.to_bot import Cancel
from eyeclaw_trio.providers.echo import EchoProvider
from eyeclaw_trio.providers.provider import Provider


@pytest.fixture(autouse=True)
def _come_back_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eyeclaw_trio.core.backoff.FIRST", 0.01)


@asynccontextmanager
async def connected(
    provider: Provider, said: Announcements | None = None
) -> AsyncIterator[Gateway]:
    """A gateway on a port and a connector that wants to be linked to it."""
    gateway = Gateway()
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve)
        connector = partial(keep_connected, announce=said or Announcements())
        nursery.start_soon(connector, gateway.address(), provider)
        with trio.fail_after(10):
            try:
                yield gateway
            finally:
                nursery.cancel_scope.cancel()


async def let_in(gateway: Gateway) -> GatewayLink:
    link = await gateway.link()
    await link.let_in()
    return link


def chunks(text: str, session_id: str = "t1", first: int = 0) -> list[FromBot]:
    return [
        StreamChunk(session_id, character, number)
        for number, character in enumerate(text, start=first)
    ]


async def test_the_token_travels_in_a_header_and_the_identifier_says_what_the_bot_can() -> None:
    provider, said = Dictated(), Announcements()
    async with connected(provider, said) as gateway:
        link = await let_in(gateway)
        await link.say(command())
        provider.dictate("你好", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)
        headers = dict(link.request.headers)
        assert headers[b"authorization"] == f"Bearer {TOKEN}".encode()
        assert link.request.path == "/cable?bot_id=1"
        assert link.request.proposed_subprotocols == ("actioncable-v1-json",)
        identifier = decode_identifier(link.identifier)
        assert (identifier.bot_id, identifier.max_concurrency) == (1, 8)
        assert identifier.cancel
        assert identifier.resume
        assert said.events == [
            {
                "event": "connected",
                "bot_id": 1,
                "server": f"ws://127.0.0.1:{gateway.port}/cable",
            }
        ]
        assert TOKEN not in json.dumps(said.events)


async def test_a_subscription_is_repeated_until_it_is_confirmed() -> None:
    async with connected(Dictated()) as gateway:
        link = await gateway.link()
        await link.subscribed()
        await link.hear_subscribe()
        await link.hear_subscribe()
        assert link.subscriptions == 3
        await link.send(encode_confirmation(link.identifier))


async def test_a_question_is_answered_and_ends_when_all_is_acknowledged() -> None:
    async with connected(EchoProvider(delay=0.0)) as gateway:
        link = await let_in(gateway)
        await link.say(command(text="one two three"))
        assert await link.hear_many(5) == [
            StreamChunk("t1", "one ", 0),
            StreamChunk("t1", "two ", 1),
            StreamChunk("t1", "three", 2),
            StreamEnd("t1"),
            StreamSummary("t1", "one two three", 3, hash_content("one two three")),
        ]


async def test_answers_run_side_by_side_and_cancel_stops_one_of_them() -> None:
    provider = Dictated()
    async with connected(provider) as gateway:
        link = await let_in(gateway)
        for name in ("t1", "t2"):
            await link.say(command(name, name))
        provider.dictate("t1", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)
        provider.dictate("t2", "b")
        assert await link.hear() == StreamChunk("t2", "b", 0)
        await link.say(Cancel("t1", "turn is over"))
        await provider.let_go("t1")
        provider.dictate("t1", "never said")
        provider.dictate("t2", "c")
        provider.finish("t2")
        assert await link.hear() == StreamChunk("t2", "c", 1)
        link.cut()

        link = await let_in(gateway)  # nor is anything of it said on the next link
        assert await link.hear_many(4) == [
            *chunks("bc", "t2"),
            StreamEnd("t2"),
            StreamSummary("t2", "bc", 2, hash_content("bc")),
        ]


async def test_a_link_that_is_cut_in_mid_answer_loses_nothing_and_changes_no_order() -> None:
    provider, said = Dictated(), Announcements()
    async with connected(provider, said) as gateway:
        link = await let_in(gateway)
        await link.say(command())
        provider.dictate("你好", *"abcde")
        first = await link.hear_many(5, acknowledge=False)
        assert first == chunks("abcde")
        for chunk in first[:2]:
            assert isinstance(chunk, StreamChunk)
            await link.acknowledge(chunk)
        await link.ping()
        provider.dictate("你好", "f")
        assert await link.hear() == StreamChunk("t1", "f", 5)  # the acknowledgements are through
        link.cut()
        provider.dictate("你好", *"gh")  # the model does not wait for the link

        link = await let_in(gateway)
        await link.say(command())  # what a gateway does that is not sure: not run again
        again = await link.hear_many(6, acknowledge=False)
        assert again == chunks("cdefgh", first=2)
        link.cut()

        link = await let_in(gateway)
        assert await link.hear_many(6) == again
        provider.dictate("你好", "i")
        provider.finish("你好")
        ending = await link.hear_many(3)
        assert ending == [
            StreamChunk("t1", "i", 8),
            StreamEnd("t1"),
            StreamSummary("t1", "abcdefghi", 9, hash_content("abcdefghi")),
        ]
        link.cut()

        link = await let_in(gateway)  # the ending may have died with the link: said again
        assert await link.hear_many(2) == ending[1:]
        assert len(provider.questions) == 1
        assert len(said.of("connected")) == 4
        assert [event["reason"] for event in said.of("disconnected")] == [
            "the connection was lost"
        ] * 3


async def test_an_answer_that_ends_while_the_link_is_down_is_said_when_it_is_back() -> None:
    provider = Dictated()
    async with connected(provider) as gateway:
        link = await let_in(gateway)
        await link.say(command())
        await provider.asked()
        link.cut()
        link = await gateway.link()
        provider.dictate("你好", *"ab")
        provider.finish("你好")
        await provider.let_go("你好")
        await link.let_in()
        assert await link.hear_many(4) == [
            *chunks("ab"),
            StreamEnd("t1"),
            StreamSummary("t1", "ab", 2, hash_content("ab")),
        ]


async def test_commands_beyond_twice_the_limit_are_answered_as_busy() -> None:
    provider = Dictated()
    async with connected(provider) as gateway:
        link = await let_in(gateway)
        for number in range(17):
            await link.say(command(f"t{number}", f"q{number}"))
        message = await link.hear()
        assert isinstance(message, StreamError)
        assert (message.session_id, message.reason) == ("t16", "model_busy")


async def test_unreadable_and_unknown_frames_do_not_end_the_link() -> None:
    provider = Dictated()
    async with connected(provider) as gateway:
        link = await let_in(gateway)
        await link.send(
            b"nonsense",
            b"[]",
            b'{"type":"pong"}',
            b'{"identifier":"another","message":{"type":"execute_command"}}',
            b'{"identifier":%s,"message":{"type":"execute_command"}}'
            % json.dumps(link.identifier).encode(),
        )
        await link.say(command())
        provider.dictate("你好", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)


async def test_a_bug_in_the_connector_costs_one_link(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, said = Dictated(), Announcements()
    async with connected(provider, said) as gateway:
        link = await let_in(gateway)
        with monkeypatch.context() as patch:
            patch.setattr("eyeclaw_trio.connector.link.build_to_bot", lambda _: 1 / 0)
            await link.say(command())
            link = await gateway.link()
        await link.let_in()
        await link.say(command())
        provider.dictate("你好", "a")
        assert await link.hear() == StreamChunk("t1", "a", 0)
        assert said.of("disconnected")[0]["reason"] == "internal error"


async def test_a_gateway_that_restarts_is_come_back_to() -> None:
    said = Announcements()
    async with connected(Dictated(), said) as gateway:
        link = await let_in(gateway)
        await link.disconnect("server_restart", reconnect=True)
        await let_in(gateway)
        [event] = said.of("disconnected")
        assert event["reason"] == "server_restart"
        assert isinstance(event["retry_in_s"], float)


@pytest.mark.parametrize("reason", ["unauthorized", "replaced", "invalid_request"])
async def test_a_gateway_that_does_not_want_the_bot_back_is_obeyed(reason: str) -> None:
    gateway = Gateway()
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve)

        async def refuse() -> None:
            link = await gateway.link()
            await link.disconnect(reason, reconnect=False)  # type: ignore[arg-type]

        nursery.start_soon(refuse)
        with trio.fail_after(5), pytest.raises(LinkRefused) as refusal:
            await keep_connected(gateway.address(), Dictated(), announce=Announcements())
        nursery.cancel_scope.cancel()
    assert refusal.value.reason == reason
    assert str(refusal.value).endswith(".")
    assert TOKEN not in str(refusal.value)


async def test_a_gateway_that_is_not_there_is_tried_again() -> None:
    said = Announcements()
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    async with trio.open_nursery() as nursery:
        target = LinkTarget(f"ws://127.0.0.1:{port}", 1, TOKEN)
        nursery.start_soon(partial(keep_connected, target, Dictated(), announce=said))
        with trio.fail_after(5):
            while len(said.events) < 2:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert "refused" in str(said.events[0]["reason"])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno", "HTTP 503"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404"),
        (b"SSH-2.0-nothing\r\n", "hung up"),
        (b"", "hung up"),
    ],
)
async def test_what_is_no_gateway_is_named_and_tried_again(answer: bytes, reason: str) -> None:
    said = Announcements()

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        if answer:
            await stream.send_all(answer)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        target = LinkTarget(f"ws://127.0.0.1:{port}", 1, TOKEN)
        nursery.start_soon(partial(keep_connected, target, Dictated(), announce=said))
        with trio.fail_after(5):
            while len(said.events) < 2:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert reason in str(said.events[0]["reason"])


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_tls_is_spoken_and_the_certificate_checked(
    is_trusted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    trusted = tmp_path / "trusted.pem"
    (authority if is_trusted else trustme.CA()).cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    gateway, said = Gateway(), Announcements()
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.serve, authority.issue_cert("localhost"))
        target = LinkTarget(f"wss://localhost:{gateway.port}", 1, TOKEN)
        nursery.start_soon(partial(keep_connected, target, Dictated(), announce=said))
        with trio.fail_after(5):
            if is_trusted:
                link = await let_in(gateway)
                link.cut()
                await let_in(gateway)
            while not said.events:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    if not is_trusted:
        assert "its certificate is not trusted (" in str(said.events[0]["reason"])


def test_the_bot_and_its_token_are_shown_at_the_gateways_cable_door() -> None:
    target = LinkTarget("https://example.com/a/", 7, TOKEN)
    assert target.shown == "wss://example.com/a/cable"
    assert target.upgrade.resource == "/cable?bot_id=7"
    assert target.upgrade.headers == [(b"Authorization", f"Bearer {TOKEN}".encode())]
    assert TOKEN not in repr(target)
    assert TOKEN not in repr(target.upgrade)


@pytest.mark.parametrize("token", ["", "with space", "line\r\nX-Evil: 1", "tökен"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        LinkTarget("http://x", 1, token)
    assert refusal.value.key == "token"
