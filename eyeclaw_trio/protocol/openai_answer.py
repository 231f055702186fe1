"""What OpenAI clients read: chunks, a whole completion, errors, models (PROTOCOL 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from attrs import field, frozen

from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    KeyRevoked,
    PhotoRefused,
    Reason,
    RequestRefused,
    TurnFailed,
    WearerRefused,
)
from eyeclaw_trio.protocol.completions import Closing
from eyeclaw_trio.protocol.decoding import Opaque, encode

DONE: Final = b"data: [DONE]\n\n"
_LENGTH: Final = ("length", "max_tokens")
_BAD_REQUEST: Final = ("invalid_request_error", None)
_KINDS: Final[dict[int, tuple[str, str | None]]] = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "unavailable"),
}


@frozen
class CompletionFraming:
    """Frames one answer. `created` is in unix seconds; `model` is echoed as it was asked for.

    All but the text is the same in each chunk of a turn, so it is encoded once.
    """

    id: str
    model: str
    created: int
    includes_usage: bool = False
    _head: bytes = field(init=False, repr=False)
    _behind: bytes = field(init=False, repr=False)
    _tail: bytes = field(init=False, repr=False)

    @_head.default
    def _encode_head(self) -> bytes:
        named = {"id": self.id, "object": "chat.completion.chunk", "created": self.created}
        return b"data: " + encode(named | {"model": self.model})[:-1] + b',"choices":['

    @_behind.default
    def _encode_behind(self) -> bytes:
        return b'],"usage":null}\n\n' if self.includes_usage else b"]}\n\n"

    @_tail.default
    def _encode_tail(self) -> bytes:
        return b'},"logprobs":null,"finish_reason":null}' + self._behind

    def role(self) -> bytes:
        """The first chunk: who speaks."""
        return self._head + _DELTA + b'"role":"assistant","content":""' + self._tail

    def text(self, text: str) -> bytes:
        """One piece of the answer."""
        return self._head + _DELTA + b'"content":' + encode(text) + self._tail

    def ending(self, closing: Closing) -> bytes:
        """What comes behind the whole text: why it ends, what it took where that was asked for
        and the model has said so, and the end."""
        reason = encode(_finish_reason(closing))
        last = self._head + _DELTA + b'},"logprobs":null,"finish_reason":' + reason + b"}"
        usage = b""
        if self.includes_usage and closing.usage is not None:
            counted = encode(attrs.asdict(closing.usage))
            usage = self._head + b'],"usage":' + counted + b"}\n\n"
        return last + self._behind + usage + DONE

    def whole(self, text: str, closing: Closing) -> Opaque:
        """The answer in one object."""
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _finish_reason(closing),
        }
        said: Opaque = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
        }
        if closing.usage is not None:
            said["usage"] = attrs.asdict(closing.usage)
        return said


_DELTA: Final = b'{"index":0,"delta":{'


def encode_error(error: Opaque) -> bytes:
    """An error behind the first chunk of a stream."""
    return b"data: " + encode(error) + b"\n\n"


def describe_refusal(refused: RequestRefused) -> Opaque:
    """The error for a request that was refused: it names every field that is wrong, and in `param`
    the first."""
    kind, code = _KINDS.get(refused.status, _BAD_REQUEST)
    if refused.status >= 500 and refused.status not in _KINDS:
        kind = "server_error"
    message, param = refused.error, None
    if refused.status == 404 and not refused.detail:
        code = None  # it is no model that is not there
    if isinstance(refused.detail, dict):
        faults = [f"{path or 'body'} {why}" for path, why in refused.detail.items()]
        message = f"{message}: {'; '.join(faults)}"
        param = next(iter(refused.detail), None) if refused.status in (400, 404) else None
    return _error(message, kind, param, code)


def describe_failure(failure: TurnFailed, words: str) -> Opaque:
    """The error for a turn that has failed; `words` are the catalogue's, `code` ours."""
    status = status_of(failure)
    kind = _BAD_REQUEST[0] if status == 400 else _KINDS.get(status, ("server_error", None))[0]
    return _error(words, kind, None, failure.code)


def status_of(failure: TurnFailed) -> int:
    """The HTTP status of a turn that has failed before its first byte."""
    match failure:
        case BotOffline() | GatewayStopping():
            return 503
        case BotSilent() | BotFailed(reason=Reason.MODEL_TIMEOUT):
            return 504
        case BotBusy():
            return 429
        case KeyRevoked():
            return 401
        case PhotoRefused():
            return 400
        case WearerRefused():
            return 403
        case _:
            return 502


def describe_models(models: Mapping[str, int]) -> Opaque:
    """The list of models: names, and since when they are there (unix seconds)."""
    data = [describe_model(name, since) for name, since in models.items()]
    return {"object": "list", "data": data}


def describe_model(name: str, since: int) -> Opaque:
    """One model."""
    return {"id": name, "object": "model", "created": since, "owned_by": "eyeclaw"}


def _error(message: str, kind: str, param: str | None, code: str | None) -> Opaque:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _finish_reason(closing: Closing) -> str:
    return "length" if closing.finish_reason in _LENGTH else "stop"
