"""What an edge worker reads of a triggered turn, over `/cable` or by polling (PROTOCOL 3).

The entries of a turn's log, and the two forms that they have on the wire. The ActionCable
envelope and the identifier of a subscription are in `protocol/cable`.
"""

from __future__ import annotations

from attrs import frozen

from eyeclaw_trio.protocol.cable import STREAM_CHANNEL
from eyeclaw_trio.protocol.decoding import Opaque
from eyeclaw_trio.protocol.timestamps import format_timestamp

# ---- the entries of a log -----------------------------------------------------------------------
# `id` counts from 1 without gaps; `at` is in unix seconds, for people to read and for nothing else.


@frozen
class LoggedChunk:
    """A piece of the answer, never empty."""

    id: int
    at: float
    content: str


@frozen
class LoggedEnd:
    """The answer is whole: nothing comes behind it."""

    id: int
    at: float


@frozen
class LoggedError:
    """The answer ends with this text for the wearer: nothing comes behind it."""

    id: int
    at: float
    text: str


LogEntry = LoggedChunk | LoggedEnd | LoggedError


# ---- on the wire --------------------------------------------------------------------------------


def describe_triggered(bot_id: int, session_id: str) -> Opaque:
    """The answer to a trigger."""
    return {"bot_id": bot_id, "session_id": session_id, "status": "triggered"}


def describe_for_poll(entry: LogEntry) -> Opaque:
    """An entry as an element of the array that a poller gets."""
    head: Opaque = {"id": entry.id}
    stamp = {"timestamp": _timestamp(entry.at)}
    match entry:
        case LoggedChunk(content=content):
            return head | {"type": "stream_chunk", "content": content} | stamp
        case LoggedEnd():
            return head | {"type": "stream_end", "content": ""} | stamp
        case LoggedError(text=text):
            # A worker that shows `content` tells the wearer as much as one that knows `error`.
            return head | {"type": "stream_error", "content": text, "error": text} | stamp


def describe_for_channel(entry: LogEntry, session_id: str) -> Opaque:
    """An entry as a message of a RokidStreamChannel subscription; `sequence` counts from 0."""
    match entry:
        case LoggedChunk(number, _, content):
            return {
                "type": "stream_chunk",
                "content": content,
                "sequence": number - 1,
                "session_id": session_id,
            }
        case LoggedEnd():
            return {"type": "stream_end", "session_id": session_id}
        case LoggedError(text=text):
            return {"type": "stream_error", "error": text, "session_id": session_id}


def describe_connected(bot_id: int, session_id: str, now: float) -> Opaque:
    """Said right behind the confirmation of a subscription. `now` is in unix seconds."""
    return {
        "type": "connected",
        "bot_id": bot_id,
        "session_id": session_id,
        "channel": STREAM_CHANNEL,
        "timestamp": _timestamp(now),
    }


def describe_pong(now: float) -> Opaque:
    """The answer to a worker's `ping`. `now` is in unix seconds."""
    return {"type": "pong", "timestamp": _timestamp(now)}


def _timestamp(at: float) -> str:
    return format_timestamp(round(at * 1_000_000) * 1_000)
