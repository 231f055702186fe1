"""The one strict decoder: bytes in, a frozen class out, or BadMessage that names every wrong path.

orjson reads (it refuses NaN, lone surrogates, invalid UTF-8 and absurd depth), cattrs builds.
cattrs by itself would turn null into the text "None" and 1 into True: here a field takes exactly
its own kind of value. Unknown fields are ignored, as all the peers' protocols want it.
"""

from __future__ import annotations

import typing
from typing import Any, Final, TypeVar, cast

import attrs
import orjson
from cattrs import BaseValidationError
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import OrjsonConverter, make_converter
from cattrs.v import transform_error

from eyeclaw_trio.errors import BadMessage

T = TypeVar("T")

# A JSON object whose content is none of our business and is passed on as it came.
Opaque = dict[str, Any]

_KINDS: Final[dict[Any, str]] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    Opaque: "an object",
}


class _WrongKind(Exception):
    """A value is not of the kind that its field takes; the text says which."""


def _strict_string(value: Any, _: Any) -> str:
    if value.__class__ is not str:
        raise _WrongKind(_KINDS[str])
    return cast(str, value)


def _strict_integer(value: Any, _: Any) -> int:
    if value.__class__ is not int:
        raise _WrongKind(_KINDS[int])
    return cast(int, value)


def _strict_number(value: Any, _: Any) -> float:
    if value.__class__ is not float and value.__class__ is not int:
        raise _WrongKind(_KINDS[float])
    return float(value)


def _strict_boolean(value: Any, _: Any) -> bool:
    if value.__class__ is not bool:
        raise _WrongKind(_KINDS[bool])
    return cast(bool, value)


def _strict_object(value: Any, _: Any) -> Opaque:
    if value.__class__ is not dict:
        raise _WrongKind(_KINDS[Opaque])
    return cast(Opaque, value)


def _make_converter(*, detailed: bool) -> OrjsonConverter:
    converter = make_converter(detailed_validation=detailed)
    converter.register_structure_hook(str, _strict_string)
    converter.register_structure_hook(int, _strict_integer)
    converter.register_structure_hook(float, _strict_number)
    converter.register_structure_hook(bool, _strict_boolean)
    converter.register_structure_hook_func(lambda kind: kind == Opaque, _strict_object)

    def build_class(kind: Any) -> Any:
        renames = {
            a.name: override(rename=a.metadata["wire"])
            for a in attrs.fields(kind)
            if "wire" in a.metadata
        }
        build = make_dict_structure_fn(kind, converter, **renames)  # type: ignore[arg-type]

        def build_from_object(value: Any, cls: Any) -> Any:
            if value.__class__ is not dict:
                raise _WrongKind(_KINDS[Opaque])
            return build(value, cls)

        return build_from_object

    def build_array(kind: Any) -> Any:
        build = homogenous_tuple_structure_factory(kind, converter)

        def build_from_array(value: Any, cls: Any) -> Any:
            if value.__class__ is not list:
                raise _WrongKind("an array")
            return build(value, cls)

        return build_from_array

    converter.register_structure_hook_factory(attrs.has, build_class)
    converter.register_structure_hook_factory(
        lambda kind: typing.get_origin(kind) is tuple, build_array
    )
    return converter


_fast: Final = _make_converter(detailed=False)
_detailed: Final = _make_converter(detailed=True)


def wire(name: str) -> dict[str, str]:
    """Field metadata for an attribute whose name on the wire differs from ours."""
    return {"wire": name}


def read_json(data: bytes | str) -> Any:
    """Parse JSON text. Raises BadMessage when it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadMessage({"": f"not JSON: {_where(error)}"}) from None


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read JSON text into an attrs class. Raises BadMessage with every fault it has."""
    return build(read_json(data), kind)


def build(value: object, kind: type[T]) -> T:
    """Make an attrs class of parsed JSON. Raises BadMessage with every fault it has.

    The fast converter stops at the first fault; only then the detailed one is asked for all of
    them, so that good messages do not pay for it.
    """
    try:
        return _fast.structure(value, kind)
    except Exception:
        return _build_or_explain(value, kind)


def _build_or_explain(value: object, kind: type[T]) -> T:
    try:
        return _detailed.structure(value, kind)
    except (BaseValidationError, _WrongKind) as error:
        lines = transform_error(error, path="$", format_exception=_explain)
    faults: dict[str, str] = {}
    for line in lines:
        why, _, path = line.rpartition(" @ ")
        faults.setdefault(path.removeprefix("$").removeprefix("."), why)
    raise BadMessage(faults) from None


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8 without escapes of plain containers, strings and numbers."""
    return orjson.dumps(value)


def _explain(error: BaseException, kind: Any) -> str:
    match error:
        case KeyError():
            return "is missing"
        case _WrongKind():
            return f"must be {error}"
        case ValueError() if error.args and isinstance(error.args[0], str):
            return error.args[0]
        case _:
            return f"must be {_KINDS.get(kind, 'of another kind')}"


def _where(error: orjson.JSONDecodeError) -> str:
    # orjson's message can quote nothing of the text: it holds a reason and a position only.
    return f"line {error.lineno} column {error.colno}"


__all__ = ["Opaque", "build", "decode", "encode", "read_json", "wire"]
