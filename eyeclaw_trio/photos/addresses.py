"""Where a photo may come from: what is said of an address before anything is sent to it.

Pure. Nothing here looks at how an address is spelled: the numbers that a connection will be made
to are what is judged (RELIABILITY 31).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

import httpx2

from eyeclaw_trio.errors import PhotoFault, PhotoRefused

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Signed addresses of cloud storage have some hundred characters.
LONGEST_ADDRESS: Final = 4096

# IANA's registry of special purposes: everything that is not for everybody, and 6to4's relays.
_SPECIAL_V4: Final = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
)
# Global unicast is one eighth of IPv6, but for what carries IPv4 (Teredo, 6to4) or is for books.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)
_PRIVATE: Final = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7")
)
# Networks that have IPv6 alone reach IPv4 behind this one (RFC 6052).
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: IpAddress) -> bool:
    """Whether everybody's machines may be at this address, and no private or special ones."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


def is_private(address: IpAddress) -> bool:
    """Whether this machine or one beside it is at this address: what tests may be allowed. That of
    a cloud's own services (169.254.169.254) is none of them."""
    return any(address in network for network in _PRIVATE if network.version == address.version)


def check_addresses(addresses: Sequence[IpAddress], *, allows_private: bool = False) -> None:
    """Refuse a host that any of these belongs to. Raises PhotoRefused: one private address among
    public ones would be enough to get inside."""
    for address in addresses:
        if not is_public(address) and not (allows_private and is_private(address)):
            raise PhotoRefused(PhotoFault.ADDRESS, f"it leads to {address}, which is not public")


def read_address(text: str) -> httpx2.URL:
    """An address that may be asked, as far as can be said before its host is looked up.

    Raises PhotoRefused for all but http and https, for one with a user or password in it, and for
    one that is none.
    """
    if len(text) > LONGEST_ADDRESS:
        raise PhotoRefused(PhotoFault.ADDRESS, f"it has more than {LONGEST_ADDRESS} characters")
    try:
        url = httpx2.URL(text)
        host = url.raw_host.decode("ascii")
    except (httpx2.InvalidURL, UnicodeError, ValueError, TypeError):
        raise PhotoRefused(PhotoFault.ADDRESS, "it is no address") from None
    if url.scheme not in ("http", "https"):
        raise PhotoRefused(PhotoFault.ADDRESS, "it begins neither with http:// nor with https://")
    if url.userinfo:
        raise PhotoRefused(PhotoFault.ADDRESS, "it has a user or a password in it")
    if not host or not 0 < (80 if url.port is None else url.port) < 65_536:
        raise PhotoRefused(PhotoFault.ADDRESS, "it names no host and port")
    return url


def follow(url: httpx2.URL, location: str) -> httpx2.URL:
    """The address that a redirect leads to. Raises PhotoRefused as `read_address`."""
    try:
        return read_address(str(url.join(location)))
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        raise PhotoRefused(PhotoFault.ADDRESS, "it redirects to no address") from None
