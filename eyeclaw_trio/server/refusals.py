"""How a refused request is told, in the words of whoever asks there."""

from __future__ import annotations

from typing import Final

from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.protocol.decoding import Opaque
from eyeclaw_trio.protocol.openai_answer import describe_refusal

_OPENAI: Final = "/v1/"


def describe_for(path: str, refused: RequestRefused) -> Opaque:
    """The JSON of a refusal at this path, empty where it is not known: OpenAI's error object for
    its clients (PROTOCOL 6), and the plain one for all others (PROTOCOL 1)."""
    if path.startswith(_OPENAI) or path == _OPENAI[:-1]:
        return describe_refusal(refused)
    return {"error": refused.error, "detail": refused.detail}
