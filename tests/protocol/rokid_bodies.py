"""Bodies of questions as glasses send them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.rokid import Question, decode_question


def ask(body: object) -> Question:
    return decode_question(orjson.dumps(body))


def a_body(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "message_id": "1021",
        "agent_id": "1",
        "message": [{"role": "user", "type": "text", "text": "你好"}],
    }
    return body | changes


def faults_of(body: object) -> dict[str, str]:
    with pytest.raises(BadMessage) as caught:
        ask(body)
    return caught.value.faults
