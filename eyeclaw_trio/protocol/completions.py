"""Chat completions: our question to bytes, and what a model's events mean (PROTOCOL 5).

Many makes of server speak this, each with fields and habits of its own, so reading is lenient:
what has an unknown shape is an empty delta, never a crash. Only a line that is no JSON at all,
or an error in it, is a failure. Thinking (`reasoning_content`) never becomes text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from attrs import field, frozen

from eyeclaw_trio.errors import BadMessage, Reason
from eyeclaw_trio.protocol.decoding import encode, read_json

Role = Literal["system", "user", "assistant"]
# More than any count of tokens that is one.
_MANY_TOKENS: Final = 2**53


@frozen
class ChatMessage:
    """One entry of a conversation; `images` are `data:` URLs."""

    role: Role
    content: str
    images: tuple[str, ...] = field(default=(), repr=False)

    @property
    def on_the_wire(self) -> dict[str, Any]:
        """As it is posted. Without images the content is a plain text, which every server takes."""
        if not self.images:
            return {"role": self.role, "content": self.content}
        images = [{"type": "image_url", "image_url": {"url": url}} for url in self.images]
        return {"role": self.role, "content": [{"type": "text", "text": self.content}, *images]}


@frozen
class CompletionRequest:
    """What is posted to `/chat/completions`.

    What is None is left out: some servers refuse fields they do not know. `extra` is for what
    only one make of server knows; it goes into the body as it is, and has the last word. `tools`
    are the functions that the model may call, `behind` what follows the messages: calls it has
    made, and what became of them.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    user: str | None = None
    stream: bool = True
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    extra: Mapping[str, Any] = field(factory=dict)
    tools: Sequence[Mapping[str, Any]] = ()
    behind: Sequence[Mapping[str, Any]] = ()

    def encode(self) -> bytes:
        """The request's body, JSON in UTF-8."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [message.on_the_wire for message in self.messages],
            "stream": self.stream,
        }
        body["messages"] += self.behind
        if self.tools:
            body["tools"] = self.tools
        for name in ("user", "max_tokens", "temperature", "top_p"):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        return encode(body | dict(self.extra))


@frozen
class Usage:
    """The tokens of one answer, as its model has counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@frozen
class Closing:
    """What a model has said of a whole answer behind its text; None where it said nothing."""

    finish_reason: str | None = None
    usage: Usage | None = None


NOT_CLOSED: Final = Closing()


@frozen
class ToolCallPart:
    """A part of a call that a model makes: its name once, its arguments piece by piece."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""


@frozen
class Delta:
    """The next piece of the answer, often empty; `finish_reason` on the last one, and the usage
    there or in an event of its own."""

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    calls: tuple[ToolCallPart, ...] = ()
    own_tools: tuple[str, ...] = ()
    """Tools that the server runs by itself and tells of, such as a web search."""


@frozen
class Done:
    """`[DONE]`: the answer is over, whatever the connection does."""


@frozen
class Failure:
    """The model failed. `words` are its own, as long and as wild as they came, secrets included."""

    reason: Reason
    words: str


CompletionEvent = Delta | Done | Failure


def decode_delta(data: str) -> CompletionEvent:
    """Read the data of one event of a streamed answer."""
    if data.strip() == "[DONE]":
        return Done()
    return _read(data, "delta")


def decode_completion(body: bytes) -> Delta | Failure:
    """Read a whole answer: what a server sends that has ignored `stream: true`."""
    return _read(body, "message")


def decode_error(status: int, body: bytes) -> Failure:
    """Read the body of an HTTP error, whatever it is. A code that we know outranks the status."""
    try:
        value = read_json(body)
    except BadMessage:
        return Failure(reason_of_status(status), body.decode("utf-8", "replace"))
    error = value.get("error", value) if isinstance(value, dict) else value
    reason = next(filter(None, map(_REASON_OF_CODE.get, _codes(error))), None)
    words = _words(error) or body.decode("utf-8", "replace")
    return Failure(reason or reason_of_status(status), words)


def reason_of_status(status: int) -> Reason:
    """The reason that an HTTP status stands for, on the response or inside an error."""
    return _REASON_OF_STATUS.get(status, Reason.MODEL_ERROR)


_REASON_OF_STATUS: Final = {
    400: Reason.MODEL_REQUEST_REFUSED,
    401: Reason.MODEL_KEY_REFUSED,
    402: Reason.MODEL_NO_CREDIT,
    403: Reason.MODEL_KEY_REFUSED,
    404: Reason.MODEL_NOT_FOUND,
    413: Reason.MODEL_REQUEST_REFUSED,
    422: Reason.MODEL_REQUEST_REFUSED,
    429: Reason.MODEL_BUSY,
}

# Codes that say more than the status they come with: an empty account is a 429 at OpenAI and at
# Zhipu (1113), and "busy, try later" would be the wrong thing to tell its owner.
_REASON_OF_CODE: Final = {
    "insufficient_quota": Reason.MODEL_NO_CREDIT,
    "insufficient_balance": Reason.MODEL_NO_CREDIT,
    "1113": Reason.MODEL_NO_CREDIT,
    "billing_error": Reason.MODEL_NO_CREDIT,
    "invalid_api_key": Reason.MODEL_KEY_REFUSED,
    "authentication_error": Reason.MODEL_KEY_REFUSED,
    "permission_error": Reason.MODEL_KEY_REFUSED,
    "model_not_found": Reason.MODEL_NOT_FOUND,
    "1211": Reason.MODEL_NOT_FOUND,
    "rate_limit_exceeded": Reason.MODEL_BUSY,
    "rate_limit_error": Reason.MODEL_BUSY,
    "overloaded_error": Reason.MODEL_BUSY,
    "1302": Reason.MODEL_BUSY,
    "1303": Reason.MODEL_BUSY,
    "1305": Reason.MODEL_BUSY,
    "context_length_exceeded": Reason.MODEL_REQUEST_REFUSED,
}

_HTTP_STATUS: Final = re.compile(r"[45]\d\d")
_STATUS_IN_FRONT: Final = re.compile(r"(?:HTTP )?([45]\d\d)\b")
# OpenClaw names no code. After a refused key it asks no more for a while, and says only this.
_REASON_OF_WORDS: Final = (
    (re.compile(r"temporarily disabled\b.*\bauth", re.DOTALL), Reason.MODEL_KEY_REFUSED),
    (re.compile(r"temporarily disabled\b.*\bbilling", re.DOTALL), Reason.MODEL_NO_CREDIT),
    (re.compile(r"request rejected", re.IGNORECASE), Reason.MODEL_REQUEST_REFUSED),
)


def _read(data: bytes | str, part: Literal["delta", "message"]) -> Delta | Failure:
    try:
        value = read_json(data)
    except BadMessage as error:
        return Failure(Reason.MODEL_ERROR, f"the model's answer is {error.faults['']}")
    if not isinstance(value, dict):
        return Delta()
    if value.get("error"):
        return _read_failure(value["error"])
    usage = read_usage(value.get("usage"))
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Delta(usage=usage)  # a usage report has no choices at all
    said_part = choices[0].get(part)
    finish_reason = choices[0].get("finish_reason")
    return Delta(
        _read_text(said_part.get("content")) if isinstance(said_part, dict) else "",
        finish_reason if isinstance(finish_reason, str) and finish_reason else None,
        usage,
        _read_calls(said_part.get("tool_calls")) if isinstance(said_part, dict) else (),
        _read_own_tools(said_part.get("tool_calls")) if isinstance(said_part, dict) else (),
    )


def read_usage(value: object) -> Usage | None:
    """What was counted, from any peer; None where it is no count. Nothing but zeros is none: some
    servers send them as long as they have not counted."""
    if not isinstance(value, dict):
        return None
    prompt, completion = (
        _read_count(value, "prompt_tokens"),
        _read_count(value, "completion_tokens"),
    )
    if prompt is None or completion is None or prompt + completion == 0:
        return None
    total = _read_count(value, "total_tokens") or 0
    return Usage(prompt, completion, max(total, prompt + completion))


def _read_count(value: Mapping[str, object], name: str) -> int | None:
    count = value.get(name)
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count < _MANY_TOKENS else None


def _read_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    # Servers that mix text with thinking and pictures send typed parts.
    texts = (p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _read_calls(calls: object) -> tuple[ToolCallPart, ...]:
    if not isinstance(calls, list) or not calls:
        return ()
    return tuple(
        _read_call(call) for call in calls if isinstance(call, dict) and not _is_own_tool(call)
    )


def _read_own_tools(calls: object) -> tuple[str, ...]:
    if not isinstance(calls, list) or not calls:
        return ()
    own = (call for call in calls if isinstance(call, dict) and _is_own_tool(call))
    return tuple(str(call["type"]) for call in own)


def _is_own_tool(call: Mapping[str, Any]) -> bool:
    """Whether it is none of the functions that were offered, but a kind of tool of the server's."""
    kind = call.get("type")
    return isinstance(kind, str) and kind not in ("", "function")


def _read_call(call: dict[str, Any]) -> ToolCallPart:
    index, function = call.get("index"), call.get("function")
    said = function if isinstance(function, dict) else {}
    arguments = said.get("arguments")
    if isinstance(arguments, dict):  # servers that have read it for us
        arguments = encode(arguments).decode()
    return ToolCallPart(
        index if isinstance(index, int) else None,
        _text_of(call.get("id")),
        _text_of(said.get("name")),
        _text_of(arguments),
    )


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def _read_failure(error: object) -> Failure:
    """An error inside a good response: its own code or status names the reason, else its words.

    `invalid_request_error` comes last: servers say it of a wrong key, too.
    """
    for code in _codes(error):
        if code in _REASON_OF_CODE:
            return Failure(_REASON_OF_CODE[code], _words(error))
        if _HTTP_STATUS.fullmatch(code):
            return Failure(reason_of_status(int(code)), _words(error))
    words = _words(error)
    reason = _reason_of_words(words)
    if reason is None and "invalid_request_error" in _codes(error):
        reason = Reason.MODEL_REQUEST_REFUSED
    return Failure(reason or Reason.MODEL_ERROR, words)


def _reason_of_words(words: str) -> Reason | None:
    """What OpenClaw passes on of its model: a failure in words alone, whatever it was."""
    status = _STATUS_IN_FRONT.match(words)
    if status is not None:
        return reason_of_status(int(status[1]))
    return next((reason for pattern, reason in _REASON_OF_WORDS if pattern.search(words)), None)


def _codes(error: object) -> list[str]:
    if not isinstance(error, dict):
        return []
    codes = (error.get(key) for key in ("code", "type", "status"))
    return [str(code) for code in codes if isinstance(code, str | int)]


def _words(error: object) -> str:
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    words = (error.get(key) for key in ("message", "detail", "error", "title", "code", "type"))
    return next((word for word in words if isinstance(word, str) and word), "")
