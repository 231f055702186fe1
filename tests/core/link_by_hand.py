"""A link of a bot that is played by hand, and the places of its turns."""

from __future__ import annotations

from attrs import define

from eyeclaw_trio.core.places import Places

IDLE, GRACE = 60.0, 20.0


@define(eq=False)
class ALink:
    """A link without a bot."""

    capacity: int = 1
    can_cancel: bool = False
    can_resume: bool = False
    is_alive: bool = True


def make_places(queue_limit: int = 4) -> Places[ALink]:
    return Places(IDLE, GRACE, queue_limit)
