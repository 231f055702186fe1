"""Where a connector's gateway is, and what it shows there."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

from eyeclaw_trio.errors import ConfigurationError

_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}


@frozen
class GatewayAddress:
    """One bot's place at one gateway.

    `url` is the server's, http(s):// or ws(s)://, with or without a path (a prefix that a proxy
    wants, or the whole way to `/cable`). Raises ConfigurationError for one that cannot be used,
    and for a token that no header can carry; the token is in no message.
    """

    url: str
    bot_id: int
    token: str = field(repr=False)
    is_secure: bool = field(init=False)
    host: str = field(init=False)
    port: int = field(init=False)
    path: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        parts = _split(self.url)
        is_secure = _SECURE[parts.scheme]
        path = parts.path.rstrip("/").removesuffix("/cable")
        # The class is frozen; these are what its first fields mean.
        object.__setattr__(self, "is_secure", is_secure)
        object.__setattr__(self, "host", parts.hostname)
        object.__setattr__(self, "port", parts.port or (443 if is_secure else 80))
        object.__setattr__(self, "path", f"{path}/cable")
        if not self.token or not all("!" <= c <= "~" for c in self.token):
            raise ConfigurationError("must be printable ASCII without spaces", key="token")

    @property
    def resource(self) -> str:
        """What is asked for. The token travels in a header: addresses end up in logs."""
        return f"{self.path}?bot_id={self.bot_id}"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address as the user may see it."""
        return f"{'wss' if self.is_secure else 'ws'}://{self.authority}{self.path}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("is no address", key="server") from None
    if parts.scheme not in _SECURE:
        raise ConfigurationError("must begin with https://, wss://, http:// or ws://", key="server")
    if port == 0:
        raise ConfigurationError("names port 0, which is none", key="server")
    if not parts.hostname:
        raise ConfigurationError("names no host", key="server")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("must hold no user name, no ? and no #", key="server")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigurationError(
            "must be ASCII: write xn-- for an international name", key="server"
        )
    return parts
