"""What a scripted model may say: steps, and the scripts that are made of them, by name."""

from __future__ import annotations

import json
from collections.abc import Callable

from attrs import frozen

PIECES = ("你好", "，我是", "scripted", " model", "。😀")
RECORD = 16_384
ERROR = {"error": {"message": "the model fell over", "type": "api_error"}}

# --- what a script is made of ---------------------------------------------------------------------


@frozen
class Head:
    status: int = 200
    content_type: str = "text/event-stream; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@frozen
class Send:
    """Bytes of the body, as they are."""

    data: bytes


@frozen
class Wait:
    seconds: float


@frozen
class End:
    """The body ends as it should; the connection may be used again."""


@frozen
class EndWithSurplus:
    """The body ends as it should, and in the same write comes what nobody has asked for.

    `padded` lets the surplus begin a TLS record of its own, by a comment before the end.
    """

    surplus: bytes
    padded: bool = False


@frozen
class Say:
    """Bytes on the wire behind the end, in a write of their own."""

    data: bytes


@frozen
class Close:
    """The connection ends, wherever the answer is."""


@frozen
class Reset:
    """The connection breaks: RST instead of FIN."""


@frozen
class Whole:
    """From here on the answer is whole: a client that leaves has not aborted it."""


Step = Head | Send | Wait | End | EndWithSurplus | Say | Close | Reset | Whole
Script = tuple[Step, ...]
FOREVER = Wait(float("inf"))


def event(value: object) -> Send:
    return Send(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")


def piece(text: str | None, finish_reason: str | None = None) -> Send:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]})


ROLE = event({"choices": [{"delta": {"role": "assistant", "content": None}}]})
USAGE = event({"choices": [], "usage": {"total_tokens": 12}})
COUNTED = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
# What a server says that looks something up by itself.
OWN_TOOL = {"choices": [{"delta": {"tool_calls": [{"type": "web_search", "web_search": {}}]}}]}
STOP = piece(None, "stop")
DONE = Send(b"data: [DONE]\n\n")
ENDING: Script = (STOP, USAGE, DONE, Whole(), End())


def _texts(count: float) -> list[str]:
    return [PIECES[i] if i < len(PIECES) else f" {i}" for i in range(int(count))]


def _pieces(count: float = len(PIECES), delay: float = 0) -> Script:
    said: list[Step] = []
    for text in _texts(count):
        said += [Wait(delay), piece(text)] if delay else [piece(text)]
    return (Head(), ROLE, *said, *ENDING)


def _answer_with(*steps: Step) -> Callable[..., Script]:
    """Two pieces, then what goes wrong."""
    return lambda: (Head(), ROLE, *(piece(text) for text in PIECES[:2]), *steps)


def status(
    status: int, body: object, *headers: tuple[str, str], kind: str = "application/json"
) -> Callable[..., Script]:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    length = ("Content-Length", str(len(data)))
    return lambda: (Head(status, kind, (*headers, length)), Send(data), End())


def _said(text: str, **more: object) -> dict[str, object]:
    return {"error": {"message": text, **more}}


def _cut_characters() -> Script:
    """Every byte of the answer is a piece of its own."""
    said = b"".join(piece(text).data for text in PIECES)
    return (Head(), *(Send(said[i : i + 1]) for i in range(len(said))), *ENDING)


def _comments(count: float = 20, delay: float = 0.02) -> Script:
    beats = (Send(b": keep-alive\n\n"), Wait(delay)) * int(count)
    return (Head(), *beats, piece(PIECES[0]), *beats[:4], piece(PIECES[1]), *ENDING)


_UNASKED_BODY = piece("nobody asked for this").data + STOP.data + DONE.data
# A whole response to a question that was never asked.
UNASKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_UNASKED_BODY)
) + _UNASKED_BODY


def _with_surplus(*steps: Step) -> Callable[..., Script]:
    said = tuple(piece(text) for text in PIECES)
    return lambda: (Head(), ROLE, *said, STOP, DONE, Whole(), *steps)


WHOLE_TEXT = "".join(PIECES)
ONE_PIECE = {"choices": [{"message": {"content": WHOLE_TEXT}, "finish_reason": "stop"}]}

SCRIPTS: dict[str, Callable[..., Script]] = {
    "pieces": _pieces,
    "usage": lambda: (
        Head(),
        *(ROLE, *(piece(text) for text in PIECES), piece(None, "length"), COUNTED, DONE),
        Whole(),
        End(),
    ),
    "cut-characters": _cut_characters,
    "comments": _comments,
    "own-tool": lambda: (
        *(Head(), ROLE, event(OWN_TOOL), event(OWN_TOOL), Wait(0.3)),
        *(piece(text) for text in PIECES[:2]),
        *ENDING,
    ),
    "thinking": lambda: (
        *(Head(), event({"choices": [{"delta": {"reasoning_content": "hm"}}]})),
        *(piece(PIECES[0]), *ENDING),
    ),
    "long-silence": lambda seconds: (
        *(Head(), ROLE, piece(PIECES[0]), Wait(seconds)),
        *(piece(text) for text in PIECES[1:]),
        *ENDING,
    ),
    "space-then-pieces": lambda: (
        *(Head(), piece("\n"), Wait(0.05)),
        *(piece(text) for text in PIECES),
        *ENDING,
    ),
    "space-then-cut": lambda: (Head(), piece("\n"), End()),
    "one-piece": status(200, ONE_PIECE),
    "one-piece-error": status(200, ERROR),
    "web-page": status(200, "<html>log in</html>", kind="text/html"),
    "empty": lambda: (Head(), ROLE, *ENDING),
    "held-open": _answer_with(STOP, DONE, Whole(), FOREVER),
    "finish-without-done": _answer_with(STOP, Whole(), End()),
    "finish-then-hang": _answer_with(STOP, Whole(), FOREVER),
    "finish-then-reset": _answer_with(STOP, Whole(), Reset()),
    "done-without-finish": _answer_with(DONE, Whole(), End()),
    "no-last-blank-line": _answer_with(STOP, Send(b"data: [DONE]"), Whole(), End()),
    "error-then-done": lambda: (Head(), event(ERROR), DONE, Whole(), End()),
    "error-in-the-middle": _answer_with(event(ERROR), DONE, Whole(), End()),
    "error-text": lambda: (Head(), event({"error": "out of luck"}), DONE, Whole(), End()),
    "error-429": lambda: (Head(), event(_said("slow down", code=429)), DONE, Whole(), End()),
    "not-json": _answer_with(Send(b"data: {oops\n\n"), End()),
    "odd-shapes": lambda: (
        *(Head(), event([]), event(1), event({"choices": [1]}), event({"choices": {}})),
        *(event({"choices": [{"delta": None}]}), event({"choices": [{"delta": {"content": 1}}]})),
        *(piece(PIECES[0]), *ENDING),
    ),
    "endless-line": lambda: (Head(), *([Send(b"x" * 65536)] * 17), FOREVER),
    "loops": lambda: (Head(), ROLE, *([piece("ha " * 2_000)] * 2_000), FOREVER),
    "hang-before-head": lambda: (FOREVER,),
    "hang-after-head": lambda: (Head(), ROLE, FOREVER),
    "hang": _answer_with(FOREVER),
    "reset-before-head": lambda: (Reset(),),
    "close-before-head": lambda: (Close(),),
    "reset": _answer_with(Wait(0.05), Reset()),
    "dropped": _answer_with(Close()),
    "cut": _answer_with(End()),
    "surplus": _with_surplus(EndWithSurplus(UNASKED)),
    "surplus-begun": _with_surplus(EndWithSurplus(UNASKED[:20])),
    "surplus-bytes": _with_surplus(EndWithSurplus(b"\r\n")),
    "surplus-in-its-own-record": _with_surplus(EndWithSurplus(UNASKED, padded=True)),
    "surplus-later": _with_surplus(End(), Wait(0.05), Say(UNASKED)),
    "400": status(400, _said("bad request", type="invalid_request_error")),
    "401": status(401, _said("wrong key", code="invalid_api_key")),
    "402": status(402, _said("Insufficient Balance")),
    "403": status(403, _said("not for you")),
    "404": status(404, _said("no such model", code="model_not_found")),
    "404-text": status(404, "Not Found", kind="text/plain; charset=utf-8"),
    "413": status(413, "too large", kind="text/plain"),
    "422": status(422, {"detail": [{"loc": ["body"], "msg": "field required"}]}),
    "429": status(429, _said("too many requests"), ("Retry-After", "7")),
    "429-no-credit": status(429, _said("You exceeded your quota", code="insufficient_quota")),
    "500": status(500, _said("the server fell over")),
    "503": status(503, "upstream\nis\tdown", kind="text/plain"),
    "302": status(302, "", ("Location", "http://127.0.0.1:9/elsewhere")),
}


def script_named(name: str) -> Script:
    """`name` or `name:number:number`."""
    name, *numbers = name.split(":")
    if name not in SCRIPTS:
        return status(400, _said(f"no such script: {name}"))()
    return SCRIPTS[name](*map(float, numbers))
