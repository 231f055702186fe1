"""The guard: one way in, with one time and one room for all."""

from __future__ import annotations

from contextlib import suppress

import pytest
import structlog
import trio
import trio.testing
from photo_hosts import ADDRESS, Opened, guard_of, respond

from eyeclaw_trio.core.texts import apology
from eyeclaw_trio.core.throttle import LINES
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.data_url import make_data_url
from eyeclaw_trio.photos.guard import AT_ONCE, ROOM, Sender

ALICE = Sender(1, "alice")


async def test_a_photo_by_address_and_one_within_its_address_go_the_same_way() -> None:
    opened = Opened()
    guard = guard_of(respond(b"photo"), opened)
    assert await guard.take_in(ADDRESS, ALICE) == make_data_url(b"jpeg of photo")
    inline = "data:image/png;base64,aW5saW5l"
    assert await guard.take_in(inline, ALICE) == make_data_url(b"jpeg of inline")
    assert opened.given == [b"photo", b"inline"]
    assert await guard.read_codes(inline, ALICE) == ("inline",)


@pytest.mark.parametrize("every", [1.0, 0.3])
async def test_a_body_of_one_byte_a_second_is_refused_within_its_time(
    autojump_clock: trio.abc.Clock, every: float
) -> None:
    slow: list[bytes | float] = [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"]
    for _ in range(900):
        slow += [b"x", every]
    began = trio.current_time()
    with pytest.raises(PhotoRefused) as refused:
        await guard_of(slow).take_in(ADDRESS, ALICE)
    assert refused.value.fault is PhotoFault.SLOW
    assert trio.current_time() - began == pytest.approx(8.0)


async def test_a_picture_that_takes_for_ever_to_open_is_refused_within_the_same_time(
    autojump_clock: trio.abc.Clock,
) -> None:
    with pytest.raises(PhotoRefused) as refused:
        await guard_of([3.0, *respond(b"photo")], Opened(seconds=6.0)).take_in(ADDRESS, ALICE)
    assert refused.value.fault is PhotoFault.SLOW
    assert trio.current_time() == pytest.approx(8.0)


async def test_what_the_opening_says_is_passed_on() -> None:
    failure = PhotoRefused(PhotoFault.LARGE, "40000 x 40000")
    with pytest.raises(PhotoRefused) as refused:
        await guard_of(respond(b"photo"), Opened(failure=failure)).take_in(ADDRESS, ALICE)
    assert refused.value is failure


async def test_one_wearer_cannot_take_all_the_room_for_photos(
    autojump_clock: trio.abc.Clock,
) -> None:
    guard = guard_of(respond(b"photo"), Opened(seconds=5.0), limit=50_000_000)
    large = make_data_url(b"x" * 24_000_000)
    outcomes: list[str] = []

    async def take(owner: str, address: str) -> None:
        try:
            await guard.take_in(address, Sender(1, owner))
            outcomes.append("taken")
        except PhotoRefused as refused:
            outcomes.append(refused.code)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(take, "greedy", large)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(take, "modest", make_data_url(b"small"))
    assert sorted(outcomes) == ["photo_busy", "photo_busy", "taken", "taken"]
    await guard.take_in(large, ALICE)  # the room was given back


async def test_one_wearer_cannot_take_all_the_places_either(
    autojump_clock: trio.abc.Clock,
) -> None:
    guard = guard_of(respond(b"photo"), Opened(seconds=1.0))
    refused: list[PhotoFault] = []

    async def take(owner: str) -> None:
        try:
            await guard.take_in("data:image/png;base64,eA==", Sender(1, owner))
        except PhotoRefused as refusal:
            refused.append(refusal.fault)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(take, "greedy")
        await trio.testing.wait_all_tasks_blocked()
        for owner in "abcde":
            nursery.start_soon(take, owner)
    assert refused == [PhotoFault.BUSY] * (AT_ONCE // 2)
    await guard.take_in(ADDRESS, ALICE)


@pytest.mark.parametrize("size", [1, ROOM // 20])
async def test_one_key_cannot_take_all_places_or_room_by_naming_many_wearers(
    autojump_clock: trio.abc.Clock, size: int
) -> None:
    guard = guard_of(respond(b"photo"), Opened(seconds=1.0), limit=ROOM)
    photo = make_data_url(b"x" * size)
    taken: set[Sender] = set()

    async def take(sender: Sender) -> None:
        with suppress(PhotoRefused):
            await guard.take_in(photo, sender)
            taken.add(sender)

    modest = {Sender(2, f"wearer {number}") for number in range(4)}
    async with trio.open_nursery() as nursery:
        for number in range(2 * AT_ONCE):
            nursery.start_soon(take, Sender(1, f"wearer {number}"))
        await trio.testing.wait_all_tasks_blocked()
        for sender in modest:
            nursery.start_soon(take, sender)
    assert modest < taken
    await guard.take_in(photo, Sender(1, "wearer 0"))


async def test_photos_that_are_refused_one_after_the_other_are_ten_lines_a_minute() -> None:
    guard = guard_of(respond(b"photo"))
    with structlog.testing.capture_logs() as lines:
        for _ in range(30):
            with pytest.raises(PhotoRefused):
                await guard.take_in("data:image/png;base64,?", ALICE)
        with pytest.raises(PhotoRefused):
            await guard.take_in("data:image/png;base64,?", Sender(2))
    assert [line["peer"] for line in lines] == ["key 1"] * LINES + ["key 2"]
    assert {line["event"] for line in lines} == {"photo.refused"}


def test_every_refusal_has_its_sentence_in_both_languages() -> None:
    said = {
        apology(PhotoRefused(fault, "10.0.0.1"), language)
        for fault in PhotoFault
        for language in ("zh", "en")
    }
    assert len(said) == 2 * len(PhotoFault)
    assert not any("10.0.0.1" in sentence for sentence in said)
