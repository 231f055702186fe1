"""The ActionCable envelope: the frames around what bots and workers say (PROTOCOL 2).

The identifier of a subscription is a string that comes back byte for byte; what it holds is read
once, at the subscription. Both halves are here: the gateway's and our connector's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeVar

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import Opaque, build, encode, read_json

SUBPROTOCOL: Final = "actioncable-v1-json"
BOT_CHANNEL: Final = "BotChannel"
STREAM_CHANNEL: Final = "RokidStreamChannel"
# Characters. Each message carries its identifier: a longer one would only cost.
LONGEST_IDENTIFIER: Final = 1_024

DisconnectReason = Literal[
    "unauthorized", "invalid_request", "server_restart", "remote", "replaced"
]

# ---- client to gateway --------------------------------------------------------------------------


@frozen
class Subscribe:
    """Asks for a channel; clients repeat it until it is confirmed."""

    identifier: str


@frozen
class Unsubscribe:
    """Leaves a channel."""

    identifier: str


@frozen
class ChannelData:
    """Something for a channel; `data` is JSON text of its own."""

    identifier: str
    data: str


@frozen
class UnknownFrame:
    """Well-formed and of no name that we know (such as `{"type":"pong"}`): to be ignored."""

    name: str


Asking = TypeVar("Asking", Subscribe, Unsubscribe)
FromClient = Subscribe | Unsubscribe | ChannelData | UnknownFrame


def decode_from_client(frame: bytes | str) -> FromClient:
    """Read one frame of a client. Raises BadMessage."""
    value = read_json(frame)
    if not isinstance(value, dict):
        raise BadMessage({"": "must be an object"})
    match value.get("command"):
        case "message":
            identifier, data = value.get("identifier"), value.get("data")
            if isinstance(identifier, str) and isinstance(data, str):
                _check_length(identifier)
                return ChannelData(identifier, data)  # nearly all frames; the rest is explained
            return build(value, ChannelData)
        case "subscribe":
            return _checked(build(value, Subscribe))
        case "unsubscribe":
            return _checked(build(value, Unsubscribe))
        case command:
            name = command if isinstance(command, str) else value.get("type")
            if not isinstance(name, str):
                raise BadMessage({"command": "is missing"})
            return UnknownFrame(name)


def _checked(frame: Asking) -> Asking:
    _check_length(frame.identifier)
    return frame


def _check_length(identifier: str) -> None:
    if len(identifier) > LONGEST_IDENTIFIER:
        raise BadMessage({"identifier": f"must be at most {LONGEST_IDENTIFIER} characters"})


@frozen
class DataOpening:
    """How one client's frames begin, up to their data.

    A client makes all its frames in the same way: what was learned from one of them saves most of
    the reading of those that follow.
    """

    opening: bytes

    @classmethod
    def learn(cls, frame: bytes | str, read: ChannelData) -> DataOpening | None:
        """The opening of this frame, which was read as `read`; None where the data does not come
        last, or cannot be told apart."""
        if isinstance(frame, str):
            return None
        opening = frame[: frame.find(_DATA_KEY) + len(_DATA_KEY)]
        # The proof: with any other text as its data, a frame that begins so says the same.
        expected = {"command": "message", "identifier": read.identifier, "data": ""}
        try:
            is_known = read_json(opening + b'""}') == expected
        except BadMessage:
            return None
        return cls(opening) if is_known else None

    def read(self, frame: bytes | str) -> str | None:
        """The data of a frame that begins so; None where it has to be read as a whole."""
        if frame.__class__ is not bytes or not frame.startswith(self.opening) or frame[-1] != _END:
            return None
        try:
            data = read_json(frame[len(self.opening) : -1])
        except BadMessage:
            return None
        return data if data.__class__ is str else None


_DATA_KEY: Final = b'"data":'
_END: Final = ord("}")


@frozen
class BotIdentifier:
    """What a BotChannel subscription says of itself.

    An EyeClaw SDK says its `bot_id` only: it takes one command at a time and cannot cancel.
    `resume` is our connector's word that a command which is sent again is not run again.
    """

    bot_id: int
    max_concurrency: int = 1
    cancel: bool = False
    resume: bool = False


# Who can take more commands at once than this gets so many.
HIGHEST_CONCURRENCY: Final = 1_000


def decode_identifier(identifier: str) -> BotIdentifier:
    """Read the identifier of a bot's subscription. Raises BadMessage, also for another channel."""
    value = _read_identifier(identifier, BOT_CHANNEL)
    return BotIdentifier(
        bot_id=read_bot_id(value.get("bot_id")),
        max_concurrency=_read_concurrency(value.get("max_concurrency")),
        cancel=value.get("cancel") is True,
        resume=value.get("resume") is True,
    )


@frozen
class StreamIdentifier:
    """What a RokidStreamChannel subscription says of itself; without `access_key` it is the
    connection's."""

    bot_id: int
    session_id: str
    access_key: str | None = field(default=None, repr=False)


def decode_stream_identifier(identifier: str) -> StreamIdentifier:
    """Read the identifier of a worker's subscription. Raises BadMessage, also for another
    channel."""
    value = _read_identifier(identifier, STREAM_CHANNEL)
    return build(value | {"bot_id": read_bot_id(value.get("bot_id"))}, StreamIdentifier)


def _read_identifier(identifier: str, channel: str) -> Opaque:
    value = read_json(identifier)
    if not isinstance(value, dict):
        raise BadMessage({"identifier": "must hold an object"})
    if value.get("channel") != channel:
        raise BadMessage({"identifier.channel": f"must be {channel}"})
    return value


def encode_identifier(identifier: BotIdentifier) -> str:
    """The identifier that our connector subscribes with."""
    return encode(
        {
            "channel": BOT_CHANNEL,
            "bot_id": str(identifier.bot_id),
            "max_concurrency": identifier.max_concurrency,
            "cancel": identifier.cancel,
            "resume": identifier.resume,
        }
    ).decode()


def read_bot_id(value: object) -> int:
    """A bot's id, which clients write as a number or as text. Raises BadMessage."""
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    raise BadMessage({"bot_id": "must be a bot's id"})


def _read_concurrency(value: object) -> int:
    if value is None:
        return 1
    if type(value) is not int or value < 1:
        raise BadMessage({"identifier.max_concurrency": "must be an integer above 0"})
    return min(value, HIGHEST_CONCURRENCY)


def encode_subscribe(identifier: str) -> bytes:
    """Our connector's subscription."""
    return encode({"command": "subscribe", "identifier": identifier})


def encode_data(identifier: str, data: Opaque) -> bytes:
    """Something that our connector says on its channel."""
    return encode({"command": "message", "identifier": identifier, "data": encode(data).decode()})


# ---- gateway to client --------------------------------------------------------------------------

WELCOME: Final = b'{"type":"welcome"}'


def encode_ping(seconds: int) -> bytes:
    """The cable's ping: whole unix seconds that never go back."""
    return b'{"type":"ping","message":%d}' % seconds


def encode_confirmation(identifier: str) -> bytes:
    """The answer to a subscription that is granted: to be sent exactly once."""
    return b'{"identifier":' + encode(identifier) + b',"type":"confirm_subscription"}'


def encode_rejection(identifier: str) -> bytes:
    """The answer to a subscription that is not."""
    return b'{"identifier":' + encode(identifier) + b',"type":"reject_subscription"}'


def encode_disconnect(reason: DisconnectReason, *, reconnect: bool) -> bytes:
    """The last word before the gateway ends a link; a client that misses `reconnect` stops."""
    return encode({"type": "disconnect", "reason": reason, "reconnect": reconnect})


@frozen
class ChannelFraming:
    """Frames what the gateway says on one subscription; the identifier is encoded once."""

    head: bytes

    @classmethod
    def of(cls, identifier: str) -> ChannelFraming:
        """The framing for the subscription with this identifier."""
        return cls(b'{"identifier":' + encode(identifier) + b',"message":')

    def message(self, message: Opaque) -> bytes:
        """One message on the channel."""
        return self.head + encode(message) + b"}"

    def acknowledgements(
        self, session_id: str, sequences: Iterable[int], timestamp: str
    ) -> list[bytes]:
        """A `chunk_received` on the channel for each of these: what differs is one number."""
        head = self.head + b'{"type":"chunk_received","sequence":'
        session, at = encode(session_id), encode(timestamp)
        tail = b',"session_id":' + session + b',"timestamp":' + at + b"}}"
        return [head + b"%d" % sequence + tail for sequence in sequences]


# ---- what our connector hears -------------------------------------------------------------------


@frozen
class Welcome:
    """The gateway has let us in, or is about to say why not."""


@frozen
class CablePing:
    """A heartbeat of the gateway; its absence means that the link is dead."""


@frozen
class Confirmation:
    """The subscription is granted."""

    identifier: str


@frozen
class Rejection:
    """The subscription is not granted."""

    identifier: str


@frozen
class ChannelMessage:
    """Something said on a subscription; `message` has not been read yet."""

    identifier: str
    message: Any


@frozen
class Disconnect:
    """The gateway ends the link; without `reconnect` it does not want to see us again."""

    reason: str = ""
    reconnect: bool = True


FromGateway = (
    Welcome | CablePing | Confirmation | Rejection | ChannelMessage | Disconnect | UnknownFrame
)


def decode_from_gateway(frame: bytes | str) -> FromGateway:
    """Read one frame of a gateway. Raises BadMessage."""
    value = read_json(frame)
    if not isinstance(value, dict):
        raise BadMessage({"": "must be an object"})
    match value.get("type"):
        case "welcome":
            return Welcome()
        case "ping":
            return CablePing()
        case "confirm_subscription":
            return build(value, Confirmation)
        case "reject_subscription":
            return build(value, Rejection)
        case "disconnect":
            return build(value, Disconnect)
        case None if "message" in value:
            return build(value, ChannelMessage)
        case name:
            return UnknownFrame(name if isinstance(name, str) else "")
