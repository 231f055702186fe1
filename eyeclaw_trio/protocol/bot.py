"""BotChannel: what a bot and the gateway say to each other about turns (PROTOCOL 2).

Both ends live here: the gateway reads what a bot says and writes what it is told, our connector
does the reverse. The ActionCable envelope around these messages is `protocol/cable`.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import mul
from struct import Struct
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import Opaque, UnfitError, build, checked, encode, read_json

if TYPE_CHECKING:
    from attrs import frozen as frozen_by_type
else:
    # The type checker keeps hands off a chunk: to keep them off at run time doubles its cost.
    from attrs import define as frozen_by_type

# Sequences are counters of one answer; 2**53 is where JavaScript peers stop counting exactly.
HIGHEST_SEQUENCE: Final = 2**53


def _check_count(count: int | None) -> None:
    if count is not None and not 0 <= count <= HIGHEST_SEQUENCE:
        raise UnfitError(f"must be from 0 to {HIGHEST_SEQUENCE}")


# ---- bot to gateway -----------------------------------------------------------------------------


@frozen_by_type
class StreamChunk:
    """A piece of an answer; `sequence` counts from 0 and is absent in old SDKs."""

    session_id: str
    content: str
    sequence: int | None = None


@frozen
class StreamEnd:
    """The answer is over, or so the bot believes: it may overtake chunks, and come twice."""

    session_id: str


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
class CommandResult:
    """`command_result` or `response`: the bot's word about an earlier command; a heartbeat."""


@frozen
class UnknownMessage:
    """A well-formed message of a name that we do not know: ignored, and never an offence."""

    name: str


StreamMessage = StreamChunk | StreamEnd | StreamError | StreamSummary
FromBot = StreamMessage | Status | Ping | Pong | Log | CommandAsked | CommandResult | UnknownMessage


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
            return build(value, StreamEnd)
        case "stream_summary":
            return build(value, StreamSummary)
        case "stream_error":
            return _build_error(value)
        case "ping":
            return Ping()
        case "pong":
            return Pong()
        case "status":
            return build(value, Status)
        case "log":
            return _build_log(value)
        case "execute_command":
            command = value.get("command")
            return CommandAsked(command if isinstance(command, str) else "")
        case "command_result" | "response":
            return CommandResult()
        case _:
            return UnknownMessage(name)


def _build_error(value: Opaque) -> StreamError:
    # Whatever a bot makes of its error, the wearer must not wait a minute for the apology.
    error = value.get("error")
    said = error if isinstance(error, str) else "" if error is None else encode(error).decode()
    return build({**value, "error": said}, StreamError)


def _build_log(value: Opaque) -> Log:
    # A log line is for people: whatever shape it has, it is no fault of the link.
    level, message = value.get("level"), value.get("message")
    return Log(
        level if isinstance(level, str) else "info", message if isinstance(message, str) else ""
    )


def encode_from_bot(message: FromBot) -> Opaque:
    """The JSON object of a message as a bot sends it (our connector's half)."""
    match message:
        case StreamChunk(session_id, content, sequence):
            wire: Opaque = {"type": "stream_chunk", "content": content, "session_id": session_id}
            if sequence is not None:
                wire["sequence"] = sequence
            return wire
        case StreamEnd(session_id):
            return {"type": "stream_end", "session_id": session_id}
        case StreamError(session_id, error, reason):
            wire = {"type": "stream_error", "session_id": session_id, "error": error}
            if reason is not None:
                wire["reason"] = reason
            return wire
        case StreamSummary(session_id, total_content, total_chunks, content_hash):
            return {
                "type": "stream_summary",
                "session_id": session_id,
                "total_content": total_content,
                "total_chunks": total_chunks,
                "content_hash": content_hash,
            }
        case Status(session_id):
            return {"action": "status"} | ({"session_id": session_id} if session_id else {})
        case Ping():
            return {"action": "ping"}
        case Pong():
            return {"type": "pong"}
        case Log(level, text):
            return {"action": "log", "level": level, "message": text}
        case CommandAsked(command):
            return {"action": "execute_command", "command": command}
        case CommandResult():
            return {"type": "command_result"}
        case UnknownMessage(name):
            return {"type": name}


# ---- gateway to bot -----------------------------------------------------------------------------


@frozen
class CommandMetadata:
    """What goes along with a question. `session_id` names this turn and no other.

    `message_id` is the platform's conversation; it is beyond what the SDK knows (and ignores), for
    our connector's `conversation = "per_conversation"`.
    """

    agent_id: str | int | float
    session_id: str
    openclaw_session_id: str
    trace_id: str
    user_id: str | None = None
    message_id: str | None = None
    source: str = "rokid_lingzhu"
    full_messages: tuple[Opaque, ...] = ()
    original_metadata: Opaque = field(factory=dict)


@frozen
class CommandParams:
    """`message` is the question, never empty: an SDK does not answer an empty one at all."""

    message: str


@frozen
class ExecuteCommand:
    """One question for a bot. `timestamp` is ISO 8601."""

    params: CommandParams
    metadata: CommandMetadata
    timestamp: str
    command: str = "chat"

    @property
    def session_id(self) -> str:
        """The turn that this command opens."""
        return self.metadata.session_id


@frozen
class ChunkReceived:
    """The chunk has been written to the glasses' connection. `timestamp` is ISO 8601."""

    session_id: str
    sequence: int
    timestamp: str = ""


@frozen
class Cancel:
    """The turn is over for the glasses; old SDKs ignore it."""

    session_id: str
    reason: str = ""


@frozen
class Connected:
    """Sent right after the confirmation of a BotChannel subscription."""

    bot_id: int
    session_id: str
    message: str = "Bot connected"


@frozen
class RunningTurns:
    """The turns that are open and have been spoken of, told to a bot of ours that has linked
    again; of one that it does not know it says that it is gone. Others ignore it."""

    session_ids: tuple[str, ...]


@frozen
class PongToBot:
    """The answer to a bot's ping."""

    timestamp: str


@frozen
class CommandReceived:
    """The answer to a bot's `execute_command`."""

    command: str
    timestamp: str


@frozen
class StatusResponse:
    """The answer to a bot's `status`. `uptime` in whole seconds."""

    status: str
    online: bool
    active_sessions: int
    total_sessions: int
    uptime: int


ToBot = (
    ExecuteCommand
    | ChunkReceived
    | Cancel
    | Connected
    | RunningTurns
    | PongToBot
    | CommandReceived
    | StatusResponse
)


def encode_to_bot(message: ToBot) -> Opaque:
    """The JSON object of a message as the gateway sends it."""
    match message:
        case ChunkReceived(session_id, sequence, timestamp):
            return {
                "type": "chunk_received",
                "sequence": sequence,
                "session_id": session_id,
                "timestamp": timestamp,
            }
        case ExecuteCommand(params, metadata, timestamp, command):
            return {
                "type": "execute_command",
                "command": command,
                "params": {"message": params.message},
                "metadata": {
                    "source": metadata.source,
                    "agent_id": metadata.agent_id,
                    "user_id": metadata.user_id,
                    "message_id": metadata.message_id,
                    "session_id": metadata.session_id,
                    "openclaw_session_id": metadata.openclaw_session_id,
                    "trace_id": metadata.trace_id,
                    "full_messages": list(metadata.full_messages),
                    "original_metadata": metadata.original_metadata,
                },
                "timestamp": timestamp,
            }
        case Cancel(session_id, reason):
            return {"type": "cancel", "session_id": session_id, "reason": reason}
        case Connected(bot_id, session_id, text):
            return {
                "type": "connected",
                "bot_id": bot_id,
                "session_id": session_id,
                "message": text,
            }
        case RunningTurns(session_ids):
            return {"type": "running_turns", "session_ids": list(session_ids)}
        case PongToBot(timestamp):
            return {"type": "pong", "timestamp": timestamp}
        case CommandReceived(command, timestamp):
            return {"type": "command_received", "command": command, "timestamp": timestamp}
        case StatusResponse(status, online, active, total, uptime):
            return {
                "type": "status_response",
                "status": status,
                "online": online,
                "active_sessions": active,
                "total_sessions": total,
                "uptime": uptime,
            }


def encode_acknowledgements(
    session_id: str,
    sequences: Iterable[int],
    timestamp: str,
    *,
    before: bytes,
    behind: bytes,
) -> list[bytes]:
    """A `chunk_received` for each of these, as JSON between what stands around each: what differs
    is one number."""
    head = before + b'{"type":"chunk_received","sequence":'
    tail = encode(session_id) + b',"timestamp":' + encode(timestamp) + b"}" + behind
    tail = b',"session_id":' + tail
    return [head + b"%d" % sequence + tail for sequence in sequences]


def build_to_bot(value: object) -> ToBot | UnknownMessage:
    """Read what a gateway told a bot (our connector's half). Raises BadMessage."""
    if not isinstance(value, dict):
        raise BadMessage({"message": "must be an object"})
    match value.get("type"):
        case "execute_command":
            return build(value, ExecuteCommand)
        case "chunk_received":
            return build(value, ChunkReceived)
        case "cancel":
            return build(value, Cancel)
        case "connected":
            return build(value, Connected)
        case "running_turns":
            return build(value, RunningTurns)
        case "pong":
            return build(value, PongToBot)
        case "command_received":
            return build(value, CommandReceived)
        case "status_response":
            return build(value, StatusResponse)
        case str(name):
            return UnknownMessage(name)
        case _:
            raise BadMessage({"message.type": "must be a string"})


# ---- the summary's hash -------------------------------------------------------------------------


def hash_content(text: str) -> str:
    """The `content_hash` of a summary: a 32-bit signed hash over UTF-16 code units.

    `h = h*31 + unit`, wrapping; in hexadecimal without padding, a leading minus where negative
    (PROTOCOL 2: "你好" gives "9f61d"). A wrong one is reported, never a reason to lose text.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) == 2 * len(text):
        wide = text.encode("utf-32-le", "surrogatepass")
    else:  # a character beyond the 16 bits counts as two units
        widened = bytearray(2 * len(units))
        widened[0::4], widened[1::4] = units[0::2], units[1::2]
        wide = bytes(widened)
    # Zeros in front change nothing. Each row is one large number, and all of its units take their
    # step at once, the even and the odd ones apart, so that there are 64 bits for each product.
    wide = bytes(-len(wide) % _ROW_SIZE) + wide
    even = odd = 0
    for start in range(0, len(wide), _ROW_SIZE):
        row = int.from_bytes(wide[start : start + _ROW_SIZE], "little")
        even = (even * _ROW_STEP + (row & _LANES)) & _LANES
        odd = (odd * _ROW_STEP + (row >> 32 & _LANES)) & _LANES
    value = _sum_up(even, _POWERS[0::2]) + _sum_up(odd, _POWERS[1::2]) & 0xFFFFFFFF
    signed = value - 0x1_0000_0000 if value & 0x8000_0000 else value
    return f"{signed:x}"


def _sum_up(lanes: int, powers: tuple[int, ...]) -> int:
    return sum(map(mul, _LANE_STRUCT.unpack(lanes.to_bytes(_LANE_STRUCT.size, "little")), powers))


# Units in a row: 31 to this power, modulo 2**32, fits into one digit of Python's large numbers.
_ROW: Final = 74
_ROW_SIZE: Final = 4 * _ROW  # bytes
_ROW_STEP: Final = pow(31, _ROW, 2**32)
# 31 to the power of 73, 72, … 0: what the units of the last row count.
_POWERS: Final = tuple(pow(31, _ROW - 1 - place, 2**32) for place in range(_ROW))
_LANES: Final = sum(0xFFFFFFFF << 64 * lane for lane in range(_ROW // 2))
_LANE_STRUCT: Final = Struct(f"<{_ROW // 2}Q")
