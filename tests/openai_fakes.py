"""An OpenAI client over memory streams: what it sends, and what it reads."""

from __future__ import annotations

import json
from typing import Any, Final

import h11
from attrs import define, field
from fakes import KEY, Gateway, Glasses, make_directory

from eyeclaw_trio.core.directory import Directory
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.server.completions import (
    MODEL_PATH,
    MODELS_PATH,
    PATH,
    CompletionDoor,
    ModelsDoor,
)
from eyeclaw_trio.server.operations import WelcomeDoor

PROVIDER: Final = "nvidia1"


def completion(text: str = "你好", **fields: Any) -> dict[str, Any]:
    """The body of a POST, as OpenAI documents it."""
    body: dict[str, Any] = {"model": "eyeclaw", "messages": [{"role": "user", "content": text}]}
    return body | fields


@define(eq=False)
class OpenAIGateway(Gateway):
    """A gateway that OpenAI clients come to; `nvidia1` is a provider's name."""

    directory: Directory = field(factory=lambda: make_directory(default=1))

    def serve_openai(self, whole_answers: Shares | None = None) -> None:
        """Open the doors."""
        door = CompletionDoor(self.reception, (PROVIDER,))
        if whole_answers is not None:
            door = CompletionDoor(self.reception, (PROVIDER,), whole_answers)
        models = ModelsDoor(self.gate, (PROVIDER,), lambda _: None)
        self.open_doors(
            {
                PATH: {"POST": door.answer},
                "/": {"GET": WelcomeDoor().show, "POST": door.answer},
                MODELS_PATH: {"GET": models.list},
                MODEL_PATH: {"GET": models.show},
            }
        )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.serve_openai()


async def ask(
    client: Glasses,
    body: object = None,
    *,
    target: str = PATH,
    key: str | None = KEY,
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """Send a question."""
    await client.send(body or completion(), target=target, key=key, headers=headers)


async def read_json_answer(client: Glasses) -> tuple[h11.Response, Any]:
    """The response and its JSON."""
    response = await client.receive_head()
    return response, json.loads(await client.receive_body())


async def read_chunks(client: Glasses) -> list[Any]:
    """The objects of a whole stream, `[DONE]` as it is; comments are left out."""
    response = await client.receive_head()
    assert response.status_code == 200, await client.receive_body()
    assert dict(response.headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
    return objects_in(await client.receive_answer())


def objects_in(blocks: list[str]) -> list[Any]:
    """The objects among these blocks."""
    datas = [block.removeprefix("data: ") for block in blocks if not block.startswith(":")]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


def text_in(chunks: list[Any]) -> str:
    """What all chunks say together."""
    choices = [choice for chunk in chunks if chunk != "[DONE]" for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)
