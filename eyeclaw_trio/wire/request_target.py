"""The target of a request: its path, and what its query says."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from eyeclaw_trio.errors import RequestRefused

_PARAMETERS: Final = 100  # of a query


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target: origin-form, or absolute-form as to a proxy.

    The path stays as it was sent: what a proxy in front of us does not take for `/health` is not
    taken for it here either. Raises RequestRefused (400).
    """
    if not target.startswith(("/", "*")):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise RequestRefused(400, "Bad request target") from None
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query


def read_query(query: str) -> dict[str, str]:
    """Raises RequestRefused (400) for more parameters than anybody has."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="replace", max_num_fields=_PARAMETERS
        )
    except ValueError:
        raise RequestRefused(400, "Too many query parameters") from None
    return dict(pairs)


def guess_path(head: bytes) -> str:
    """The path that the first line of a head names, as far as that came; empty where it names none.
    For a head that is refused for whatever else is in it."""
    parts = head.partition(b"\n")[0].split(b" ")
    if len(parts) < 3:
        return ""
    try:
        return split_target(parts[1].decode("latin-1"))[0]
    except RequestRefused:
        return ""
