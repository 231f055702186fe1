"""The HTTP client of one provider: its connections, its headers, its way through proxies."""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx2

from eyeclaw_trio import __version__
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.settings import ProviderSettings

# Seconds that an unused connection is kept. Servers and balancers hang up after 60 to 75 s, which
# the pool sees; what it cannot see is a NAT that forgets in silence, from about 120 s on.
KEEP_ALIVE: Final = 110.0

# Each running answer has a connection of its own, and how many may run is decided long before
# (`Limits`): a second limit here would only be a queue that nobody sees. Idle ones are few.
_POOL: Final = httpx2.Limits(
    max_connections=None, max_keepalive_connections=32, keepalive_expiry=KEEP_ALIVE
)


def open_client(settings: ProviderSettings) -> httpx2.AsyncClient:
    """A client for `base_url`; it connects when it is first used. The caller closes it.

    A proxy in the environment is obeyed, except for a model on this machine: a proxy elsewhere
    cannot reach it. Only connecting has a time-out here (TCP and TLS each): how long an answer
    may take is its reader's business. Raises ConfigurationError.
    """
    url = _check_url(settings)
    is_local = _is_loopback(url.host)
    try:
        return httpx2.AsyncClient(
            base_url=url,
            verify=httpx2.create_ssl_context(),  # SSL_CERT_FILE counts for this machine too
            headers=_headers(settings),
            timeout=httpx2.Timeout(None, connect=settings.connect_timeout),
            limits=_POOL,
            trust_env=not is_local,
            follow_redirects=False,
        )
    except (ImportError, ValueError):  # a SOCKS proxy, which needs a package; an unknown scheme
        raise ConfigurationError(
            "the proxy that the environment names cannot be used: only http:// and https:// can",
            key=f"providers.{settings.name}.base_url",
        ) from None


def _check_url(settings: ProviderSettings) -> httpx2.URL:
    key = f"providers.{settings.name}.base_url"
    try:
        url = httpx2.URL(settings.base_url)
    except httpx2.InvalidURL:
        raise ConfigurationError("is not an address", key=key) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("must begin with http:// or https:// and a host", key=key)
    return url


def _headers(settings: ProviderSettings) -> dict[str, str]:
    headers = {
        "User-Agent": f"eyeclaw-trio/{__version__}",
        # Compressed, the first token would wait for the second: compressors fill a block first.
        "Accept-Encoding": "identity",
    }
    if settings.api_key:
        if not (settings.api_key.isascii() and settings.api_key.isprintable()):
            raise ConfigurationError(
                "holds characters that no HTTP header can carry",
                key=f"providers.{settings.name}.api_key",
            )
        headers["Authorization"] = f"Bearer {settings.api_key}"
    return headers


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
