"""A gateway's address as people write it: text in, host and port and path out. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from eyeclaw_trio.errors import ConfigurationError

CABLE_PATH: Final = "/cable"
CHAT_PATH: Final = "/ws/stream"
SSE_PATH: Final = "/sse/rokid"
OTHER_SSE_PATH: Final = "/metis/agent/api/sse"
PUSH_PATH: Final = "/api/rokid/push"

_PATHS: Final = (CABLE_PATH, CHAT_PATH, SSE_PATH, OTHER_SSE_PATH)
_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}
# Names that no public name server knows (RFC 6761, 6762, 8375; .internal by ICANN).
_NEAR: Final = (".localhost", ".local", ".internal", ".home.arpa")
_LONGEST_NAME: Final = 253  # characters of a host's name; 63 of each label (RFC 1035, 2.3.4)
_LONGEST_LABEL: Final = 63


@frozen
class Endpoint:
    """Where a gateway is. `prefix` is the path that a proxy wants before each of the gateway's
    own, without a slash at its end; `path` is that of them which the address named, if any."""

    host: str
    port: int
    is_secure: bool
    prefix: str = ""
    path: str = ""

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as HTTP has it, with the prefix."""
        return f"{'https' if self.is_secure else 'http'}://{self.authority}{self.prefix}"

    @property
    def websocket_url(self) -> str:
        """The same, as WebSocket has it."""
        return f"{'wss' if self.is_secure else 'ws'}://{self.authority}{self.prefix}"


def read_endpoint(address: str) -> Endpoint:
    """The gateway at this address: http(s):// or ws(s)://, or nothing in front. Then it is https://,
    so that no key goes in the clear over the internet; http:// on this machine and in its network.

    A path is a proxy's prefix, with or without the way to one of the gateway's own doors. Raises
    ConfigurationError, which never repeats the address: people put secrets there.
    """
    parts = _split(address if "://" in address else f"https://{address}")
    if "://" not in address and _is_near(parts.hostname or ""):
        parts = parts._replace(scheme="http")
    is_secure = _SECURE[parts.scheme]
    prefix = parts.path.rstrip("/")
    path = next((each for each in _PATHS if prefix.endswith(each)), "")
    return Endpoint(
        host=parts.hostname or "",
        port=parts.port or (443 if is_secure else 80),
        is_secure=is_secure,
        prefix=prefix.removesuffix(path),
        path=path,
    )


def _is_near(host: str) -> bool:
    """Whether a host is this machine or in a network of its own, as far as its name tells."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.removesuffix(".")
        return "." not in name or name.endswith(_NEAR)


def _split(address: str) -> SplitResult:
    if not address.isascii():
        raise _refusal("it must be ASCII: write xn-- for an international name")
    if not address.isprintable() or " " in address:
        raise _refusal("it must be without spaces")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _refusal("this is none") from None
    if parts.scheme not in _SECURE:
        raise _refusal("it must begin with https://, wss://, http:// or ws://")
    if port == 0:
        raise _refusal("port 0 is none")
    if not parts.hostname:
        raise _refusal("it names no host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _refusal("it must hold no user name, no ? and no #")
    labels = parts.hostname.removesuffix(".").split(".")
    if len(parts.hostname) > _LONGEST_NAME or not all(
        0 < len(label) <= _LONGEST_LABEL for label in labels
    ):
        raise _refusal("no host has such a name")
    return parts


def _refusal(why: str) -> ConfigurationError:
    problem = f"must be an address such as https://glasses.example or http://127.0.0.1:8001: {why}"
    return ConfigurationError(problem, key="server")
