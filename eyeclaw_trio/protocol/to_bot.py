"""BotChannel: what the gateway says to a bot about turns (PROTOCOL 2); `bot` is the reverse.

Both ends live here: the gateway writes these messages, our connector reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.bot import UnknownMessage
from eyeclaw_trio.protocol.decoding import Opaque, build, encode, unstructure
from eyeclaw_trio.protocol.wishes import NO_WISHES, Wishes


@frozen
class CommandMetadata:
    """What goes along with a question. `session_id` names this turn and no other.

    `message_id` is the platform's conversation; it is beyond what the SDK knows (and ignores), for
    our connector's `conversation = "per_conversation"`. So are `images`, the photos of the question
    as `data:` URLs, `missing_photos`, the addresses of those that are not among them, and
    `photo_words`, what a model is asked about them; `system_text`, what it is told of the wearer
    and of the answer that is wanted; and what this turn's reader can do: device `actions`, and how
    many `follow_ups`.
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
    images: tuple[str, ...] = field(default=(), repr=False)
    missing_photos: tuple[str, ...] = field(default=(), repr=False)
    photo_words: str | None = None
    system_text: str = ""
    actions: tuple[str, ...] = ()
    follow_ups: int = 0


@frozen
class CommandParams:
    """`message` is the question, never empty: an SDK does not answer an empty one at all."""

    message: str


@frozen
class ExecuteCommand:
    """One question for a bot. `timestamp` is ISO 8601; `wishes` stay in this process."""

    params: CommandParams
    metadata: CommandMetadata
    timestamp: str
    command: str = "chat"
    wishes: Wishes = NO_WISHES

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


_KINDS_TO_BOT: Final[Mapping[str, type[ToBot]]] = {
    "execute_command": ExecuteCommand,
    "chunk_received": ChunkReceived,
    "cancel": Cancel,
    "connected": Connected,
    "running_turns": RunningTurns,
    "pong": PongToBot,
    "command_received": CommandReceived,
    "status_response": StatusResponse,
}
# Of a command's metadata what is said only where it says something.
_SELDOM: Final = (
    *("images", "missing_photos", "photo_words"),
    *("system_text", "actions", "follow_ups"),
)
_OF_COMMAND: Final = tuple(
    each.name for each in attrs.fields(CommandMetadata) if each.name not in _SELDOM
)
_NAMES_TO_BOT: Final[Mapping[type, str]] = {kind: name for name, kind in _KINDS_TO_BOT.items()}


def encode_to_bot(message: ToBot) -> Opaque:
    """The JSON object of a message as the gateway sends it."""
    if isinstance(message, ExecuteCommand):
        return _encode_command(message)
    return {"type": _NAMES_TO_BOT[type(message)]} | unstructure(message)


def _encode_command(command: ExecuteCommand) -> Opaque:
    """By hand: each question goes through here, and waits for it."""
    metadata = command.metadata
    said = {name: getattr(metadata, name) for name in _OF_COMMAND}
    said["full_messages"] = list(metadata.full_messages)
    if metadata.images:
        said["images"] = list(metadata.images)
    if metadata.missing_photos:
        said["missing_photos"] = list(metadata.missing_photos)
    if metadata.images or metadata.missing_photos:
        said["photo_words"] = metadata.photo_words
    if metadata.system_text:
        said["system_text"] = metadata.system_text
    if metadata.actions:
        said["actions"] = list(metadata.actions)
    if metadata.follow_ups:
        said["follow_ups"] = metadata.follow_ups
    return {
        "type": "execute_command",
        "command": command.command,
        "params": {"message": command.params.message},
        "metadata": said,
        "timestamp": command.timestamp,
    }


def fit_images(command: ExecuteCommand, addresses: Sequence[str], size: int) -> ExecuteCommand:
    """The command with as many of its images, from the first, as fit into a message of so many
    bytes; the bot has the addresses of all of them in the question. Those of what is left out, of
    these `addresses` of the images, are among `missing_photos`."""
    left = list(addresses)
    while command.metadata.images and len(encode(encode_to_bot(command))) > size:
        metadata = command.metadata
        address, missing = left.pop(), metadata.missing_photos
        if address[:5].lower() != "data:":
            missing = (address, *missing)
        metadata = attrs.evolve(metadata, images=metadata.images[:-1], missing_photos=missing)
        command = attrs.evolve(command, metadata=metadata)
    return command


def build_to_bot(value: object) -> ToBot | UnknownMessage:
    """Read what a gateway told a bot (our connector's half). Raises BadMessage."""
    if not isinstance(value, dict):
        raise BadMessage({"message": "must be an object"})
    name = value.get("type")
    if not isinstance(name, str):
        raise BadMessage({"message.type": "must be a string"})
    kind = _KINDS_TO_BOT.get(name)
    value = {key: each for key, each in value.items() if key != "wishes"}
    return UnknownMessage(name) if kind is None else build(value, kind)
