"""What a page's form or a script sends: read within bounds, one text a field."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

from eyeclaw_trio.errors import BadMessage, RequestRefused
from eyeclaw_trio.protocol.decoding import decode

T = TypeVar("T")

# Bytes: as long as a question that may be tried, in Chinese and written as forms write it.
LONGEST_FORM: Final = 98_304
_MOST_FIELDS: Final = 100
_DIGITS: Final = 19  # fewer fit into a column of the database


async def read_body(request: Request, longest: int = LONGEST_FORM) -> bytes:
    """The body, of at most so many bytes. Raises RequestRefused (413). Cancelled, what was read is
    lost."""
    body = bytearray()
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > longest:
                raise RequestRefused(413, "Too long", f"at most {longest} bytes")
    return bytes(body)


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form (`application/x-www-form-urlencoded`); of two with one name the last.

    Raises RequestRefused (400, 413, 415). Cancelled, what was read is lost.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RequestRefused(415, "A form is expected", "application/x-www-form-urlencoded")
    body = await read_body(request)
    try:
        return dict(
            parse_qsl(
                body.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
        )
    except ValueError:  # of Unicode too
        raise RequestRefused(400, "The form cannot be read") from None


async def read_json(request: Request, expected: type[T], longest: int = LONGEST_FORM) -> T:
    """The JSON body, of at most so many bytes, as this frozen class.

    Raises RequestRefused (400, 413, 415) that names the field. Cancelled, what was read is lost.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestRefused(415, "JSON is expected", "application/json")
    try:
        return decode(await read_body(request, longest), expected)
    except BadMessage as error:
        raise RequestRefused(400, "The JSON cannot be read", error.faults) from None


def read_id(form: Mapping[str, str], name: str) -> int | None:
    """The id in this field; None where it is empty or not there. Raises RequestRefused (400)."""
    return None if not form.get(name, "").strip() else read_number(form, name)


def read_number(form: Mapping[str, str], name: str, default: int = 0) -> int:
    """The whole number in this field, not below nothing; `default` where it is empty or not there.
    Raises RequestRefused (400)."""
    text = form.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        raise RequestRefused(400, "The form cannot be read", f"{name}: it must be a whole number")
    return int(text)
