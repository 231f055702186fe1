"""The HTTP client of one provider: its connections, its headers, its way through proxies."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx2

from eyeclaw_trio import __version__
from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.providers.transport import KeepingTransport
from eyeclaw_trio.trust import trusted_context

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
    headers = _headers(settings)
    context = trusted_context()  # SSL_CERT_FILE counts for this machine too
    try:
        transport = KeepingTransport(
            verify=context, limits=_POOL, proxy=_find_proxy(url, context), trust_env=False
        )
    except (ImportError, ValueError, httpx2.InvalidURL):
        # A SOCKS proxy, which needs a package; an unknown scheme; no address at all.
        raise ConfigurationError(
            "the proxy that the environment names cannot be used: only http:// and https:// can",
            key=f"providers.{settings.name}.base_url",
        ) from None
    return httpx2.AsyncClient(
        base_url=url,
        transport=transport,
        headers=headers,
        timeout=httpx2.Timeout(None, connect=settings.connect_timeout),
        trust_env=False,
        follow_redirects=False,
    )


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


def _find_proxy(url: httpx2.URL, context: ssl.SSLContext) -> httpx2.Proxy | None:
    """The proxy that the environment names for this address. Raises ValueError or InvalidURL."""
    if _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    named = getproxies()
    address = named.get(url.scheme) or named.get("all")
    if not address:
        return None
    proxy = httpx2.URL(address if "://" in address else f"http://{address}")
    return httpx2.Proxy(proxy, ssl_context=context if proxy.scheme == "https" else None)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
