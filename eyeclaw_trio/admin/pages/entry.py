"""Getting in and out: the first visit, signing in and out; and the language and colours."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from eyeclaw_trio.admin.forms import read_form
from eyeclaw_trio.admin.guard import (
    COOKIE,
    HOME,
    LOGIN,
    PREFERENCES,
    SETUP,
    is_page_of_ours,
    visitor_of,
)
from eyeclaw_trio.admin.passwords import LONGEST, SHORTEST
from eyeclaw_trio.admin.sessions import Applicant, Doorkeeper, WrongPassword
from eyeclaw_trio.admin.view import (
    LANGUAGE_COOKIE,
    LANGUAGES,
    THEME_COOKIE,
    THEMES,
    render,
    words_of,
)
from eyeclaw_trio.errors import RequestRefused

_PREFERENCES_LAST: Final = 365 * 86_400  # seconds


def _doorkeeper_of(request: Request) -> Doorkeeper:
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    return doorkeeper


async def show_setup(request: Request) -> Response:
    """`GET /admin/setup`. Raises StoreError; cancelled, nothing has happened."""
    if await _doorkeeper_of(request).has_owner():
        return _go(HOME)
    return _render_setup(request)


async def set_up(request: Request) -> Response:
    """`POST /admin/setup`: set the first password. Raises RequestRefused and StoreError; cancelled,
    it may be set."""
    form, doorkeeper, t = await read_form(request), _doorkeeper_of(request), words_of(request)
    if await doorkeeper.has_owner():
        return _go(LOGIN)
    password = form.get("password", "")
    if form.get("again", password) != password:
        return _render_setup(request, t("entry.unequal"), 400)
    if not SHORTEST <= len(password) <= LONGEST:
        why = t("entry.unfit", shortest=SHORTEST, longest=LONGEST)
        return _render_setup(request, why, 400)
    try:
        secret = await doorkeeper.set_up(_applicant(request), form.get("code", ""), password)
    except WrongPassword:
        return _render_setup(request, t("entry.wrong_code"), 401)
    except RequestRefused as refused:
        if refused.status == HTTPStatus.TOO_MANY_REQUESTS:
            return _slow_down(refused, _render_setup(request, _too_many(request, refused), 429))
        raise
    return _let_in(request, secret, HOME)


async def show_login(request: Request) -> Response:
    """`GET /admin/login`. Raises StoreError; cancelled, nothing has happened."""
    if not await _doorkeeper_of(request).has_owner():
        return _go(SETUP)
    if visitor_of(request) is not None:
        return _go(_next(request.query_params.get("next", "")))
    return _render_login(request, request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """`POST /admin/login`. Raises RequestRefused and StoreError; cancelled, nobody is let in."""
    form, doorkeeper, t = await read_form(request), _doorkeeper_of(request), words_of(request)
    wanted = form.get("next", "")
    try:
        secret = await doorkeeper.log_in(_applicant(request), form.get("password", ""))
    except WrongPassword:
        return _render_login(request, wanted, t("entry.wrong_password"), 401)
    except RequestRefused as refused:
        if refused.status == HTTPStatus.TOO_MANY_REQUESTS:
            why = _too_many(request, refused)
            return _slow_down(refused, _render_login(request, wanted, why, 429))
        raise
    before = visitor_of(request)
    if before is not None:
        await doorkeeper.log_out(before)
    return _let_in(request, secret, _next(wanted))


async def log_out(request: Request) -> Response:
    """`POST /admin/logout`. Raises StoreError; cancelled, the session may be over or not."""
    visitor = visitor_of(request)
    if visitor is not None:
        await _doorkeeper_of(request).log_out(visitor)
    answer = _go(LOGIN)
    answer.delete_cookie(COOKIE, path="/admin", httponly=True, samesite="strict")
    return answer


async def choose(request: Request) -> Response:
    """`POST /admin/preferences`: the language and the colours of this browser. Raises
    RequestRefused; cancelled, nothing has happened."""
    form = await read_form(request)
    answer = _go(_next(form.get("back", "")))
    for name, cookie, choices in (
        ("language", LANGUAGE_COOKIE, LANGUAGES),
        ("theme", THEME_COOKIE, THEMES),
    ):
        chosen = form.get(name)
        if chosen is None:
            continue
        if chosen not in choices:
            raise RequestRefused(400, "There is no such choice", f"{name}: {', '.join(choices)}")
        answer.set_cookie(
            cookie,
            chosen,
            max_age=_PREFERENCES_LAST,
            path="/admin",
            httponly=True,
            samesite="strict",
            secure=_is_secure(request),
        )
    return answer


def _render_setup(request: Request, error: str = "", status: int = 200) -> Response:
    needs_code = _doorkeeper_of(request).setup_code is not None
    return render(
        request,
        "setup.html",
        status=status,
        error=error,
        needs_code=needs_code,
        shortest=SHORTEST,
    )


def _render_login(request: Request, wanted: str, error: str = "", status: int = 200) -> Response:
    return render(request, "login.html", status=status, error=error, next=_next(wanted))


def _let_in(request: Request, secret: str, address: str) -> Response:
    """A new session has a new secret: what the browser brought along is worth nothing."""
    answer = _go(address)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(_doorkeeper_of(request).session_seconds),
        path="/admin",
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return answer


def _is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, with a proxy before us. It can only say so of itself, and
    one that lies hurts nobody else."""
    origin = request.headers.get("origin", "")
    return origin.startswith("https://") or request.headers.get("x-forwarded-proto") == "https"


def _applicant(request: Request) -> Applicant:
    address = request.client.host if request.client is not None else ""
    return Applicant(address, request.headers.get("user-agent", ""))


def _next(wanted: str) -> str:
    return wanted if is_page_of_ours(wanted) else HOME


def _go(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _too_many(request: Request, refused: RequestRefused) -> str:
    return words_of(request)("entry.too_many", wait=dict(refused.headers)["Retry-After"])


def _slow_down(refused: RequestRefused, page: Response) -> Response:
    page.headers.update(dict(refused.headers))
    return page


ROUTES: Final = [
    Route(SETUP, show_setup, methods=["GET"]),
    Route(SETUP, set_up, methods=["POST"]),
    Route(LOGIN, show_login, methods=["GET"]),
    Route(LOGIN, log_in, methods=["POST"]),
    Route("/admin/logout", log_out, methods=["POST"]),
    Route(PREFERENCES, choose, methods=["POST"]),
]
