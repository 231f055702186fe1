"""What is said where one cannot listen, and that nothing stays open then."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio

from eyeclaw_trio.app.listening import explain_refusal, open_listeners, port_of
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.settings import HostPort, Settings

ANY = HostPort("127.0.0.1", 0)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_the_address_that_failed_is_named_and_the_other_is_free_again() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as busy:
        taken, free = HostPort("127.0.0.1", busy.getsockname()[1]), free_port()
        settings = Settings(HostPort("127.0.0.1", free), taken, Path())
        with pytest.raises(EyeclawError) as caught:
            async with open_listeners(settings):
                pytest.fail("it listens")
        assert str(caught.value).startswith(f"cannot listen on {taken} (Address already in use): ")
        assert "--admin-listen" in str(caught.value)
        with closing(socket.create_server(("127.0.0.1", free))):
            pass

        settings = Settings(taken, HostPort("127.0.0.1", free), Path())
        with pytest.raises(EyeclawError) as caught:
            async with open_listeners(settings):
                pytest.fail("it listens")
        assert str(caught.value).startswith(f"cannot listen on {taken} (Address already in use): ")
        assert "with --listen" in str(caught.value)


async def test_what_was_opened_is_closed_with_the_block() -> None:
    async with open_listeners(Settings(ANY, ANY, Path())) as listeners:
        port, admin_port = port_of(listeners.public), port_of(listeners.admin)
        async with await trio.open_tcp_stream("127.0.0.1", port):
            pass
    for each in (port, admin_port):
        with closing(socket.create_server(("127.0.0.1", each))):
            pass


async def test_a_name_with_two_addresses_has_one_port_where_any_is_free() -> None:
    settings = Settings(HostPort("localhost", 0), ANY, Path())
    async with open_listeners(settings) as listeners:
        assert len({port_of([each]) for each in listeners.public}) == 1


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
@pytest.mark.parametrize("port", [80, 443])
def test_a_low_port_without_the_right_says_which_privilege_is_missing(code: int, port: int) -> None:
    error = OSError(code, "Permission denied")
    words = explain_refusal(error, HostPort("0.0.0.0", port), "--listen")
    assert words.startswith(f"cannot listen on 0.0.0.0:{port} (Permission denied): ")
    assert "CAP_NET_BIND_SERVICE" in words


def test_an_address_that_is_not_this_machines_is_said_to_be_so() -> None:
    error = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    words = explain_refusal(error, HostPort("192.0.2.1", 8001), "--listen")
    assert "this machine has no such address" in words


async def test_a_name_that_leads_nowhere_is_named() -> None:
    settings = Settings(HostPort("nowhere.invalid", 0), ANY, Path())
    with pytest.raises(EyeclawError, match=r"^cannot listen on nowhere\.invalid:0 \("):
        async with open_listeners(settings):
            pytest.fail("it listens")
