"""What a resource of the API is, and the one description of all of them (OpenAPI 3.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final

import attrs
from attrs import frozen
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio import __version__
from eyeclaw_trio.protocol.decoding import encode

_HEAD: Final = {
    "openapi": "3.1.0",
    "info": {
        "title": "eyeclaw-trio: the API of the pages",
        "description": "What the pages show and do, for scripts. Every answer is JSON, or "
        "text/event-stream where it says so; every refusal is an `Error`.",
        "version": __version__,
        "license": {"name": "MIT", "identifier": "MIT"},
    },
    "security": [{"token": []}, {"session": []}],
}


@frozen
class Resource:
    """Some routes below /admin/api/, described in `NAME.json` beside this module: its `paths`, and
    the `schemas` that are used in them, each with a name that no other resource has."""

    name: str
    routes: Sequence[Route]

    def read_description(self) -> dict[str, Any]:
        """What is in its file."""
        file = resources.files(__package__).joinpath(f"{self.name}.json")
        described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return described


def describe(described: Iterable[Resource]) -> dict[str, Any]:
    """`openapi.json`: all of them. Raises ValueError where two describe the same."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for resource in described:
        parts = resource.read_description()
        for whole, part in ((paths, parts["paths"]), (schemas, parts.get("schemas", {}))):
            if twice := whole.keys() & part.keys():
                raise ValueError(f"{resource.name}: described twice: {', '.join(sorted(twice))}")
            whole.update(part)
    security = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "eyeclaw_session"},
    }
    components = {"schemas": schemas, "securitySchemes": security}
    return {**_HEAD, "paths": paths, "components": components}


def answer_json(value: object, status: int = 200) -> Response:
    """The value as JSON: attrs classes as objects."""
    return Response(encode(_plain(value)), status, media_type="application/json")


def _plain(value: object) -> object:
    if attrs.has(type(value)):
        return attrs.asdict(value)  # type: ignore[arg-type]  # just looked at
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
