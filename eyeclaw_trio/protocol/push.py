"""Push: what asks for it, what the platform is sent, and what it says (PROTOCOL 7).

The callback is known from the field, not from the platform's own pages: whatever does not say
plainly that it worked has failed.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage, PushFailed
from eyeclaw_trio.protocol.decoding import UnfitError, build, checked, encode, read_json
from eyeclaw_trio.protocol.rokid import LONGEST_ID

# Characters of what is pushed; the rest is cut off.
LONGEST_PUSH: Final = 2_000
# Characters of what may be given to be pushed: markdown that is not spoken takes room too.
_LONGEST_GIVEN: Final = 20_000
_LONGEST_TITLE: Final = 200
_CUT: Final = "…"


def _check_text(text: str) -> None:
    if not text.strip():
        raise UnfitError("must be a text, not empty")
    if len(text) > _LONGEST_GIVEN:
        raise UnfitError(f"must be at most {_LONGEST_GIVEN} characters")


def _check_title(title: str | None) -> None:
    if title is not None and len(title) > _LONGEST_TITLE:
        raise UnfitError(f"must be at most {_LONGEST_TITLE} characters")


def _check_user_id(value: str | int | None) -> None:
    if value is not None and not 0 < len(str(value)) <= LONGEST_ID:
        raise UnfitError(f"must be 1 to {LONGEST_ID} characters")


@frozen
class PushRequest:
    """Something to be said to a wearer; None where the bot has one only."""

    text: str
    user_id: str | None = None
    title: str | None = None

    @property
    def content(self) -> str:
        """All of it in one text."""
        return "\n".join(part for part in (self.title, self.text) if part)


@frozen
class _PushOnTheWire:
    text: str = field(metadata=checked(_check_text))
    user_id: str | int | None = field(default=None, metadata=checked(_check_user_id))
    title: str | None = field(default=None, metadata=checked(_check_title))


def decode_push_request(body: bytes) -> PushRequest:
    """Read the body of a push. Raises BadMessage that names every field that is wrong."""
    return build_push_request(read_json(body))


def build_push_request(value: object) -> PushRequest:
    """Make it of parsed JSON. Raises BadMessage as `decode_push_request`."""
    wire = build(value, _PushOnTheWire)
    return PushRequest(wire.text, None if wire.user_id is None else str(wire.user_id), wire.title)


@frozen
class PushMessage:
    """What the platform is sent: to which wearer, as which agent. `message_id` is the same in
    every attempt."""

    message_id: str
    user_id: str
    agent_id: str
    content: str = field(repr=False)

    def encode(self) -> bytes:
        """The callback's body."""
        message = {"agent_id": self.agent_id, "content": self.content}
        body = {"message_id": self.message_id, "account_id": self.user_id, "message": message}
        return encode(body)


def shorten_push(text: str) -> str:
    """As much of it as is pushed."""
    text = text.strip()
    return text if len(text) <= LONGEST_PUSH else text[: LONGEST_PUSH - 1] + _CUT


def check_verdict(status: int, body: bytes) -> None:
    """What the platform's answer means: that it worked, or it raises PushFailed.

    What it says in words is not passed on: it may repeat what it was sent.
    """
    if status in (401, 403):
        raise PushFailed("push_key_refused", f"status {status}", is_final=True)
    if not 200 <= status < 300:
        raise PushFailed("push_platform_failed", f"status {status}")
    try:
        said = read_json(body)
    except BadMessage:
        raise PushFailed("push_not_understood", "no JSON") from None
    if not isinstance(said, dict):
        raise PushFailed("push_not_understood", "no object")
    code = said.get("code")
    if not isinstance(code, int) or isinstance(code, bool) or code != 1:
        shown = code if isinstance(code, int) and abs(code) < 10**6 else "none"
        raise PushFailed("push_refused", f"code {shown}")
    data = said.get("data")
    if not isinstance(data, dict) or data.get("success") is not True:
        raise PushFailed("push_refused", "no success")
