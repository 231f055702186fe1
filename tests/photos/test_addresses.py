"""Which addresses a photo may come from."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.addresses import (
    LONGEST_ADDRESS,
    check_addresses,
    follow,
    is_public,
    read_address,
)

NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255"),
    *("127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    "255.255.255.255",
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1"),
    *("2001:0:7f00:1::", "2002:7f00:1::1", "2002:0808:0808::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1"),
    *("126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.1", "192.167.255.255"),
    *("198.17.255.255", "198.20.0.1", "223.255.255.255"),
    *("2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "240e::1"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(PhotoRefused) as refused:
        check_addresses([ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address(address)])
    assert refused.value.fault is PhotoFault.ADDRESS


@pytest.mark.parametrize("address", PUBLIC)
def test_everybodys_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    check_addresses([ipaddress.ip_address(address)])


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1"])
def test_tests_may_be_allowed_to_stay_on_their_own_machine(address: str) -> None:
    check_addresses([ipaddress.ip_address(address)], allows_private=True)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::"])
def test_even_tests_may_not_be_led_elsewhere(address: str) -> None:
    with pytest.raises(PhotoRefused):
        check_addresses([ipaddress.ip_address(address)], allows_private=True)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_takes_for_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address):
        inner = getattr(address, "ipv4_mapped", None) or address
        assert inner.is_global
        assert not inner.is_multicast


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_ipv6_wraps_it(address: ipaddress.IPv4Address) -> None:
    expected = is_public(address)
    assert is_public(ipaddress.IPv6Address(f"::ffff:{address}")) is expected
    assert is_public(ipaddress.IPv6Address(f"64:ff9b::{address}")) is expected
    assert not is_public(ipaddress.IPv6Address(f"::{address}"))


@pytest.mark.parametrize(
    "address",
    [
        *("", "photo.jpg", "//x.example/a.jpg", "http://", "http:///a.jpg", "https://:80/a"),
        *("ftp://x.example/a.jpg", "file:///etc/passwd", "gopher://x.example:70/_a", "data:,x"),
        *("http://user@x.example/", "http://user:secret@x.example/", "http://@127.0.0.1@x/"),
        *("http://x.example:0/", "http://x.example:99999/", "http://x.example:a/"),
        *("http://[::1", "http://x\n.example/"),
        *("http://" + "a" * LONGEST_ADDRESS, "http://\ud800/", "javascript:alert(1)"),
    ],
)
def test_what_is_no_address_of_the_web_is_refused_before_anybody_is_asked(address: str) -> None:
    with pytest.raises(PhotoRefused) as refused:
        read_address(address)
    assert refused.value.fault is PhotoFault.ADDRESS
    assert "secret" not in refused.value.why


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("https://x.example/a.jpg?sig=a%2Fb", b"x.example", b"/a.jpg?sig=a%2Fb"),
        ("HTTP://X.example", b"x.example", b"/"),
        ("https://图片.example/照片.jpg", b"xn--fhq9o.example", b"/%E7%85%A7%E7%89%87.jpg"),
        ("https://[2606:4700::1111]/a", b"2606:4700::1111", b"/a"),
    ],
)
def test_what_may_be_asked_keeps_its_host_and_path(address: str, host: bytes, path: bytes) -> None:
    url = read_address(address)
    assert url.raw_path == path
    if host.startswith(b"xn--"):
        assert url.raw_host.startswith(b"xn--")
    else:
        assert url.raw_host == host


def test_a_redirect_is_read_from_where_it_stands_and_checked_like_an_address() -> None:
    url = read_address("https://x.example/album/1?page=2")
    assert str(follow(url, "../b.jpg")) == "https://x.example/b.jpg"
    assert str(follow(url, "//y.example/c.jpg")) == "https://y.example/c.jpg"
    for location in ("file:///etc/passwd", "http://root@y.example/", "http://[::1"):
        with pytest.raises(PhotoRefused):
            follow(url, location)
