"""What chat clients say and hear on `/ws/stream/{session_id}` (PROTOCOL 4).

A piece of an answer goes out as a plain text frame, beside signals that are JSON objects. What
could be taken for one is cut in two, so that a client may tell them apart by parsing alone.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import UnfitError, build, checked, encode, read_json

LONGEST_SESSION_ID: Final = 128  # characters (RELIABILITY 22)
# Characters of one frame: as JSON, where six bytes can stand for one, still below 64 KiB.
LONGEST_PIECE: Final = 8_192

# ---- client to gateway --------------------------------------------------------------------------


def _check_words(message: str) -> None:
    if not message.strip():
        raise UnfitError("must not be empty")


@frozen
class Ask:
    """A question; without a provider the gateway chooses."""

    message: str = field(metadata=checked(_check_words))
    provider: str | None = None


@frozen
class CancelAnswer:
    """The answer that is being written is not wanted any more."""


@frozen
class ChatPing:
    """Wants a pong."""


@frozen
class UnknownSignal:
    """Well-formed, and nothing that we know."""


FromChat = Ask | CancelAnswer | ChatPing | UnknownSignal


def decode_from_chat(frame: bytes | str) -> FromChat:
    """Read one frame of a client. Raises BadMessage."""
    value = read_json(frame)
    if not isinstance(value, dict):
        raise BadMessage({"": "must be an object"})
    match value.get("type"):
        case "cancel":
            return CancelAnswer()
        case "ping":
            return ChatPing()
        case str() if "message" not in value:
            return UnknownSignal()
        case _:
            return build(value, Ask)


def read_session_id(path: str) -> str:
    """The session id at the end of this path, as it came in the request (percent-encoded).

    Raises BadMessage for one that is not 1 to LONGEST_SESSION_ID printable characters.
    """
    raw = path.rpartition("/")[2]
    try:
        session_id = unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeError:
        raise BadMessage({"session_id": "must be UTF-8"}) from None
    good = 0 < len(session_id) <= LONGEST_SESSION_ID and session_id.isprintable()
    if not good or "/" in session_id or session_id.isspace():
        raise BadMessage(
            {"session_id": f"must be 1 to {LONGEST_SESSION_ID} printable characters without /"}
        )
    return session_id


# ---- gateway to client --------------------------------------------------------------------------

DONE: Final = b'{"type":"done"}'
CANCELLED: Final = b'{"type":"cancelled"}'
PONG: Final = b'{"type":"pong"}'


def encode_error(message: str, code: str) -> bytes:
    """Something went wrong: `message` is for people, `code` a word of ours for programs."""
    return encode({"type": "error", "message": message, "code": code})


@frozen
class ChatFraming:
    """Frames the text of answers, as plain text or each piece in an object of its own."""

    is_json: bool = False

    def text(self, text: str) -> list[bytes]:
        """The frames of one piece of an answer, in order; none for an empty one."""
        if self.is_json:
            return [encode({"type": "chunk", "content": part}) for part in _slices(text)]
        return [part.encode() for part in split_text(text)]


def split_text(text: str) -> list[str]:
    """The text in parts, none of which could be read as a JSON object, and none empty.

    Joined they are the text exactly. A part that begins with `{` and ends with `}`, whatever
    blank or invisible characters stand around it, is cut behind its leading braces: its first
    half then ends with `{`, its second does not begin with one. That holds for every parser,
    because none is asked.
    """
    return [part for piece in _slices(text) for part in _cut_object(piece)]


def _slices(text: str) -> list[str]:
    return [text[start : start + LONGEST_PIECE] for start in range(0, len(text), LONGEST_PIECE)]


def _cut_object(piece: str) -> list[str]:
    if "{" not in piece or "}" not in piece:  # nearly always
        return [piece]
    seen = [index for index, character in enumerate(piece) if not _is_invisible(character)]
    if piece[seen[0]] != "{" or piece[seen[-1]] != "}":
        return [piece]
    cut = next(index for index in seen if piece[index] != "{")
    return [piece[:cut], piece[cut:]]


def _is_invisible(character: str) -> bool:
    """Blank, or nothing that shows: clients strip more than JSON does."""
    return character.isspace() or not character.isprintable()
