"""What systemd is told: ready, alive, stopping (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio
import trio.testing

from eyeclaw_trio.wire.service_manager import ServiceManager


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def heard(sock: socket.socket) -> list[bytes]:
    said = []
    try:
        while True:
            said.append(sock.recv(4096))
    except BlockingIOError:
        return said


def manager(tmp_path: Path, **more: str) -> ServiceManager:
    return ServiceManager.of({"NOTIFY_SOCKET": str(tmp_path / "notify"), **more})


def test_it_is_told_in_one_datagram(tmp_path: Path, listening: socket.socket) -> None:
    told = manager(tmp_path)
    told.say_nowait(READY="1", STATUS="listens on 127.0.0.1:8001")
    told.say_nowait(STOPPING="1")
    assert heard(listening) == [b"READY=1\nSTATUS=listens on 127.0.0.1:8001", b"STOPPING=1"]
    told.close()
    told.say_nowait(READY="1")
    assert heard(listening) == []


def test_an_abstract_name_begins_with_an_at_sign() -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(f"\0eyeclaw-test-{os.getpid()}")
        told = ServiceManager.of({"NOTIFY_SOCKET": f"@eyeclaw-test-{os.getpid()}"})
        told.say_nowait(READY="1")
        assert sock.recv(100) == b"READY=1"
        told.close()


def test_where_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    for told in (
        ServiceManager.of({}),
        manager(tmp_path),
        ServiceManager.of({"NOTIFY_SOCKET": "x"}),
    ):
        told.say_nowait(READY="1")
        told.close()


async def test_signs_of_life_come_three_times_as_often_as_they_must(
    tmp_path: Path, listening: socket.socket, autojump_clock: trio.testing.MockClock
) -> None:
    told = manager(tmp_path, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
    assert told.watchdog == 30.0
    with trio.move_on_after(31):
        await told.keep_alive()
    assert heard(listening) == [b"WATCHDOG=1"] * 4
    told.close()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"WATCHDOG_USEC": "5000000"}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getppid())}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
async def test_who_wants_no_sign_of_life_gets_none(
    tmp_path: Path, environ: dict[str, str], wanted: float | None
) -> None:
    told = manager(tmp_path, **environ)
    assert told.watchdog == wanted
    if wanted is None:
        await told.keep_alive()  # returns
