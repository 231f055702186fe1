"""A question as glasses send it: the body of `POST /sse/rokid` (PROTOCOL 1).

The platform's documentation and the field differ: metadata flat or under `context`, ids as
numbers, an image's address in `text`, no `type` and the text in `content`. All of them come out
as one `Question`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import Opaque, UnfitError, build, checked, read_json
from eyeclaw_trio.protocol.wishes import NO_WISHES, Wishes

LONGEST_ID: Final = 128  # characters (RELIABILITY 22)
# Entries of one question: a conversation of an evening has fewer.
MOST_ENTRIES: Final = 200
_ROLES: Final = {"user": "user", "agent": "agent", "assistant": "agent"}
_TYPES: Final = ("text", "image")


@frozen
class Entry:
    """One entry of the conversation; `text` is never None, an image has its address in `image`."""

    role: str
    text: str
    image: str | None = None

    @property
    def as_text(self) -> str:
        """The entry in words: a photo is named by its address."""
        return name_photos(() if self.image is None else (self.image,), self.text)


@frozen
class Question:
    """One question: the last entry of role `user`, with what came along with it.

    A photo and words about it may be two entries, one right behind the other. `agent_id` is as it
    came, for the echo; `messages` are the entries as they came, for a bot that wants them all;
    `metadata` is flat, its unknown keys kept.
    """

    message_id: str
    agent_id: str | int | float
    user_id: str | None
    asked: Entry
    messages: tuple[Opaque, ...]
    metadata: Mapping[str, Any]
    original_metadata: Opaque = field(factory=dict)
    bot_id: int | None = None
    wishes: Wishes = NO_WISHES
    photos: tuple[str, ...] = field(repr=False)
    """The addresses of its photos, `data:` among them."""

    @photos.default
    def _photo_asked(self) -> tuple[str, ...]:
        return () if self.asked.image is None else (self.asked.image,)

    @property
    def agent_name(self) -> str:
        """`agent_id` as text, for the choice of a bot."""
        return str(self.agent_id)

    @property
    def has_history(self) -> bool:
        """Whether it brings along what was said before: nothing is to be added to that."""
        roles = (message.get("role") for message in self.messages)
        return self.wishes.is_whole_history or any(role not in (None, "user") for role in roles)

    @property
    def text(self) -> str:
        """What the bot is asked; never empty."""
        return name_photos(self.photos, self.asked.text)


def _check_role(role: str) -> None:
    if role not in _ROLES:
        raise UnfitError("must be user, agent or assistant")


def _check_type(kind: str | None) -> None:
    if kind is not None and kind not in _TYPES:
        raise UnfitError("must be text or image")


def _check_id(value: str | int | float | None) -> None:
    if value is not None and not 0 < len(str(value).strip()) <= len(str(value)) <= LONGEST_ID:
        raise UnfitError(f"must be 1 to {LONGEST_ID} characters")


def _check_user_id(value: str | int | float | None) -> None:
    if value is not None and len(str(value)) > LONGEST_ID:
        raise UnfitError(f"must be at most {LONGEST_ID} characters")


def _check_bot_id(value: str | int | None) -> None:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 19):
        raise UnfitError("must be a bot's id")


def _check_messages(messages: tuple[_EntryOnTheWire, ...]) -> None:
    if not messages:
        raise UnfitError("must not be empty")
    entries = tuple(_read_entry(entry) for entry in messages)
    if not any(entry.role == "user" for entry in entries):
        raise UnfitError("must hold an entry whose role is user")
    asked = _find_question(entries)[1]
    if not asked.text and asked.image is None:
        raise UnfitError("must hold a text or an image in its last entry of role user")


@frozen
class _EntryOnTheWire:
    role: str = field(metadata=checked(_check_role))
    type: str | None = field(default=None, metadata=checked(_check_type))
    text: str | None = None
    content: str | None = None
    image_url: str | None = None


@frozen
class _QuestionOnTheWire:
    message_id: str | int | float = field(metadata=checked(_check_id))
    agent_id: str | int | float = field(metadata=checked(_check_id))
    message: tuple[_EntryOnTheWire, ...] = field(
        metadata=checked(_check_messages, most=MOST_ENTRIES)
    )
    user_id: str | int | float | None = field(default=None, metadata=checked(_check_user_id))
    metadata: Opaque | None = None
    bot_id: int | str | None = field(default=None, metadata=checked(_check_bot_id))


def decode_question(body: bytes) -> Question:
    """Read a question. Raises BadMessage that names every field that is wrong or missing."""
    value = read_json(body)
    wire = build(value, _QuestionOnTheWire)
    entries = tuple(_read_entry(entry) for entry in wire.message)
    metadata = wire.metadata or {}
    return Question(
        message_id=str(wire.message_id),
        agent_id=wire.agent_id,
        user_id=None if wire.user_id is None else str(wire.user_id),
        asked=_find_question(entries)[1],
        messages=tuple(value["message"]),
        metadata=flatten_metadata(metadata),
        original_metadata=metadata,
        bot_id=None if wire.bot_id is None else int(wire.bot_id),
    )


def read_history(messages: tuple[Opaque, ...]) -> tuple[Entry, ...]:
    """The entries before the question, from a command's `full_messages` (a bot's half).

    They come from another machine: what cannot be read is left out.
    """
    entries: list[Entry] = []
    for message in messages:
        try:
            entries.append(_read_entry(build(message, _EntryOnTheWire)))
        except BadMessage:
            continue
    index, _ = _find_question(entries) if entries else (0, None)
    return tuple(entry for entry in entries[:index] if entry.as_text)


def name_photos(addresses: Sequence[str], words: str) -> str:
    """A question with photos in words (PROTOCOL 1): each is named by its address, where that is
    not the photo itself."""
    if not addresses:
        return words
    named = [f"[图片] {each}" if each[:5].lower() != "data:" else "[图片]" for each in addresses]
    return " ".join(part for part in (*named, words) if part)


def flatten_metadata(metadata: Opaque) -> Opaque:
    """Metadata with what stands under `context` lifted to the top, where glasses put it."""
    context = metadata.get("context")
    if not isinstance(context, dict):
        return metadata
    return {key: value for key, value in metadata.items() if key != "context"} | context


def _find_question(entries: Sequence[Entry]) -> tuple[int, Entry]:
    """Where the question begins, and the question: the last entry of role `user`, the first of all
    where there is none, with the one right before it where one is a photo and the other its
    words."""
    indices = reversed(range(len(entries)))
    index = next((i for i in indices if entries[i].role == "user"), 0)
    asked, before = entries[index], entries[index - 1] if index else None
    if before is not None and before.role == asked.role == "user":
        if asked.image and not asked.text and before.text and not before.image:
            return index - 1, Entry("user", before.text, asked.image)
        if asked.text and not asked.image and before.image and not before.text:
            return index - 1, Entry("user", asked.text, before.image)
    return index, asked


def _read_entry(wire: _EntryOnTheWire) -> Entry:
    role = _ROLES[wire.role]
    # Without a type the words are in `content` (PROTOCOL 1), else in `text`; an empty one of the
    # two does not hide the other.
    text = (wire.content or wire.text) if wire.type is None else (wire.text or wire.content)
    if wire.type == "image":
        # Some senders put the address where the words belong.
        image = wire.image_url or wire.text or wire.content
        words = "" if image == text else text or ""
        return Entry(role, words.strip(), (image or "").strip() or None)
    return Entry(role, (text or "").strip(), (wire.image_url or "").strip() or None)
