"""The pages' own files: a stylesheet, a module, a mark. Read once; a browser keeps them."""

from __future__ import annotations

from importlib import resources
from typing import Final

from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response

from eyeclaw_trio.errors import RequestRefused

_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@frozen
class StaticFiles:
    """What is in the folder `static`, by name: the kind and the content."""

    files: dict[str, tuple[str, bytes]]

    @classmethod
    def load(cls) -> StaticFiles:
        """Read them all: they are few and small."""
        folder = resources.files(__package__).joinpath("static")
        found = {}
        for file in folder.iterdir():
            kind = _KINDS.get(file.name[file.name.rfind(".") :])
            if kind is not None:
                found[file.name] = (kind, file.read_bytes())
        return cls(found)

    async def show(self, request: Request) -> Response:
        """`GET /admin/static/NAME`. Raises RequestRefused (404); waits for nothing."""
        found = self.files.get(request.path_params["name"])
        if found is None:
            raise RequestRefused(404, "There is no such file")
        kind, content = found
        is_versioned = "v" in request.query_params
        kept = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
        return Response(content, headers={"Content-Type": kind, "Cache-Control": kept})
