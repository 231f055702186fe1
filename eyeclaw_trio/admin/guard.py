"""The guard before every page: who may ask what, and what a browser may do with the answer.

- What another site makes a browser ask is refused (CSRF): `Sec-Fetch-Site` says it, else `Origin`
  against `Host`. Programs send neither, and are known by their token.
- Only who is signed in sees a page, and only who has a token or is signed in uses the API.
- No page may be framed, run anything but our own files, or be kept by a cache (`Protected`).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import quote, urlsplit

from attrs import frozen
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eyeclaw_trio.admin.sessions import Doorkeeper, Visitor
from eyeclaw_trio.errors import EyeclawError, RequestRefused

HOME: Final = "/admin/"
SETUP: Final = "/admin/setup"
LOGIN: Final = "/admin/login"
API: Final = "/admin/api/"
STATIC: Final = "/admin/static/"
PREFERENCES: Final = "/admin/preferences"
COOKIE: Final = "eyeclaw_session"

# What needs nobody to be signed in. Scrapers and probes know no cookies.
_FOR_SCRAPERS: Final = frozenset({"/metrics", "/health"})
_OPEN: Final = frozenset({"/", SETUP, LOGIN, PREFERENCES}) | _FOR_SCRAPERS
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_VISITOR: Final = "eyeclaw.visitor"

Explain = Callable[[Request, EyeclawError], Response]
"""Makes the answer that says what was refused."""


@frozen
class Guard:
    """An ASGI application that lets another one be asked by the owner only."""

    app: ASGIApp
    doorkeeper: Doorkeeper
    explain: Explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say who may. Cancellation as in the application below."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer: ASGIApp
        try:
            answer = await self._refusal_of(request) or self.app
        except EyeclawError as error:
            answer = self.explain(request, error)
        await answer(scope, receive, send)

    async def _refusal_of(self, request: Request) -> Response | None:
        """Whom to send away, and how; None: it may ask. Raises EyeclawError."""
        path = request.url.path
        is_api = path.startswith(API)
        if (is_api or request.method not in _SAFE_METHODS) and is_foreign(request.headers):
            raise RequestRefused(403, "Another site has asked")
        if path in _FOR_SCRAPERS or path.startswith(STATIC):
            return None
        visitor = await self._recognise(request, is_api=is_api)
        request.scope[_VISITOR] = visitor
        if visitor is not None or path in _OPEN:
            return None
        if is_api:
            challenge = [("WWW-Authenticate", "Bearer")]
            raise RequestRefused(401, "Sign in, or send a token", headers=challenge)
        return await self._show_the_way_in(request)

    async def _recognise(self, request: Request, *, is_api: bool) -> Visitor | None:
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        if is_api and scheme.lower() == "bearer":
            return await self.doorkeeper.find_token(presented.strip())
        secret = request.cookies.get(COOKIE)
        return await self.doorkeeper.find_session(secret) if secret else None

    async def _show_the_way_in(self, request: Request) -> Response:
        if not await self.doorkeeper.has_owner():
            return RedirectResponse(SETUP, HTTPStatus.SEE_OTHER)
        wanted = _wanted_page(request)
        is_page = is_page_of_ours(wanted) and wanted != HOME
        back = f"?next={quote(wanted, safe='/')}" if is_page else ""
        return RedirectResponse(LOGIN + back, HTTPStatus.SEE_OTHER)


@frozen
class Protected:
    """An ASGI application all of whose answers, refusals too, say what a browser may do with them.
    What an answer says itself about that stays."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application below; cancelled as that."""

        async def protect(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, protect)


def visitor_of(request: HTTPConnection) -> Visitor | None:
    """Who asks; None where that needs nobody."""
    return cast("Visitor | None", request.scope.get(_VISITOR))


def is_foreign(headers: Headers) -> bool:
    """Whether another site has made a browser ask this."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        named = urlsplit(origin)
        _ = named.port  # raises for what is none
    except ValueError:
        return True
    return named.scheme not in ("http", "https") or not _is_same_place(named.netloc, headers)


def _wanted_page(request: Request) -> str:
    """What somebody who has to sign in wants to see; of a form that was open for longer than the
    session, the page on which it stands."""
    url = str(request.url)
    if request.method not in _SAFE_METHODS:
        url = request.headers.get("referer", "")
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all
        return HOME
    if not _is_same_place(parts.netloc, request.headers):
        return HOME
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _is_same_place(place: str, headers: Headers) -> bool:
    named = headers.getlist("host")
    return len(named) == 1 and bool(place) and place.lower() == named[0].lower()


def is_page_of_ours(path: str) -> bool:
    """Whether a browser may be sent there after signing in: to nowhere but our own pages."""
    return path.startswith(HOME) and path.isascii() and path.isprintable() and "\\" not in path
