"""What a reply is given to write: a closed union.

Each kind of reply takes it apart by an exhaustive `match` that ends in `assert_never`: what one
kind of reader cannot show is left out there on purpose, in a line that can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen
class KeepAlive:
    """Nothing to say; it only shows that the connection lives. `is_early`: no text of the answer
    has come yet, and some readers give up without an event."""

    is_early: bool = False


@frozen
class DeviceAction:
    """Something that the glasses are to do: `command` and its fields (PROTOCOL 1, `tool_call`)."""

    command: str
    fields: Mapping[str, object]


@frozen
class FollowUps:
    """What the wearer might ask next (PROTOCOL 1, `follow_up`)."""

    texts: Sequence[str]


@frozen
class Aside:
    """A word of ours for the wearer: written as text is, and no part of the answer."""

    text: str


# A piece of the answer's text, never empty, is a plain `str`: nearly every event is one, and an
# object around each would be the dearest part of its way.
ReplyEvent = str | Aside | KeepAlive | DeviceAction | FollowUps
