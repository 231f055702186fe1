"""Connections are accepted many in a pass."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import structlog
import trio
import trio.testing

from eyeclaw_trio.wire import accepting
from eyeclaw_trio.wire.accepting import AT_A_TIME, accept_connections

HOST = "127.0.0.1"


@asynccontextmanager
async def accepting_into(served: list[str]) -> AsyncIterator[tuple[trio.SocketListener, int]]:
    """A listener whose connections say what they hear, up to their end."""

    async def serve(stream: trio.abc.Stream) -> None:
        async with stream:
            served.append("")
            mine = len(served) - 1
            while data := await stream.receive_some():
                served[mine] += bytes(data).decode()

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host=HOST)
        await nursery.start(accept_connections, serve, [listener])
        yield listener, listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_crowd_is_accepted_in_fewer_passes_than_it_has_heads() -> None:
    served: list[str] = []
    async with accepting_into(served) as (_, port):
        with ExitStack() as crowd:
            for _ in range(AT_A_TIME + 10):
                crowd.enter_context(socket.create_connection((HOST, port)))
            passes = 0
            while len(served) < AT_A_TIME + 10 and passes < 1_000:
                await trio.lowlevel.checkpoint()
                passes += 1
    assert passes < 20


async def test_who_comes_is_served_to_the_end_and_what_the_listener_held_is_free_again() -> None:
    served: list[str] = []
    async with accepting_into(served) as (listener, port):
        for word in ("one", "two"):
            async with await trio.open_tcp_stream(HOST, port) as stream:
                await stream.send_all(word.encode())
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert served == ["one", "two"]
    assert listener.socket.fileno() == -1
    with socket.create_server((HOST, port)):
        pass


async def test_where_files_have_run_out_nothing_ends_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accepting, "LOOK_AGAIN", 0.01)
    served: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with accepting_into(served) as (_, port):
        with socket.create_connection((HOST, port)) as peer:
            await trio.testing.wait_all_tasks_blocked()
            peer.sendall(b"first")
            with socket.socket() as late, structlog.testing.capture_logs() as lines:
                lowest_free = os.dup(0)
                os.close(lowest_free)
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
                try:
                    late.connect((HOST, port))
                    with trio.fail_after(5):
                        while not lines:
                            await trio.sleep(0.001)
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                late.sendall(b"late")
                with trio.fail_after(5):
                    while served != ["first", "late"]:
                        await trio.sleep(0.001)
    assert lines[0]["event"] == "connection.none_accepted"
    assert lines[0]["why"] == os.strerror(errno.EMFILE)
