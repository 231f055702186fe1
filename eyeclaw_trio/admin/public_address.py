"""Under which address glasses and bots reach this gateway: what is copied into their forms.

The gateway does not know it, for there may be a proxy before it. It is guessed from how the page
itself was reached, until the owner says it once; the browser keeps that.
"""

from __future__ import annotations

import ipaddress
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import Response

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.protocol.endpoint import Endpoint, read_endpoint

COOKIE: Final = "eyeclaw_address"
# What the fields of Rokid's form are called there, in whatever language one reads the page.
FORM_FIELDS: Final = {"url": "智能体 URL (SSE)", "ak": "智能体鉴权 AK"}
_LASTS: Final = 365 * 86_400  # seconds


def address_of(request: Request, listener: str) -> Endpoint:
    """The address that was said, else that of the public listener, as seen from where the page
    is read."""
    said = request.cookies.get(COOKIE)
    if said:
        try:
            return read_endpoint(said)
        except ConfigurationError:
            pass  # a cookie may hold anything
    endpoint = read_endpoint(listener)
    if not _is_everywhere(endpoint.host):
        return endpoint
    try:
        return attrs.evolve(endpoint, host=read_endpoint(request.headers["host"]).host)
    except ConfigurationError:
        return endpoint


def remember_address(answer: Response, address: str) -> None:
    """Have the browser keep this address. Raises ConfigurationError for what is none."""
    answer.set_cookie(
        COOKIE,
        read_endpoint(address).url,
        max_age=_LASTS,
        path="/admin",
        httponly=True,
        samesite="strict",
    )


def is_for_others(endpoint: Endpoint) -> bool:
    """Whether an address can be reached from other machines at all."""
    if endpoint.host == "localhost" or endpoint.host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(endpoint.host).is_loopback
    except ValueError:
        return True


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
