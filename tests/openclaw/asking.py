"""Ask, and listen closely: as a client of OpenClaw itself, and as the glasses.

Both note when the first words came, and can hang up in the middle: the sockets are closed then,
as those of a wearer who walks away are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import httpx2
import trio
from attrs import define, field, frozen

TIMEOUT: Final = httpx2.Timeout(60.0)  # seconds; every step of the check has its own, shorter
OUR_AGENT_ID: Final = "0123456789abcdef0123456789abcdef"  # 32 hex digits, as real glasses send


@define
class Heard:
    """An answer as it came. Times are seconds since the question was sent."""

    started: float = field(factory=trio.current_time)
    pieces: list[str] = field(factory=list)
    first: float = 0.0
    ended: float = 0.0
    hung_up: float = 0.0  # of `trio.current_time`

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def since_start(self) -> float:
        return trio.current_time() - self.started

    def hear(self, piece: str) -> None:
        if not piece:
            return
        if not self.pieces:
            self.first = self.since_start()
        self.pieces.append(piece)


@define
class Completion(Heard):
    """What OpenClaw's own endpoint streamed."""

    status: int = 0
    content_type: str = ""
    body: str = ""  # where it was not a stream
    errors: list[dict[str, Any]] = field(factory=list)
    finish_reasons: list[str] = field(factory=list)
    done: int = 0


@define
class GlassesAnswer(Heard):
    """What the glasses got: every event, and the text in them. `failure` is what they are told."""

    events: list[tuple[str, dict[str, Any]]] = field(factory=list)

    @property
    def done(self) -> int:
        return sum(name == "done" for name, _ in self.events)

    @property
    def failure(self) -> str | None:
        """The sentence of the finishing message, which is empty after a good answer."""
        last = [data for name, data in self.events if name == "message"][-1:]
        said = last[0]["answer_stream"] if last and last[0]["is_finish"] else ""
        return str(said) or None

    def check_framing(self) -> None:
        """The end is a finishing message, then `done` without any text; nothing finishes before."""
        *before, (message, finishing), (done, last) = self.events
        expect(message == "message" and finishing["is_finish"], "no finishing message")
        expect(done == "done" and "answer_stream" not in last, "the last event is not a bare done")
        early = [data for name, data in before if name == "done" or data.get("is_finish")]
        expect(not early, f"something finished before the end: {early}")


class Unexpected(Exception):
    """What was heard is not what should have been; the message says what."""


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise Unexpected(otherwise)


@frozen
class ChatClient:
    """A client of an OpenAI-compatible endpoint, with kept-alive connections."""

    http: httpx2.AsyncClient
    base_url: str
    token: str
    model: str = "openclaw/main"

    async def ask(
        self, question: str, *, user: str, model: str = "", hang_up_after: int | None = None
    ) -> Completion:
        body = {
            "model": model or self.model,
            "stream": True,
            "user": user,
            "messages": [{"role": "user", "content": question}],
        }
        answer = Completion()
        async with self.http.stream(
            "POST",
            f"{self.base_url}/chat/completions",
            headers={"authorization": f"Bearer {self.token}"},
            json=body,
            timeout=TIMEOUT,
        ) as response:
            answer.status = response.status_code
            answer.content_type = response.headers.get("content-type", "")
            if not answer.content_type.startswith("text/event-stream"):
                answer.body = (await response.aread()).decode()
                return answer
            async with aclosing(read_events(response)) as events:
                async for _, data in events:
                    if data == "[DONE]":
                        answer.done += 1
                        continue
                    _take_chunk(answer, json.loads(data))
                    if hang_up_after is not None and len(answer.pieces) >= hang_up_after:
                        break
        answer.hung_up, answer.ended = trio.current_time(), answer.since_start()
        return answer


@frozen
class Glasses:
    """The Rokid platform asking a gateway for one wearer."""

    http: httpx2.AsyncClient
    gateway: str
    key: str

    async def ask(
        self, question: str, *, message_id: str = "1021", hang_up_after: int | None = None
    ) -> GlassesAnswer:
        body = {
            "message_id": message_id,
            "agent_id": OUR_AGENT_ID,
            "user_id": "wearer",
            "message": [{"role": "user", "type": "text", "text": question}],
        }
        answer = GlassesAnswer()
        async with self.http.stream(
            "POST",
            f"{self.gateway}/sse/rokid",
            headers={"authorization": f"Bearer {self.key}"},
            json=body,
            timeout=TIMEOUT,
        ) as response:
            if response.status_code != httpx2.codes.OK:
                said = (await response.aread()).decode()
                raise Unexpected(f"the gateway answered {response.status_code}: {said}")
            async with aclosing(read_events(response)) as events:
                async for name, data in events:
                    answer.events.append((name, json.loads(data)))
                    if name == "message" and not answer.events[-1][1]["is_finish"]:
                        answer.hear(answer.events[-1][1].get("answer_stream", ""))
                    if hang_up_after is not None and len(answer.pieces) >= hang_up_after:
                        break
        answer.hung_up, answer.ended = trio.current_time(), answer.since_start()
        return answer


async def read_events(response: httpx2.Response) -> AsyncGenerator[tuple[str, str], None]:
    """Name and data of each event of a stream; comments are left out."""
    name, data = "message", list[str]()
    async for line in response.aiter_lines():
        key, _, value = line.partition(":")
        if key == "event":
            name = value.removeprefix(" ")
        elif key == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            if data:
                yield name, "\n".join(data)
            name, data = "message", []


def _take_chunk(answer: Completion, chunk: dict[str, Any]) -> None:
    if "error" in chunk:
        answer.errors.append(chunk["error"])
    for choice in chunk.get("choices", ()):
        answer.hear(choice["delta"].get("content") or "")
        if choice["finish_reason"]:
            answer.finish_reasons.append(choice["finish_reason"])
