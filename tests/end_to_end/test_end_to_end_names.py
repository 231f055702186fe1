"""Names to addresses by the system, which may be slow and cannot be broken off."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

import pytest
import trio
import trio.testing
from processes import LIFETIME

from eyeclaw_trio.wire.look_up import AT_ONCE, Names


async def test_numbers_are_addresses_in_every_spelling() -> None:
    names, here = Names(), ipaddress.ip_address("127.0.0.1")
    for host in ("127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost"):
        assert here in await names.look_up(host, 80, None)
    assert await names.look_up("::1", 80, None) == (ipaddress.ip_address("::1"),)
    with pytest.raises(UnicodeError):
        await names.look_up("x" * 70 + ".example", 80, None)


async def test_silent_name_servers_hold_up_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    async def in_a_thread() -> None:
        await trio.to_thread.run_sync(int)

    def silent(*_: Any, **__: Any) -> Any:
        released.wait(LIFETIME)
        raise socket.gaierror("nobody has answered")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    names = Names()
    try:
        with trio.fail_after(LIFETIME):
            with trio.move_on_after(0.2):
                async with trio.open_nursery() as nursery:
                    for _ in range(5 * AT_ONCE):
                        nursery.start_soon(names.look_up, "silent.example", 80, None)
            # Nobody waits for them any more, and they still hold their threads: only theirs.
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(in_a_thread)
    finally:
        released.set()


async def test_whoever_names_silent_hosts_leaves_threads_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def system(host: str, *_: Any, **__: Any) -> Any:
        if host == "silent.example":
            released.wait(LIFETIME)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", system)
    names, found = Names(), (ipaddress.ip_address("192.0.2.1"),)
    try:
        with trio.fail_after(LIFETIME):
            async with trio.open_nursery() as nursery:
                for _ in range(5 * AT_ONCE):
                    nursery.start_soon(names.look_up, "silent.example", 80, "greedy")
                await trio.testing.wait_all_tasks_blocked()
                for owner in ("another", "a third"):
                    assert await names.look_up("photos.example", 80, owner) == found
                with trio.move_on_after(0.1) as patience:  # he waits for his own
                    await names.look_up("photos.example", 80, "greedy")
                assert patience.cancelled_caught
                nursery.cancel_scope.cancel()
            # Nobody waits for the system's answers, and they still count as his.
            assert await names.look_up("photos.example", 80, "another") == found
            released.set()
            assert await names.look_up("photos.example", 80, "greedy") == found
    finally:
        released.set()
