"""RELIABILITY 35: TLS handshakes, which cost more than all else that one without a key can ask for,
keep nobody waiting who is there already."""

from __future__ import annotations

from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import pytest
import trio
import trustme
from client_hello import client_hello
from house import House
from key_changer import IS_POSSIBLE, KeyChanger
from own_certificate import make_certificate
from stall_meter import BEHIND_ONE_PROXY, MEBIBYTE, PATIENCE, StallMeter, attacked

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

# With those who ask beside them all that may be there without a key.
CROWD = 240
# Worst where the key of the certificate is the kind that costs most to sign with.
KINDS = {"ecdsa": trustme.KeyType.ECDSA, "rsa": trustme.KeyType.RSA}


@pytest.mark.parametrize("kind", KINDS)
async def test_row_35_a_crowd_of_handshakes_in_one_instant_stops_nobody_who_is_there(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them are connected before any of them says hello; three times."""
    house = _furnish(tmp_path, KINDS[kind])
    async with attacked(house, authority=tmp_path / "authority.pem") as meter:
        hello = client_hello(tmp_path / "authority.pem")
        for _ in range(3):
            async with AsyncExitStack() as stack:
                await _shake_hands(meter, stack, hello)
    _assert_unharmed(meter, capsys, f"{CROWD} handshakes in one instant, {kind}")


async def test_row_35_hellos_in_a_record_for_each_byte_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """240 connections say a hello of 15 KB, which is five times as much in such records."""
    house = _furnish(tmp_path, trustme.KeyType.ECDSA)
    async with attacked(house, authority=tmp_path / "authority.pem") as meter:
        body = client_hello(tmp_path / "authority.pem", protocols=60)[5:]
        cut = b"".join(b"\x16\x03\x01\x00\x01" + body[at : at + 1] for at in range(len(body)))
        for _ in range(2):
            async with AsyncExitStack() as stack:
                await _flood(meter, stack, cut)
    _assert_unharmed(meter, capsys, f"{CROWD} hellos in records of one byte")


@pytest.mark.skipif(not IS_POSSIBLE, reason="this Python keeps its OpenSSL to itself")
async def test_row_35_changing_keys_without_end_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """100 connections change their keys 600 times each in one instant, for two seconds."""
    house = _furnish(tmp_path, trustme.KeyType.ECDSA)
    async with attacked(house, authority=tmp_path / "authority.pem") as meter:
        with trio.move_on_after(2):
            while True:
                async with AsyncExitStack() as stack:
                    await _change_keys(meter, stack)
    _assert_unharmed(meter, capsys, "100 connections that change keys")


@pytest.mark.parametrize("kind", KINDS)
async def test_row_35_handshakes_that_are_left_half_done_stop_nobody_who_is_there(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """600 say hello, of whom 256 may stay; three times."""
    house = _furnish(tmp_path, KINDS[kind])
    authority = tmp_path / "authority.pem"
    async with attacked(house, authority=authority, turns_out=True) as meter:
        hello = client_hello(authority)
        for _ in range(3):
            async with AsyncExitStack() as stack:
                for _ in range(600):
                    stream = await trio.open_tcp_stream(meter.gateway.host, meter.gateway.port)
                    stack.push_async_callback(trio.aclose_forcefully, stream)
                    await stream.send_all(hello)
                await trio.sleep(1)
    # Who comes from their address stands in one line with them, and may have to come again.
    what = f"600 handshakes left half done, {kind}"
    _assert_unharmed(meter, capsys, what, near=2 * BEHIND_ONE_PROXY)


async def _change_keys(meter: StallMeter, stack: AsyncExitStack) -> None:
    streams: dict[trio.SocketStream, KeyChanger] = {}
    for _ in range(100):
        stream = await trio.open_tcp_stream(meter.gateway.host, meter.gateway.port)
        stack.push_async_callback(trio.aclose_forcefully, stream)
        streams[stream] = stack.enter_context(closing(KeyChanger()))
        await stream.send_all(streams[stream].step())
    for stream, client in streams.items():
        said = b""
        while not said:  # until all of the gateway's flight has come
            said = client.step(await stream.receive_some())
        await stream.send_all(said)
    floods = [(stream, client.change_keys(600)) for stream, client in streams.items()]
    for stream, flood in floods:
        with suppress(trio.BrokenResourceError), trio.move_on_after(0.1):
            await stream.send_all(flood)
    for stream in streams:
        with suppress(trio.BrokenResourceError), trio.fail_after(10):
            while await stream.receive_some():
                pass


async def _shake_hands(meter: StallMeter, stack: AsyncExitStack, hello: bytes) -> None:
    streams: list[trio.SocketStream] = []
    for _ in range(CROWD):
        streams.append(await trio.open_tcp_stream(meter.gateway.host, meter.gateway.port))
        stack.push_async_callback(trio.aclose_forcefully, streams[-1])
    for stream in streams:
        await stream.send_all(hello)
    with trio.fail_after(10):
        for stream in streams:
            assert await stream.receive_some()


async def _flood(meter: StallMeter, stack: AsyncExitStack, said: bytes) -> None:
    """Say this over each of a crowd of connections, and wait until all have been ended."""
    streams: list[trio.SocketStream] = []
    for _ in range(CROWD):
        streams.append(await trio.open_tcp_stream(meter.gateway.host, meter.gateway.port))
        stack.push_async_callback(trio.aclose_forcefully, streams[-1])
    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(_say, stream, said)


async def _say(stream: trio.SocketStream, said: bytes) -> None:
    with suppress(trio.BrokenResourceError), trio.move_on_after(10):
        await stream.send_all(said)
        while await stream.receive_some():
            pass


def _assert_unharmed(
    meter: StallMeter,
    capsys: pytest.CaptureFixture[str],
    what: str,
    near: float = BEHIND_ONE_PROXY,
) -> None:
    with capsys.disabled():
        print(f"\n{what}: {meter}")
    assert meter.turns >= 1
    assert max(meter.kept_alive) < PATIENCE
    assert meter.worst < PATIENCE
    assert max(*meter.near, *meter.keyed) < near
    # What OpenSSL has had stays with the allocator, for the next crowd: three take what one takes.
    assert meter.growth < 32 * MEBIBYTE


def _furnish(folder: Path, kind: trustme.KeyType) -> House:
    """A house with TLS of its own."""
    house = House(folder)
    house.configure(make_certificate(folder, kind)[1])
    return house
