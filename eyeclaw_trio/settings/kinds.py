"""What a setting may be: the kinds of values (CLI, "Settings").

Pure. A kind turns a value of the file, or a text of the environment or a flag, into what the
program uses, or says what would have fitted.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from eyeclaw_trio.protocol.decoding import encode

# Characters of a text for a model, and of one for a wearer.
LONGEST_WORDS: Final = 4_000
LONGEST_PHRASE: Final = 100
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False}
# A host name, an IPv4 address, or an IPv6 address in brackets.
_HOST_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
# What browsers send as `Origin`: no path, not even a slash.
_ORIGIN: Final = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+")


class UnfitValue(Exception):
    """A value does not fit its setting; the text says what would, and never what was there."""


@frozen
class HostPort:
    """Where to listen. `host` has no brackets; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def at_port(self, port: int) -> HostPort:
        """The same host with the port that the system gave for 0."""
        return HostPort(self.host, port)


@frozen
class Kind:
    """One kind of value.

    `read` takes what TOML gave and raises UnfitValue; `parse` makes of a text what TOML would
    have given, or leaves it for `read` to refuse.
    """

    read: Callable[[Any], object]
    parse: Callable[[str], object] = str


def _fail(expected: str) -> UnfitValue:
    return UnfitValue(f"must be {expected}")


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _fail("a text, not empty")
    return value.strip()


def _read_words(value: object) -> str:
    if not isinstance(value, str):
        raise _fail("a text")
    if len(value) > LONGEST_WORDS:
        raise _fail(f"a text of at most {LONGEST_WORDS} characters")
    return value.strip()


def _read_phrase(value: object) -> str:
    # The space at its end is meant: more text follows.
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_PHRASE:
        raise _fail(f"a text of at most {LONGEST_PHRASE} characters, not empty")
    return value


def _read_path(value: object) -> Path:
    try:
        path = _read_text(str(value) if isinstance(value, Path) else value)
        if "\0" in path:
            raise ValueError(path)
        return Path(path).expanduser()
    except (UnfitValue, ValueError, RuntimeError):  # RuntimeError: ~ of nobody
        raise _fail("the path of a file or folder") from None


def _read_address(value: object) -> HostPort:
    problem = _fail('"HOST:PORT", an IPv6 host in brackets, the port 0 to 65535')
    found = _HOST_PORT.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65535:
        raise problem
    host = found[1].strip("[]")
    if not (_is_ipv6(host) if found[1].startswith("[") else is_host(host)):
        raise problem
    return HostPort(host, int(found[2]))


def _read_switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise _fail("true or false")
    return value


def _parse_switch(text: str) -> object:
    return _SWITCHES.get(text.lower(), text)


def _read_number(value: object, expected: str, *, is_fit: Callable[[float], bool]) -> float:
    # bool is an int to Python, and a switch to people.
    if isinstance(value, bool) or not isinstance(value, int | float) or not is_fit(value):
        raise _fail(expected)
    return value


def _read_seconds(value: object) -> float:
    # The upper bound is what a clock can add without overflow; it also keeps out inf and nan.
    expected = "a number of seconds, above 0 and below 1000000000"
    return float(_read_number(value, expected, is_fit=lambda number: 0 < number < 1e9))


def _parse_number(text: str) -> object:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _read_silence(value: object) -> float:
    expected = "a number of seconds, 0 for never, below 1000000000"
    return float(_read_number(value, expected, is_fit=lambda number: 0 <= number < 1e9))


def _read_count(value: object) -> int:
    expected = "a whole number from 1 to 1000000000000"
    return int(
        _read_number(
            value, expected, is_fit=lambda number: isinstance(number, int) and 0 < number <= 10**12
        )
    )


def _read_origins(value: object) -> tuple[str, ...]:
    problem = _fail('an array of origins such as "https://example.org" (without a path), or ["*"]')
    if not isinstance(value, list):
        raise problem
    for origin in value:
        if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin.lower()):
            raise problem
    return tuple(origin.lower() for origin in value)


def _read_hosts(value: object) -> tuple[str, ...]:
    problem = _fail('an array of host names such as "eyeclaw.example.org", without a port')
    if not isinstance(value, list):
        raise problem
    hosts = tuple(host.lower().strip("[]") if isinstance(host, str) else "" for host in value)
    if not all(is_host(host) for host in hosts):
        raise problem
    return hosts


def is_host(host: str) -> bool:
    """Whether this is an IP address or a name that can be looked up: labels of 1 to 63
    characters, 253 in all, perhaps a dot at its end."""
    labels = host.removesuffix(".").split(".")
    is_name = len(host) <= 254 and all(_LABEL.fullmatch(label) for label in labels)
    return is_name or _is_ipv6(host)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _parse_list(text: str) -> object:
    return [part.strip() for part in text.split(",") if part.strip()]


def _read_url(value: object) -> str:
    problem = _fail("an address such as https://api.example.org/v1, without user, query or #")
    try:
        url = urlsplit(_read_text(value))
        good = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
        host = url.hostname or ""
        # What the look-up makes of a name in other letters; each of its labels has to fit.
        is_found = _is_ipv6(host) if ":" in host else is_host(host.encode("idna").decode())
    except UnicodeError:
        raise _UNFIT_HOST from None
    except (UnfitValue, ValueError):
        raise problem from None
    if good and not is_found:
        raise _UNFIT_HOST
    if not good or "@" in url.netloc or url.query or url.fragment:
        raise problem
    return url.geturl()


_UNFIT_HOST: Final = UnfitValue(
    "must name a host whose labels, between the dots, have 1 to 63 characters each"
)


def _read_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _fail("an array of names")
    names = tuple(name.strip() for name in value)
    if len(set(names)) < len(names):
        raise UnfitValue("must not name one of them twice")
    return names


def _read_extra(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _fail("a table (in the environment: a JSON object)")
    if taken := sorted({"model", "messages", "stream"} & value.keys()):
        raise UnfitValue(f"must not hold {taken[0]}: that is said elsewhere")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise UnfitValue("must hold only what JSON can: no dates, nan or inf") from None
    try:
        encode(value)  # as it will be for each question
    except (TypeError, ValueError):
        raise UnfitValue(
            "must hold only whole numbers of 64 bits, and no tables or lists 250 levels deep"
        ) from None
    return value


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def some_of(*words: str) -> Kind:
    """A list of these words, each once, perhaps of none."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(each in words for each in value):
            raise _fail("an array of some of " + ", ".join(f'"{word}"' for word in words))
        if len(set(value)) < len(value):
            raise UnfitValue("must not name one of them twice")
        return tuple(value)

    return Kind(read, _parse_list)


def one_of(*words: str) -> Kind:
    """One of these words."""

    def read(value: object) -> object:
        if value not in words:
            raise _fail(" or ".join(f'"{word}"' for word in words))
        return value

    return Kind(read)


def amount(most: int) -> Kind:
    """A whole number from 0 to this one."""

    def read(value: object) -> int:
        expected = f"a whole number from 0 to {most}"
        return int(
            _read_number(
                value, expected, is_fit=lambda each: isinstance(each, int) and 0 <= each <= most
            )
        )

    return Kind(read, _parse_number)


def number(low: float, high: float) -> Kind:
    """A number within these bounds, both included."""

    def read(value: object) -> float:
        expected = f"a number from {low:g} to {high:g}"
        return float(_read_number(value, expected, is_fit=lambda number: low <= number <= high))

    return Kind(read, _parse_number)


TEXT: Final = Kind(_read_text)
WORDS: Final = Kind(_read_words)
PHRASE: Final = Kind(_read_phrase)
PATH: Final = Kind(_read_path)
ADDRESS: Final = Kind(_read_address)
SWITCH: Final = Kind(_read_switch, _parse_switch)
SECONDS: Final = Kind(_read_seconds, _parse_number)
SILENCE: Final = Kind(_read_silence, _parse_number)
COUNT: Final = Kind(_read_count, _parse_number)
NAMES: Final = Kind(_read_names, _parse_list)
ORIGINS: Final = Kind(_read_origins, _parse_list)
HOSTS: Final = Kind(_read_hosts, _parse_list)
URL: Final = Kind(_read_url)
EXTRA: Final = Kind(_read_extra, _parse_json)
