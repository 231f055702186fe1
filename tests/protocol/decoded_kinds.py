"""Classes that tests decode."""

from __future__ import annotations

import orjson
import pytest
from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import Opaque, UnfitError, checked, decode


def check_colour(colour: str) -> None:
    if colour not in ("red", "green"):
        raise UnfitError("must be red or green")


@frozen
class Leaf:
    """The innermost kind of the tests."""

    count: int
    colour: str = field(default="red", metadata=checked(check_colour))


@frozen
class Tree:
    """One field of each kind that a message may have."""

    name: str
    ratio: float = 0.0
    is_open: bool = False
    number: int = 0
    maybe: str | None = None
    either: str | int = ""
    extra: Opaque = field(factory=dict)
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()


def faults_of(body: object) -> dict[str, str]:
    with pytest.raises(BadMessage) as caught:
        decode(orjson.dumps(body), Tree)
    return caught.value.faults
