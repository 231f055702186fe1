"""What OpenAI clients send: the body of `POST /v1/chat/completions` (PROTOCOL 6).

It becomes the same `Question` as that of glasses, with `Wishes` beside it. Fields that are not
named here are accepted and not passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from eyeclaw_trio.protocol.decoding import Opaque, UnfitError, build, checked, read_json
from eyeclaw_trio.protocol.rokid import LONGEST_ID, Entry, Question
from eyeclaw_trio.protocol.wishes import Wishes

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_SYSTEM: Final = ("system", "developer")
_TEXTS: Final = ("text", "refusal")
# What a client says of the answer's length cannot be more than any model would give (tokens).
_MOST_TOKENS: Final = 10_000_000
# Photos of one question: each is fetched and opened, one after the other.
_MOST_IMAGES: Final = 8


def _check_role(role: str) -> None:
    if role not in _ROLES:
        raise UnfitError("must be one of " + ", ".join(_ROLES))


def _check_part(kind: str) -> None:
    if kind not in (*_TEXTS, "image_url"):
        raise UnfitError("must be text or image_url")


def _check_model(model: str) -> None:
    if not 0 < len(model.strip()) <= len(model) <= LONGEST_ID:
        raise UnfitError(f"must be 1 to {LONGEST_ID} characters")


def _check_user(user: str | None) -> None:
    if user is not None and len(user) > LONGEST_ID:
        raise UnfitError(f"must be at most {LONGEST_ID} characters")


def _check_tokens(tokens: int | None) -> None:
    if tokens is not None and not 0 < tokens <= _MOST_TOKENS:
        raise UnfitError(f"must be from 1 to {_MOST_TOKENS}")


def _check_temperature(temperature: int | float | None) -> None:
    if temperature is not None and not 0 <= temperature <= 2:
        raise UnfitError("must be from 0 to 2")


def _check_url(url: str) -> None:
    if not url.lower().startswith(("http://", "https://", "data:")):
        raise UnfitError("must be an address of http:, https: or data:")


@frozen
class _Image:
    url: str = field(metadata=checked(_check_url))


@frozen
class _Part:
    type: str = field(metadata=checked(_check_part))
    text: str | None = None
    refusal: str | None = None
    image_url: _Image | None = None


@frozen
class _ChatEntry:
    role: str = field(metadata=checked(_check_role))
    content: str | tuple[_Part, ...] | None = None

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        texts = (part.text or part.refusal for part in self.content)
        return "\n".join(text for text in texts if text)

    @property
    def images(self) -> tuple[str, ...]:
        if self.content is None or isinstance(self.content, str):
            return ()
        return tuple(part.image_url.url for part in self.content if part.image_url is not None)


def _check_messages(messages: tuple[_ChatEntry, ...]) -> None:
    asked = next((each for each in reversed(messages) if each.role == "user"), None)
    if asked is None:
        raise UnfitError("must hold an entry whose role is user")
    if not asked.text.strip() and not asked.images:
        raise UnfitError("must hold a text or an image in its last entry of role user")
    if len(asked.images) > _MOST_IMAGES:
        raise UnfitError(f"must hold at most {_MOST_IMAGES} images in its last entry of role user")


@frozen
class _StreamOptions:
    include_usage: bool | None = None


@frozen
class _CompletionOnTheWire:
    messages: tuple[_ChatEntry, ...] = field(metadata=checked(_check_messages))
    model: str = field(metadata=checked(_check_model))
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = field(default=None, metadata=checked(_check_user))
    max_tokens: int | None = field(default=None, metadata=checked(_check_tokens))
    max_completion_tokens: int | None = field(default=None, metadata=checked(_check_tokens))
    temperature: int | float | None = field(default=None, metadata=checked(_check_temperature))


def decode_completion_request(body: bytes) -> Question:
    """Read a request; `agent_id` is its `model`, and there is no `message_id`.

    The last entry of role `user` is the question, what is before it the history. What tools have
    said is left out, because no tools are passed on, and so are earlier images.

    Raises BadMessage that names every field that is wrong or missing.
    """
    wire = build(read_json(body), _CompletionOnTheWire)
    index = max(i for i, entry in enumerate(wire.messages) if entry.role == "user")
    before, asked = wire.messages[:index], wire.messages[index]
    temperature = wire.temperature
    return Question(
        message_id="",
        agent_id=wire.model.strip(),
        user_id=wire.user or None,
        asked=Entry("user", asked.text.strip()),
        messages=tuple(_as_rokid([*before, asked])),
        metadata={},
        photos=asked.images,
        wishes=Wishes(
            system=tuple(e.text for e in before if e.role in _SYSTEM and e.text.strip()),
            max_tokens=wire.max_completion_tokens or wire.max_tokens,
            temperature=None if temperature is None else float(temperature),
            streams=bool(wire.stream),
            includes_usage=bool(wire.stream_options and wire.stream_options.include_usage),
            is_whole_history=True,
        ),
    )


def _as_rokid(entries: list[_ChatEntry]) -> Iterator[Opaque]:
    """The entries as glasses would send them, which is what bots know."""
    roles = {"user": "user", "assistant": "agent"}
    for entry in entries:
        if entry.role in roles and (text := entry.text.strip()):
            yield {"role": roles[entry.role], "type": "text", "text": text}
