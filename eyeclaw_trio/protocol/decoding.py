"""The one strict decoder: bytes in, a frozen class out, or BadMessage that names the wrong paths.

What one message may cost is bounded (RELIABILITY 35): the values in it, the entries of an array,
and how many faults are looked for and told. orjson reads (it refuses NaN, lone surrogates, invalid
UTF-8 and absurd depth), cattrs builds. cattrs by itself would turn null into the text "None" and 1
into True: here a field takes exactly its own kind of value. Unknown fields are ignored, as all the
peers' protocols want it.
"""

from __future__ import annotations

import codecs
import types
import typing
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import orjson
from cattrs import BaseValidationError
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.gen import make_dict_structure_fn, override
from cattrs.preconf.orjson import OrjsonConverter, make_converter
from cattrs.v import transform_error

from eyeclaw_trio.errors import BadMessage

T = TypeVar("T")

# Levels that may come around a value on its way out; and the brackets that cannot be too many.
_ENVELOPE: Final = 16
_SURELY_WRITABLE: Final = 200
# Values in one message: a megabyte of empty objects is 340,000 of them, 120 ms and 25 MB.
MOST_VALUES: Final = 20_000
# What has fewer bytes cannot have so many: a value takes two at least, and so does a level.
_MANY_VALUES, _MANY_BRACKETS = 2 * MOST_VALUES, 2 * _SURELY_WRITABLE
# Entries of an array, where its field does not say less; and faults that are told of a message.
_MOST_ENTRIES: Final = 2_000
MOST_FAULTS: Final = 20

# A JSON object whose content is none of our business and is passed on as it came.
Opaque = dict[str, Any]

_KINDS: Final[dict[Any, str]] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    Opaque: "an object",
}


@attrs.frozen
class _Check:
    look: Callable[[Any], object]
    most: int


class UnfitError(Exception):
    """A value does not fit its field; the text says what would, and never what was sent."""


def _strict_string(value: Any, _: Any) -> str:
    if value.__class__ is not str:
        raise UnfitError("must be " + _KINDS[str])
    return value


def _strict_integer(value: Any, _: Any) -> int:
    if value.__class__ is not int:
        raise UnfitError("must be " + _KINDS[int])
    return value


def _strict_number(value: Any, _: Any) -> float:
    if value.__class__ is not float and value.__class__ is not int:
        raise UnfitError("must be " + _KINDS[float])
    return float(value)


def _strict_boolean(value: Any, _: Any) -> bool:
    if value.__class__ is not bool:
        raise UnfitError("must be " + _KINDS[bool])
    return value


def _strict_object(value: Any, _: Any) -> Opaque:
    if value.__class__ is not dict:
        raise UnfitError("must be " + _KINDS[Opaque])
    return value


def _with_check(converter: OrjsonConverter, check: _Check) -> Any:
    def structure_and_check(value: Any, kind: Any) -> Any:
        if value.__class__ is list:
            _limit_entries(value, check.most)
        built = converter.structure(value, kind)
        check.look(built)
        return built

    return structure_and_check


def _limit_entries(value: list[Any], most: int) -> None:
    if len(value) > most:
        raise UnfitError(f"must hold at most {most} entries")


def _is_choice(kind: Any) -> bool:
    """A union of plain values: `str | int | None`."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return False
    return set(typing.get_args(kind)) <= {str, int, float, bool, type(None)}


def _strict_choice(kind: Any) -> Callable[[Any, Any], Any]:
    choices = typing.get_args(kind)  # here, because it takes as long as all else that is done
    known = [_KINDS[choice] for choice in choices if choice in _KINDS]
    if int in choices and float in choices:
        known.remove(_KINDS[int])  # which is a number

    def read(value: Any, _: Any) -> Any:
        if value.__class__ not in choices:
            raise UnfitError("must be " + " or ".join(known))
        return value

    return read


def _is_array(kind: Any) -> bool:
    origin: object = typing.get_origin(kind)
    return origin is tuple


def _is_text_or_array(kind: Any) -> bool:
    """`str | tuple[X, ...] | None`."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return False
    kinds = set(typing.get_args(kind)) - {type(None)}
    return str in kinds and len(kinds) == 2 and any(map(_is_array, kinds))


def _text_or_array(converter: OrjsonConverter) -> Callable[[Any, Any], Any]:
    def read(value: Any, kind: Any) -> Any:
        kinds = typing.get_args(kind)
        if value.__class__ is str or (value is None and type(None) in kinds):
            return value
        if value.__class__ is not list:
            raise UnfitError("must be a string or an array")
        return converter.structure(value, next(filter(_is_array, kinds)))

    return read


def _make_converter(*, detailed: bool) -> OrjsonConverter:
    converter = make_converter(detailed_validation=detailed)
    converter.register_structure_hook(str, _strict_string)
    converter.register_structure_hook(int, _strict_integer)
    converter.register_structure_hook(float, _strict_number)
    converter.register_structure_hook(bool, _strict_boolean)
    converter.register_structure_hook_func(lambda kind: kind == Opaque, _strict_object)
    converter.register_structure_hook_func(_is_text_or_array, _text_or_array(converter))

    def build_class(kind: Any) -> Any:
        attrs.resolve_types(kind)
        overrides = {
            a.name: override(struct_hook=_with_check(converter, a.metadata["check"]))
            for a in attrs.fields(kind)
            if "check" in a.metadata
        }
        build = make_dict_structure_fn(kind, converter, **overrides)  # type: ignore[arg-type]

        def build_from_object(value: Any, cls: Any) -> Any:
            if value.__class__ is not dict:
                raise UnfitError("must be " + _KINDS[Opaque])
            return build(value, cls)

        return build_from_object

    def build_array(kind: Any) -> Any:
        build = homogenous_tuple_structure_factory(kind, converter)

        def build_from_array(value: Any, cls: Any) -> Any:
            if value.__class__ is not list:
                raise UnfitError("must be an array")
            _limit_entries(value, _MOST_ENTRIES)
            return build(_up_to_faults(value, cls) if detailed else value, cls)

        def _up_to_faults(value: list[Any], cls: Any) -> list[Any]:
            """As many entries as hold the faults that are told: each is looked at once more."""
            [item, _] = typing.get_args(cls)
            faults = 0
            for count, each in enumerate(value, start=1):
                try:
                    _fast.structure(each, item)
                except Exception:
                    faults += 1
                if faults > MOST_FAULTS:  # one more says that there are more
                    return value[:count]
            return value

        return build_from_array

    # What is passed on as it came is not looked through, and arrays are lists to JSON.
    converter.register_unstructure_hook_func(lambda kind: kind == Opaque, lambda value: value)
    converter.register_unstructure_hook_func(_is_array, list)
    converter.register_structure_hook_factory(attrs.has, build_class)
    converter.register_structure_hook_factory(_is_choice, _strict_choice)
    converter.register_structure_hook_factory(_is_array, build_array)
    return converter


_fast: Final = _make_converter(detailed=False)
_detailed: Final = _make_converter(detailed=True)


def checked(look: Callable[[Any], object], *, most: int = _MOST_ENTRIES) -> dict[str, _Check]:
    """Field metadata: `look` sees the value once it has the right kind, and raises UnfitError. An
    array has `most` entries.

    Checks sit on fields, so that one decoding names every wrong field and not only the first.
    """
    return {"check": _Check(look, most)}


def read_json(data: bytes | str) -> Any:
    """Parse JSON text. Raises BadMessage when it is none, or has too many values to be one."""
    if len(data) > _MANY_VALUES and _has_too_many_values(data):
        raise BadMessage({"": f"must hold at most {MOST_VALUES} values"})
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadMessage({"": _why_no_json(data, error)}) from None
    # Most messages are too short for so many brackets.
    if len(data) > _MANY_BRACKETS and _may_be_deep(data) and not _can_be_written(value):
        raise BadMessage({"": "is nested too deep"})
    return value


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read JSON text into an attrs class. Raises BadMessage as `read_json` and `build`."""
    return build(read_json(data), kind)


def build(value: object, kind: type[T]) -> T:
    """Make an attrs class of parsed JSON. Raises BadMessage with the faults it has, of many the
    first MOST_FAULTS.

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
    except (BaseValidationError, UnfitError) as error:
        lines = transform_error(error, path="$", format_exception=_explain)
    faults: dict[str, str] = {}
    for line in lines:
        why, _, path = line.rpartition(" @ ")
        if len(faults) == MOST_FAULTS:
            faults["…"] = "and more"
            break
        faults.setdefault(path.removeprefix("$").removeprefix("."), why)
    raise BadMessage(faults) from None


def unstructure(value: object) -> Opaque:
    """An attrs object as plain containers, under the names of its fields."""
    plain: Opaque = _fast.unstructure(value)
    return plain


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8 without escapes of plain containers, strings and numbers."""
    return orjson.dumps(value)


def _explain(error: BaseException, kind: Any) -> str:
    match error:
        case KeyError():
            return "is missing"
        case UnfitError():
            return str(error)
        case _:
            return f"must be {_KINDS.get(kind, 'of another kind')}"


def count_values(data: bytes) -> int:
    """The values of a JSON text, by what stands before them outside of strings; an empty array or
    object counts for one. Costs a few passes over the text and makes nothing of it."""
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 4 * MOST_VALUES:  # so many keys and texts: more than enough
        return 2 * MOST_VALUES
    outside = b"".join(bare.split(b'"')[::2])
    return outside.count(b",") + outside.count(b"[") + outside.count(b"{")


def _has_too_many_values(data: bytes | str) -> bool:
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if data.count(b",") + data.count(b"[") + data.count(b"{") <= MOST_VALUES:
        return False
    return count_values(data) > MOST_VALUES


def _may_be_deep(data: bytes | str) -> bool:
    if isinstance(data, str):
        return data.count("[") + data.count("{") > _SURELY_WRITABLE
    return data.count(b"[") + data.count(b"{") > _SURELY_WRITABLE


def _can_be_written(value: Any) -> bool:
    # orjson reads 1,024 levels but writes only 254, and what came in goes out again, some levels
    # deeper: refuse it here, where the sender is still known.
    for _ in range(_ENVELOPE):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _why_no_json(data: bytes | str, error: orjson.JSONDecodeError) -> str:
    """Nothing of the text is quoted: positions count from 0 for bytes, from 1 for lines."""
    if isinstance(data, bytes):
        try:
            data.decode()
        except UnicodeDecodeError as fault:
            return f"not UTF-8: byte {fault.start}"
        if data.startswith(codecs.BOM_UTF8):
            return "not JSON: begins with a byte order mark"
    return f"not JSON: line {error.lineno} column {error.colno}"
