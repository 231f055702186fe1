"""The owner's own question, which comes in without a key."""

from __future__ import annotations

from attrs import frozen

from eyeclaw_trio.core.shares import Portion
from eyeclaw_trio.protocol.rokid import Question


@frozen
class OwnQuestion:
    """What `reception.Asked` is for everybody else's."""

    question: Question
    room: Portion
    key_id: None = None
