"""Chat completions: our question to bytes, and what a model's events mean (PROTOCOL 5).

Many makes of server speak this, each with fields and habits of its own, so reading is lenient:
what has an unknown shape is an empty delta, never a crash. Only a line that is no JSON at all,
or an error in it, is a failure. Thinking (`reasoning_content`) never becomes text.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from attrs import frozen

from eyeclaw_trio.errors import BadMessage, Reason
from eyeclaw_trio.protocol.decoding import encode, read_json

Role = Literal["system", "user", "assistant"]

# Characters of a model's own words that are kept: a line of a log.
EXCERPT_LENGTH: Final = 200


@frozen
class ChatMessage:
    """One entry of a conversation."""

    role: Role
    content: str


@frozen
class CompletionRequest:
    """What is posted to `/chat/completions`.

    `user` and `max_tokens` are left out when None: some servers refuse fields they do not know.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    user: str | None = None
    stream: bool = True
    max_tokens: int | None = None

    def encode(self) -> bytes:
        """The request's body, JSON in UTF-8."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "stream": self.stream,
        }
        if self.user is not None:
            body["user"] = self.user
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        return encode(body)


@frozen
class Delta:
    """The next piece of the answer, often empty; `finish_reason` on the last one."""

    text: str = ""
    finish_reason: str | None = None


@frozen
class Done:
    """`[DONE]`: the answer is over, whatever the connection does."""


@frozen
class Failure:
    """The model failed in the middle of a good response. `detail` is one line of its own words."""

    reason: Reason
    detail: str


CompletionEvent = Delta | Done | Failure


def decode_delta(data: str) -> CompletionEvent:
    """Read the data of one event of a streamed answer."""
    if data.strip() == "[DONE]":
        return Done()
    return _read(data, "delta")


def decode_completion(body: bytes) -> Delta | Failure:
    """Read a whole answer: what a server sends that has ignored `stream: true`."""
    return _read(body, "message")


def explain_error(status: int, body: bytes) -> Failure:
    """Read the body of an HTTP error; a code of its own that we know goes before the status."""
    try:
        value = read_json(body)
    except BadMessage:
        return Failure(reason_of_status(status), excerpt(body.decode("utf-8", "replace")))
    reason, said = _read_error(value.get("error", value) if isinstance(value, dict) else value)
    return Failure(reason or reason_of_status(status), said)


def reason_of_status(status: int) -> Reason:
    """The reason that an HTTP status stands for, on the response or inside an error."""
    return _REASON_OF_STATUS.get(status, Reason.MODEL_ERROR)


def excerpt(text: str) -> str:
    """One printable line of at most EXCERPT_LENGTH characters."""
    # Cut early, too: the text may be megabytes, and only its beginning is looked at.
    line = "".join(c if c.isprintable() else " " for c in text[: EXCERPT_LENGTH * 10])
    line = " ".join(line.split())
    return line if len(line) <= EXCERPT_LENGTH else line[: EXCERPT_LENGTH - 1] + "…"


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
    "invalid_api_key": Reason.MODEL_KEY_REFUSED,
    "model_not_found": Reason.MODEL_NOT_FOUND,
    "1211": Reason.MODEL_NOT_FOUND,
    "rate_limit_exceeded": Reason.MODEL_BUSY,
    "1302": Reason.MODEL_BUSY,
    "1303": Reason.MODEL_BUSY,
    "1305": Reason.MODEL_BUSY,
    "context_length_exceeded": Reason.MODEL_REQUEST_REFUSED,
}

_HTTP_STATUS: Final = re.compile(r"[45]\d\d")


def _read(data: bytes | str, part: Literal["delta", "message"]) -> Delta | Failure:
    try:
        value = read_json(data)
    except BadMessage as error:
        return Failure(Reason.MODEL_ERROR, f"the model's answer is {error.faults['']}")
    if not isinstance(value, dict):
        return Delta()
    if value.get("error"):
        reason, said = _read_error(value["error"])
        return Failure(reason or Reason.MODEL_ERROR, said)
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Delta()  # a usage report has no choices at all
    said_part = choices[0].get(part)
    finish_reason = choices[0].get("finish_reason")
    return Delta(
        _read_text(said_part.get("content")) if isinstance(said_part, dict) else "",
        finish_reason if isinstance(finish_reason, str) and finish_reason else None,
    )


def _read_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    # Servers that mix text with thinking and pictures send typed parts.
    texts = (p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _read_error(error: object) -> tuple[Reason | None, str]:
    """What an error says of its reason (None: nothing that we know), and its words."""
    if not isinstance(error, dict):
        return None, excerpt(error if isinstance(error, str) else "an error without words")
    words = (error.get(key) for key in ("message", "detail", "error", "title"))
    said = next((word for word in words if isinstance(word, str) and word), "")
    for key in ("code", "type", "status"):
        code = error.get(key)
        if not isinstance(code, str | int):
            continue
        if str(code) in _REASON_OF_CODE:
            return _REASON_OF_CODE[str(code)], excerpt(said or str(code))
        if _HTTP_STATUS.fullmatch(str(code)):
            return reason_of_status(int(code)), excerpt(said or str(code))
        said = said or str(code)
    return None, excerpt(said or "an error without words")
