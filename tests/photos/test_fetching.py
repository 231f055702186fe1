"""A photo over HTTP: which connections are made, and how much is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from photo_hosts import Hosts, respond

from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.fetch import MOST_REDIRECTS, SMALL_PIECES

PHOTO = b"\xff\xd8 a photo"
ADDRESS = "http://photos.example/a.jpg"
PUBLIC = "93.184.216.34"


def takes_all(_: int) -> bool:
    return True


def host(script: object, name: str = "photos.example") -> Hosts:
    return Hosts({name: [[PUBLIC]]}, {PUBLIC: script})  # type: ignore[dict-item]  # scripts differ


async def refusal(hosts: Hosts, address: str = ADDRESS, limit: int = 10_000) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as refused:
        await hosts.fetcher(limit).fetch(address, takes_all)
    assert all(stream.is_closed for stream in hosts.streams)
    return refused.value


async def test_a_photo_is_fetched_from_its_host_and_nothing_of_ours_is_told() -> None:
    hosts = host(respond(PHOTO, kind="image/jpeg"))
    assert await hosts.fetcher().fetch(f"{ADDRESS}?sig=1", takes_all) == PHOTO
    [(address, asked)] = hosts.asked
    assert address == PUBLIC
    head = bytes(asked).decode().splitlines()
    assert head[0] == "GET /a.jpg?sig=1 HTTP/1.1"
    assert "Host: photos.example" in head
    assert "Accept-Encoding: identity" in head
    assert not any("authorization" in line.lower() or "cookie" in line.lower() for line in head)
    assert hosts.streams[0].is_closed


async def test_tls_is_spoken_with_the_name_and_not_with_the_number() -> None:
    hosts = host(respond(PHOTO, kind="image/jpeg"))
    await hosts.fetcher().fetch("https://photos.example/a.jpg", takes_all)
    assert bytes(hosts.asked[0][1]).startswith(b"TLS with photos.example\n")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
        ),
        *("0", "0.0.0.0", "10.1.2.3", "192.168.0.1:8001", "169.254.169.254", "2852039166"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]"),
        *(
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::127.0.0.1]",
        ),
        *("１２７.０.０.１", "127。0。0。1", "①②⑦.⓪.⓪.①"),
    ],
)
async def test_an_address_inside_is_refused_in_every_spelling(address: str) -> None:
    hosts = Hosts()
    refused = await refusal(hosts, f"http://{address}/a.jpg")
    assert refused.fault is PhotoFault.ADDRESS
    assert not hosts.asked


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], [PUBLIC, "10.0.0.5"], ["::1"], ["fe80::1%eth0"], ["::ffff:192.168.1.1"]],
)
async def test_a_name_that_resolves_inside_is_refused(addresses: list[str]) -> None:
    hosts = Hosts({"photos.example": [addresses]}, {PUBLIC: respond(PHOTO)})
    assert (await refusal(hosts)).fault is PhotoFault.ADDRESS
    assert not hosts.asked


async def test_a_name_that_resolves_inside_the_second_time_is_not_asked_a_second_time() -> None:
    hosts = Hosts(
        {"photos.example": [[PUBLIC], ["127.0.0.1"]]},
        {PUBLIC: respond(PHOTO), "127.0.0.1": respond(b"secret")},
    )
    assert await hosts.fetcher().fetch(ADDRESS, takes_all) == PHOTO
    assert hosts.looked_up == ["photos.example"]
    assert hosts.connected_to == [PUBLIC]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
async def test_a_redirect_leads_on_and_is_checked_again(status: str) -> None:
    there = "198.35.26.96"
    hosts = host(respond(status=status, Location="https://other.example/b.jpg"))
    hosts.names["other.example"] = [[there]]
    hosts.scripts[there] = respond(PHOTO, kind="image/jpeg")
    assert await hosts.fetcher().fetch(ADDRESS, takes_all) == PHOTO
    assert hosts.connected_to == [PUBLIC, there]


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "//0x7f000001/"),
        *("http://inside.example/", "file:///etc/passwd", "http://a:b@other.example/"),
    ],
)
async def test_a_redirect_inside_is_refused(location: str) -> None:
    hosts = host(respond(status="302 Found", Location=location))
    hosts.names["inside.example"] = [["10.0.0.1"]]
    assert (await refusal(hosts)).fault is PhotoFault.ADDRESS
    assert hosts.connected_to == [PUBLIC]


async def test_a_redirect_to_the_same_name_is_looked_up_and_checked_anew() -> None:
    hosts = host(respond(status="302 Found", Location="/b.jpg", Connection="close"))
    hosts.names["photos.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert (await refusal(hosts)).fault is PhotoFault.ADDRESS
    assert hosts.connected_to == [PUBLIC]


async def test_redirects_in_a_ring_end() -> None:
    hosts = host(respond(status="302 Found", Location="/a.jpg", Connection="close"))
    assert (await refusal(hosts)).fault is PhotoFault.UNREACHABLE
    assert len(hosts.asked) == MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (respond(b"<html>", kind="text/html; charset=utf-8"), PhotoFault.NO_IMAGE),
        (respond(b"<svg/>", kind="image/svg+xml"), PhotoFault.NO_IMAGE),
        (respond(b"{}", kind="Application/JSON"), PhotoFault.NO_IMAGE),
        (respond(b"x", kind="image/png", Content_Encoding="gzip"), PhotoFault.NO_IMAGE),
        (respond(b"", status="404 Not Found"), PhotoFault.UNREACHABLE),
        (respond(b"", status="403 Forbidden"), PhotoFault.UNREACHABLE),
        (respond(b"", status="500 Oops"), PhotoFault.UNREACHABLE),
        (respond(b"", status="302 Found"), PhotoFault.UNREACHABLE),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n"], PhotoFault.LARGE),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"], PhotoFault.UNREACHABLE),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], PhotoFault.UNREACHABLE),
        ([b""], PhotoFault.UNREACHABLE),
        ([b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * 60_000] * 20], PhotoFault.UNREACHABLE),
    ],
)  # fmt: skip
async def test_what_is_no_photo_is_refused_with_its_reason(
    script: list[bytes | float], fault: PhotoFault
) -> None:
    assert (await refusal(host(script))).fault is fault


@pytest.mark.parametrize(
    "kind", [None, "application/octet-stream", "image/webp", "IMAGE/JPEG; q=1"]
)
async def test_storage_that_knows_no_types_is_believed_until_the_bytes_are_seen(
    kind: str | None,
) -> None:
    assert await host(respond(PHOTO, kind=kind)).fetcher().fetch(ADDRESS, takes_all) == PHOTO


async def test_a_body_without_a_length_is_read_to_the_limit_and_no_further() -> None:
    said = 0

    def endless() -> Iterator[bytes | float]:
        nonlocal said
        yield from respond(None, kind="image/jpeg")
        while True:
            said += 1
            yield b"x" * 1000

    hosts = host(endless())
    assert (await refusal(hosts, limit=10_000)).fault is PhotoFault.LARGE
    assert said <= 12


async def test_a_body_in_crumbs_is_refused_before_it_costs_more_than_its_sender() -> None:
    said = 0

    def crumbs() -> Iterator[bytes | float]:
        nonlocal said
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while said < 100_000:
            said += 10
            yield b"1\r\nx\r\n" * 10

    assert (await refusal(host(crumbs()), limit=1_000_000)).fault is PhotoFault.UNREACHABLE
    assert said <= SMALL_PIECES + 100
    pieces = b"".join(b"200\r\n" + b"x" * 512 + b"\r\n" for _ in range(3000)) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [pieces[at : at + 10_000] for at in range(0, len(pieces), 10_000)]
    whole = await host([head, *parts]).fetcher(2_000_000).fetch(ADDRESS, takes_all)
    assert len(whole) == 3000 * 512


async def test_as_much_as_the_limit_is_taken() -> None:
    hosts = host(respond(b"x" * 10_000, kind="image/jpeg"))
    assert len(await hosts.fetcher(10_000).fetch(ADDRESS, takes_all)) == 10_000
    assert (await refusal(hosts, limit=9_999)).fault is PhotoFault.LARGE


async def test_a_photo_that_there_is_no_room_for_is_refused() -> None:
    hosts = host(respond(b"x" * 5000, kind="image/jpeg"))
    room = Shares(4000).portion("key")
    with pytest.raises(PhotoRefused) as refused:
        await hosts.fetcher().fetch(ADDRESS, room.take)
    assert refused.value.fault is PhotoFault.BUSY


async def test_the_room_for_a_photo_is_taken_before_it_comes() -> None:
    shares = Shares(10_000)
    first, second = shares.portion("one"), shares.portion("two")
    assert await host(respond(b"x" * 5000)).fetcher().fetch(ADDRESS, first.take)
    assert first.size == 5000
    hosts = host(respond(b"x" * 5001))
    with pytest.raises(PhotoRefused) as refused:
        await hosts.fetcher().fetch(ADDRESS, second.take)
    assert (refused.value.fault, second.size) == (PhotoFault.BUSY, 0)
    # Where it is not said how large it will be, as it comes.
    unsaid = host([*respond(None), b"x" * 1000, b"x" * 1000])
    assert len(await unsaid.fetcher().fetch(ADDRESS, second.take)) == 2000
    assert second.size == 2000


async def test_of_several_addresses_the_next_is_tried_when_one_does_not_answer() -> None:
    hosts = Hosts({"photos.example": [["93.184.216.35", PUBLIC]]}, {PUBLIC: respond(PHOTO)})
    assert await hosts.fetcher().fetch(ADDRESS, takes_all) == PHOTO
    assert hosts.connected_to == ["93.184.216.35", PUBLIC]


async def test_a_host_that_nobody_knows_or_is_at_is_said_to_be_so() -> None:
    assert (await refusal(Hosts())).fault is PhotoFault.UNREACHABLE
    hosts = Hosts({"photos.example": [[PUBLIC]]})
    assert (await refusal(hosts)).fault is PhotoFault.UNREACHABLE


async def test_cancelled_it_closes_its_connection(autojump_clock: trio.abc.Clock) -> None:
    hosts = host([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *([b"x", 1.0] * 100)])
    with trio.move_on_after(8) as scope:
        await hosts.fetcher().fetch(ADDRESS, takes_all)
    assert scope.cancelled_caught
    assert hosts.streams[0].is_closed
