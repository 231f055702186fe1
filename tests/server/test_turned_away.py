"""Beyond the limit of connections: whoever can be told so cheaply is (RELIABILITY 19)."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

import trio
from tls_pairs import connected, settle

from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.server.front_door import REFUSED_AT_A_TIME, FrontDoor
from eyeclaw_trio.server.origins import Origins

ASKING = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def full_door() -> FrontDoor:
    door = FrontDoor({}, Origins(), Patience(), Limits(connections=1))
    door.open_connections = 1
    return door


async def test_a_client_with_tls_gets_its_handshake_and_the_503() -> None:
    door = full_door()
    async with connected() as (stream, client), trio.open_nursery() as nursery:
        nursery.start_soon(door.serve_connection, stream)
        await client.meet()
        await client.stream.send_all(client.say(ASKING))
        told = await client.hear()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"Too many connections" in told
    assert door.open_connections == 1


async def test_some_get_a_handshake_at_a_time_and_all_others_are_closed_without() -> None:
    door = full_door()
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        clients = []
        for _ in range(REFUSED_AT_A_TIME):
            stream, client = await stack.enter_async_context(connected())
            nursery.start_soon(door.serve_connection, stream)
            clients.append(client)
        await settle()
        stream, late = await stack.enter_async_context(connected())
        await door.serve_connection(stream)
        assert await late.stream.receive_some() == b""
        for client in clients:
            await client.meet()
            await client.stream.send_all(client.say(ASKING))
            assert (await client.hear()).startswith(b"HTTP/1.1 503 ")


async def test_where_others_wait_for_a_handshake_there_is_none_to_refuse_with() -> None:
    door = full_door()
    door.newcomers.admission._left = 0
    async with connected() as (stream, client):
        await client.stream.send_all(client.begin())
        await door.serve_connection(stream)
        with suppress(trio.BrokenResourceError):  # closed with its hello unread
            assert await client.stream.receive_some() == b""
