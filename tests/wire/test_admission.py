"""Newcomers are let in some at a time, and at once where nobody waits."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from eyeclaw_trio.wire import admission as admissions
from eyeclaw_trio.wire.admission import (
    AT_A_TIME,
    AT_LEAST,
    FIRSTS,
    LONG_PASS,
    Admission,
    Glimpse,
    Share,
    network_of,
)


@pytest.fixture
def passes_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "LONG_PASS", 1e9)  # this machine may be as slow as it likes


@pytest.fixture
def passes_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "LONG_PASS", -1.0)  # whatever they take


def test_after_a_short_pass_one_more_is_admitted_and_after_a_long_one_half_as_many() -> None:
    share = Share()
    for _ in range(AT_A_TIME + 3):
        share.note(LONG_PASS / 2)
    sizes = [share.size]
    for took in (LONG_PASS * 2, LONG_PASS * 2, LONG_PASS / 2, LONG_PASS * 2, LONG_PASS * 2):
        share.note(took)
        sizes.append(share.size)
    assert sizes == [16, 8, 4, 5, 4, 4]
    share.note(LONG_PASS * 2)
    assert share.size == AT_LEAST


async def test_where_nobody_waits_there_is_nothing_to_wait_for() -> None:
    admission = Admission()
    for _ in range(AT_LEAST):
        with trio.testing.assert_no_checkpoints():
            await admission.wait("192.0.2.1")
    with trio.testing.assert_checkpoints():
        await admission.wait("192.0.2.1")


async def admitted_by_pass(admission: Admission, peers: list[str]) -> list[list[str]]:
    """Who goes on in each pass of the loop, where all of these come in one instant."""
    passes: list[list[str]] = [[]]
    left = len(peers)

    async def come(peer: str) -> None:
        nonlocal left
        await admission.wait(peer)
        passes[-1].append(peer)
        left -= 1

    async with trio.open_nursery() as nursery:
        for peer in peers:
            nursery.start_soon(come, peer)
        while left:
            await trio.lowlevel.checkpoint()
            passes.append([])
    return [each for each in passes if each]


@pytest.mark.usefixtures("passes_are_long")
async def test_where_passes_are_long_few_go_on_in_each() -> None:
    passes = await admitted_by_pass(Admission(), ["192.0.2.1"] * 40)
    assert (
        max(map(len, passes)) <= 2 * AT_LEAST
    )  # the task that looks may run before or behind the others
    assert sum(map(len, passes)) == 40


@pytest.mark.usefixtures("passes_are_short")
async def test_where_passes_are_short_more_and_more_go_on_in_each() -> None:
    passes = await admitted_by_pass(Admission(), ["192.0.2.1"] * 200)
    assert len(passes) < 40
    assert max(map(len, passes)) <= 2 * AT_A_TIME


@pytest.mark.usefixtures("passes_are_long")
async def test_another_address_does_not_wait_for_the_crowd_of_one() -> None:
    admission = Admission()
    order: list[str] = []

    async def come(peer: str) -> None:
        await admission.wait(peer)
        order.append(peer)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(come, "192.0.2.1")
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.start_soon(come, "198.51.100.7")
    assert order.index("198.51.100.7") < 5 * AT_LEAST


@pytest.mark.usefixtures("passes_are_long")
async def test_who_comes_alone_waits_for_no_pass_beside_a_crowd_but_few_do_so_in_one_pass() -> None:
    admission = Admission()

    async def come() -> None:
        await admission.wait("192.0.2.1")

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(come)
        for _ in range(3):  # the crowd has come, and there has been a pass since
            await trio.lowlevel.checkpoint()
        for _ in range(FIRSTS):
            with trio.testing.assert_no_checkpoints():
                await admission.wait("198.51.100.7")
        with trio.testing.assert_checkpoints():
            await admission.wait("198.51.100.7")
        with trio.testing.assert_checkpoints():
            await admission.wait("198.51.100.8", was_served=True)


@pytest.mark.usefixtures("passes_are_long")
async def test_a_crowd_from_as_many_addresses_is_admitted_no_faster() -> None:
    passes = await admitted_by_pass(Admission(), [f"192.0.2.{number}" for number in range(100)])
    assert max(map(len, passes)) <= 2 * (AT_LEAST + FIRSTS)
    assert sum(map(len, passes)) == 100


@pytest.mark.usefixtures("passes_are_long")
async def test_who_comes_behind_a_crowd_of_the_same_address_is_soon_admitted() -> None:
    admission = Admission()
    order: list[str] = []

    async def come(name: str) -> None:
        await admission.wait("192.0.2.1")
        order.append(name)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(come, "crowd")
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.start_soon(come, "behind")
    assert order.index("behind") < 5 * AT_LEAST


@pytest.mark.usefixtures("passes_are_long")
@pytest.mark.parametrize(
    "glimpse", [Glimpse(("key", 1), is_known=True), Glimpse("/health")], ids=["a key", "a probe"]
)
async def test_who_shows_something_does_not_wait_for_the_crowd_of_the_same_address(
    glimpse: Glimpse,
) -> None:
    admission = Admission()
    order: list[Glimpse | None] = []

    async def come(glimpse: Glimpse | None = None) -> None:
        await admission.wait("192.0.2.1", glimpse=glimpse)
        order.append(glimpse)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(come)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.start_soon(come, glimpse)
    assert order.index(glimpse) < 5 * AT_LEAST
    assert len(order) == 101


@pytest.mark.usefixtures("passes_are_long")
async def test_of_those_with_keys_each_key_has_its_turn_and_others_every_second_one() -> None:
    admission = Admission()
    order: list[object] = []

    async def come(owner: object) -> None:
        known = None if owner is None else Glimpse(owner, is_known=True)
        await admission.wait("192.0.2.1", glimpse=known)
        order.append(owner)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(come, "mad")
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        nursery.start_soon(come, "other")
        nursery.start_soon(come, None)
    assert order.index("other") < 5 * AT_LEAST
    assert order.index(None) < 5 * AT_LEAST


@pytest.mark.usefixtures("passes_are_long")
@pytest.mark.parametrize("which", range(10))
async def test_who_is_cancelled_in_the_line_keeps_nobody_from_going_on(which: int) -> None:
    admission = Admission()
    gone_on: list[int] = []
    scopes = [trio.CancelScope() for _ in range(10)]

    async def come(number: int) -> None:
        with scopes[number]:
            await admission.wait("192.0.2.1")
            gone_on.append(number)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(come, number)
            await trio.lowlevel.checkpoint()
            scopes[which].cancel()
    assert set(gone_on) | {which} == set(range(10))
    with trio.fail_after(5):  # and whoever comes later
        for _ in range(3 * AT_LEAST):
            await admission.wait("192.0.2.1")


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:0db8:0000:0000"),
        ("2001:db8:0:0:ffff::2", "2001:0db8:0000:0000"),
        ("2001:db8:0:1::1", "2001:0db8:0000:0001"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("", ""),
    ],
)
def test_of_ipv6_the_network_counts_of_which_one_subscriber_has_all(
    peer: str, network: str
) -> None:
    assert network_of(peer) == network
