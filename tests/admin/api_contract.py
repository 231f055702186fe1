"""Whether an answer of the API is as `openapi.json` says."""

from __future__ import annotations

from typing import Any, Final

from jsonschema import Draft202012Validator
from pages_client import Answer

from eyeclaw_trio.admin.api.resource import describe
from eyeclaw_trio.admin.site import RESOURCES

_DESCRIBED: Final[dict[str, Any]] = describe(RESOURCES)


def assert_as_described(answer: Answer, method: str, path: str, *, status: int = 200) -> None:
    """`path` as it is described, with its names in braces."""
    assert answer.status == status, answer.text
    operation = _DESCRIBED["paths"][path][method.lower()]
    if status >= 400:
        schema: Any = {"$ref": "#/components/schemas/Error"}
    else:
        content = operation["responses"][str(status)].get("content")
        if content is None:
            assert answer.body == b""
            return
        assert answer.headers["content-type"] == "application/json"
        schema = content["application/json"]["schema"]
    whole = {**schema, "components": _DESCRIBED["components"]}
    Draft202012Validator(whole).validate(answer.json)
