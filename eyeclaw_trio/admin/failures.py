"""What is refused, and what has gone wrong, as a page or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from eyeclaw_trio.admin.api.resource import answer_json
from eyeclaw_trio.admin.guard import API, COOKIE
from eyeclaw_trio.admin.view import language_of, render, words_of
from eyeclaw_trio.admin.words import CATALOGUE
from eyeclaw_trio.admin.words.refusals import in_chinese
from eyeclaw_trio.errors import (
    EyeclawError,
    NoSuchRecord,
    RequestRefused,
    StoreBusy,
    StoreError,
    TryLater,
)

_BUG: Final = RequestRefused(500, "Internal error")


def explain(request: Request, error: EyeclawError) -> Response:
    """The answer that says what was refused, and what would help."""
    refused = _in_words_of(request, _as_refusal(error))
    if request.url.path.startswith(API):
        answer = answer_json({"error": refused.error, "detail": refused.detail}, refused.status)
    else:
        key = f"error.{refused.status}"
        answer = render(
            request,
            "error.html",
            status=refused.status,
            title=words_of(request)(key if key in CATALOGUE else "error.other"),
            detail=refused.detail or refused.error,
            code=refused.status,
        )
    answer.headers.update(dict(refused.headers))
    return answer


async def explain_error(request: Request, error: Exception) -> Response:
    """For whatever a page has raised. Waits for nothing."""
    if isinstance(error, EyeclawError):
        return explain(request, error)
    if isinstance(error, HTTPException):
        headers = tuple((error.headers or {}).items())
        return explain(request, RequestRefused(error.status_code, error.detail, headers=headers))
    return explain(request, _BUG)


def _in_words_of(request: Request, refused: RequestRefused) -> RequestRefused:
    """The refusal in the language of whoever looks at a page, also where a page asks the API;
    scripts, which know no cookies, read English."""
    is_page = not request.url.path.startswith(API) or COOKIE in request.cookies
    if not is_page or language_of(request) != "zh":
        return refused
    detail = refused.detail
    if isinstance(detail, Mapping):
        detail = {name: in_chinese(str(problem)) for name, problem in detail.items()}
    elif isinstance(detail, str):
        detail = in_chinese(detail)
    return RequestRefused(refused.status, in_chinese(refused.error), detail, refused.headers)


def _as_refusal(error: EyeclawError) -> RequestRefused:
    match error:
        case RequestRefused():
            return error
        case NoSuchRecord():
            return RequestRefused(404, "Not found", str(error))
        case StoreBusy():
            return TryLater("The database is busy", seconds=2)
        case StoreError():
            return RequestRefused(400, "This cannot be done", str(error))
        case _:
            return RequestRefused(400, "This cannot be done", str(error))
