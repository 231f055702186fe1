"""BotChannel: what a bot says to the gateway about turns (PROTOCOL 2); `to_bot` is the reverse.

Both ends live here: the gateway reads these messages, our connector writes them. The ActionCable
envelope around them is `protocol/cable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.completions import Usage, read_usage
from eyeclaw_trio.protocol.decoding import (
    Opaque,
    UnfitError,
    build,
    checked,
    encode,
    read_json,
    unstructure,
)

if TYPE_CHECKING:
    from attrs import frozen as frozen_by_type
else:
    # The type checker keeps hands off a chunk: to keep them off at run time doubles its cost.
    from attrs import define as frozen_by_type

# Sequences are counters of one answer; 2**53 is where JavaScript peers stop counting exactly.
HIGHEST_SEQUENCE: Final = 2**53
# Of one message's; fewer are shown.
MOST_FOLLOW_UPS: Final = 20
_LONGEST_WORD: Final = 40  # characters of a `finish_reason`


def _check_count(count: int | None) -> None:
    if count is not None and not 0 <= count <= HIGHEST_SEQUENCE:
        raise UnfitError(f"must be from 0 to {HIGHEST_SEQUENCE}")


@frozen_by_type
class StreamChunk:
    """A piece of an answer; `sequence` counts from 0 and is absent in old SDKs."""

    session_id: str
    content: str
    sequence: int | None = None


@frozen
class StreamEnd:
    """The answer is over, or so the bot believes: it may overtake chunks, and come twice.

    `finish_reason` and `usage` are what a model has said of it; only our own connector knows.
    """

    session_id: str
    finish_reason: str | None = None
    usage: Usage | None = None


@frozen
class StreamError:
    """The bot or its model failed. `reason` is our connector's word for it, else unknown."""

    session_id: str
    error: str = ""
    reason: str | None = None


@frozen
class StreamSummary:
    """What the whole answer was: the truth about what is missing, and the cure for it."""

    session_id: str
    total_content: str = ""
    total_chunks: int | None = field(default=None, metadata=checked(_check_count))
    content_hash: str | None = None


@frozen
class StreamToolCall:
    """Something that the glasses are to do: an object with `command` and its fields, unchecked."""

    session_id: str
    tool_call: Opaque


@frozen
class StreamFollowUp:
    """What the wearer might ask next, unchecked."""

    session_id: str
    follow_up: tuple[str, ...]


@frozen
class Status:
    """What a bot says about itself. With a `session_id` it is a sign of life of that turn;
    as a question of the SDK ("how do you see me?") it is answered with `StatusResponse`."""

    session_id: str | None = None


@frozen
class Ping:
    """The SDK's heartbeat, every 60 s; answered with a pong."""


@frozen
class Pong:
    """An answer to a ping that we never send on this channel; a heartbeat like any message."""


@frozen
class Log:
    """A line of the bot's own log; a heartbeat like any message."""

    level: str = "info"
    message: str = ""


@frozen
class CommandAsked:
    """The bot calls `execute_command` on the channel; answered with `command_received`."""

    command: str = ""


@frozen
class PushAsked:
    """The bot has something to say that nobody asked for: to this wearer, or to its only one."""

    content: str = field(repr=False)
    user_id: str | int | None = None


@frozen
class CommandResult:
    """`command_result` or `response`: the bot's word about an earlier command; a heartbeat."""


@frozen
class UnknownMessage:
    """A well-formed message of a name that we do not know: ignored, and never an offence."""

    name: str


# What goes on with an answer in no order with its chunks.
@frozen
class StreamStatus:
    """The bot or its model uses a tool of its own for this turn just now."""

    session_id: str
    tool: str


StreamAside = StreamToolCall | StreamFollowUp | StreamStatus
StreamMessage = StreamChunk | StreamEnd | StreamError | StreamSummary | StreamAside
FromBot = (
    StreamMessage
    | Status
    | Ping
    | Pong
    | Log
    | CommandAsked
    | PushAsked
    | CommandResult
    | UnknownMessage
)


@frozen
class _ChunkOnTheWire:
    session_id: str
    content: str | None = None
    chunk: str | None = None
    sequence: int | None = field(default=None, metadata=checked(_check_count))


def _build_chunk(value: Opaque) -> StreamChunk:
    session_id, content = value.get("session_id"), value.get("content")
    sequence = value.get("sequence")
    if (
        session_id.__class__ is str
        and content.__class__ is str
        and sequence.__class__ is int
        and 0 <= sequence <= HIGHEST_SEQUENCE
    ):
        return StreamChunk(session_id, content, sequence)  # nearly all; the rest is explained
    read = build(value, _ChunkOnTheWire)
    content = read.content if read.content is not None else read.chunk
    if content is None:
        raise BadMessage({"content": "is missing"})
    return StreamChunk(read.session_id, content, read.sequence)


def decode_from_bot(data: bytes | str) -> FromBot:
    """Read the `data` of a bot's message. Raises BadMessage; unknown names are no fault.

    A name may stand in `type` (stream messages) or in `action` (channel calls): both are accepted
    for every name.
    """
    value = read_json(data)
    if value.__class__ is not dict:
        raise BadMessage({"data": "must hold an object"})
    name = value.get("type")
    if name is None:
        name = value.get("action")
    if name == "stream_chunk":  # nearly all of them
        return _build_chunk(value)
    if name.__class__ is not str:
        raise BadMessage({"type": "must be a string"})
    match name:
        case "stream_end":
            return _build_end(value)
        case "stream_summary":
            return build(value, StreamSummary)
        case "stream_error":
            return _build_error(value)
        case "tool_call":
            return _build_tool_call(value)
        case "follow_up":
            return _build_follow_up(value)
        case "ping":
            return Ping()
        case "pong":
            return Pong()
        case "status":
            return _build_status(value)
        case "log":
            return _build_log(value)
        case "execute_command":
            command = value.get("command")
            return CommandAsked(command if isinstance(command, str) else "")
        case "push":
            return build(value, PushAsked)
        case "command_result" | "response":
            return CommandResult()
        case _:
            return UnknownMessage(name)


def _build_end(value: Opaque) -> StreamEnd:
    # An end is an end, whatever is said of it besides.
    read = build({"session_id": value.get("session_id")}, StreamEnd)
    finish_reason = value.get("finish_reason")
    if not isinstance(finish_reason, str) or len(finish_reason) > _LONGEST_WORD:
        finish_reason = None
    return StreamEnd(read.session_id, finish_reason, read_usage(value.get("usage")))


def _build_error(value: Opaque) -> StreamError:
    # Whatever a bot makes of its error, the wearer must not wait a minute for the apology.
    error = value.get("error")
    said = error if isinstance(error, str) else "" if error is None else encode(error).decode()
    return build({**value, "error": said}, StreamError)


def _build_tool_call(value: Opaque) -> StreamToolCall:
    # Whatever a bot makes of it: its trace says that it was asked for, and why it was refused.
    call = value.get("tool_call")
    return build({**value, "tool_call": call if isinstance(call, dict) else {}}, StreamToolCall)


def _build_follow_up(value: Opaque) -> StreamFollowUp:
    texts = value.get("follow_up")
    said = texts[:MOST_FOLLOW_UPS] if isinstance(texts, list) else []
    texts = [text for text in said if isinstance(text, str)]
    return build({**value, "follow_up": texts}, StreamFollowUp)


def _build_status(value: Opaque) -> Status | StreamStatus:
    # Bots say it in words of their own: the tool's name, or that they are at one.
    tool, status = value.get("tool"), value.get("status")
    if isinstance(status, str) and status in _AT_A_TOOL:
        tool = tool if isinstance(tool, str) and tool else status
    read = build(value, Status)
    if read.session_id is not None and isinstance(tool, str) and tool:
        return StreamStatus(read.session_id, tool)
    return read


def _build_log(value: Opaque) -> Log:
    # A log line is for people: whatever shape it has, it is no fault of the link.
    level, message = value.get("level"), value.get("message")
    return Log(
        level if isinstance(level, str) else "info", message if isinstance(message, str) else ""
    )


def encode_from_bot(message: FromBot) -> Opaque:
    """The JSON object of a message as a bot sends it (our connector's half)."""
    match message:
        case StreamChunk(session_id, content, sequence):  # nearly all of them
            wire: Opaque = {"type": "stream_chunk", "content": content, "session_id": session_id}
            if sequence is not None:
                wire["sequence"] = sequence
            return wire
        case UnknownMessage(name):
            return {"type": name}
        case _:
            key, name = _NAMES_FROM_BOT[type(message)]
            said = unstructure(message).items()
            return {key: name} | {field: value for field, value in said if value is not None}


_AT_A_TOOL: Final = frozenset({"tool", "tool_call", "tool_use", "using_tool", "calling_tool"})

# Under which key a bot says which name: stream messages have a type, channel calls an action.
_NAMES_FROM_BOT: Final[Mapping[type, tuple[str, str]]] = {
    StreamEnd: ("type", "stream_end"),
    StreamError: ("type", "stream_error"),
    StreamSummary: ("type", "stream_summary"),
    StreamToolCall: ("type", "tool_call"),
    StreamFollowUp: ("type", "follow_up"),
    StreamStatus: ("action", "status"),
    Status: ("action", "status"),
    Ping: ("action", "ping"),
    Pong: ("type", "pong"),
    Log: ("action", "log"),
    CommandAsked: ("action", "execute_command"),
    PushAsked: ("type", "push"),
    CommandResult: ("type", "command_result"),
}
