"""OpenAI's own package of PyPI, unmodified, plays one scenario against a gateway: run by
`test_clients`, in an environment of its own, with nothing of ours in it.

    python ask_openai.py SCENARIO BASE_URL KEY [ARGUMENT…]

Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import sys
import zlib
from typing import Any

import openai

QUESTION = [{"role": "user", "content": "hello there"}]


def text_of(chunks: list[Any]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def sync(client: openai.OpenAI, *_: str) -> dict[str, Any]:
    """Whole, streamed, with the usage and without, and the models."""
    ask = client.chat.completions.create
    whole = ask(model="home", messages=QUESTION)
    plain = list(ask(model="home", messages=QUESTION, stream=True))
    options = {"include_usage": True}
    counted = list(ask(model="home", messages=QUESTION, stream=True, stream_options=options))
    models = [model.id for model in client.models.list()]
    return {
        "whole": whole.choices[0].message.content,
        "finish": whole.choices[0].finish_reason,
        "usage": whole.usage and whole.usage.total_tokens,
        "streamed": text_of(plain),
        "pieces": len(plain),
        "role": plain[0].choices[0].delta.role,
        "last": plain[-1].choices[0].finish_reason,
        "counted": text_of(counted),
        "stream_usage": counted[-1].usage and counted[-1].usage.total_tokens,
        "models": models,
        "model": client.models.retrieve("home").id,
        "request_id": whole._request_id,
    }


def told(error: openai.APIStatusError) -> list[Any]:
    """What it is, where its form is that of OpenAI."""
    if not isinstance(error.body, dict) or {*error.body} != {"message", "type", "param", "code"}:
        return ["another form", error.body]
    return [type(error).__name__, error.status_code, error.code]


def errors(client: openai.OpenAI, base_url: str, limited: str) -> dict[str, Any]:
    """What is raised, by what is wrong."""
    client = client.with_options(max_retries=0)
    raised: dict[str, Any] = {}

    def note(name: str, **given: Any) -> None:
        asked = given.pop("client", client)
        try:
            answer = asked.chat.completions.create(
                **{"model": "home", "messages": QUESTION} | given
            )
            for _ in answer if given.get("stream") else ():
                pass
        except openai.APIStatusError as error:
            raised[name] = told(error)
        except openai.APIError as error:
            raised[name] = [type(error).__name__, None, error.code]

    note("key", client=client.with_options(api_key="ak_wrong"))
    note("model", model="gpt-4o")
    note("body", messages=[])
    note("other bot", client=client.with_options(api_key=limited))
    note("offline", model="away")
    note("model fell over", messages=[{"role": "user", "content": "script:error-then-done"}])
    broken = [{"role": "user", "content": "script:error-in-the-middle"}]
    note("in the middle", messages=broken, stream=True)
    note("path", client=openai.OpenAI(base_url=f"{base_url}/none", api_key=client.api_key))
    note("type", extra_headers={"Content-Type": "text/plain"})
    note("compressed", extra_headers={"Content-Encoding": "gzip"})
    note("large", messages=[{"role": "user", "content": "x" * 1_200_000}])
    note("head", extra_headers={"X-Long": "x" * 20_000})
    try:
        client.post("/models", cast_to=object)
    except openai.APIStatusError as error:
        raised["method"] = told(error)
    for _ in range(25):
        note("many keys", client=client.with_options(api_key="ak_wrong"))
    note("key after that")
    return raised


def cancel(client: openai.OpenAI, *_: str) -> dict[str, Any]:
    """Leave a stream behind its first words."""
    endless = [{"role": "user", "content": "script:pieces:1000:0.05"}]
    stream = client.chat.completions.create(model="home", messages=endless, stream=True)
    read = [chunk for chunk, _ in zip(stream, range(3), strict=False)]
    stream.close()
    return {"read": len(read)}


def image(client: openai.OpenAI, *_: str) -> dict[str, Any]:
    """A question about an image within it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress((b"\0" + b"\xff\0\0" * 8) * 8)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = client.chat.completions.create(
        model="home", messages=[{"role": "user", "content": parts}]
    )
    return {"whole": answer.choices[0].message.content}


def retries(client: openai.OpenAI, *_: str) -> dict[str, Any]:
    """What the package does by itself: once more where the bot is away, not where it failed."""
    client = client.with_options(max_retries=2)
    raised = []
    failing = [{"role": "user", "content": "script:error-then-done"}]
    for model, messages in (("away", QUESTION), ("home", failing)):
        try:
            client.chat.completions.create(model=model, messages=messages)
        except openai.InternalServerError as error:
            raised.append(error.status_code)
    return {"raised": raised}


def many(_: openai.OpenAI, base_url: str, count: str) -> dict[str, Any]:
    """So many answers side by side, half of them streamed, by the asynchronous client."""

    async def ask_all() -> list[str]:
        async with openai.AsyncOpenAI(base_url=base_url, api_key=sys.argv[3]) as client:

            async def ask(number: int) -> str:
                messages = [{"role": "user", "content": f"{number} script:pieces:20:0.01"}]
                if number % 2:
                    whole = await client.chat.completions.create(model="home", messages=messages)
                    return whole.choices[0].message.content or ""
                stream = await client.chat.completions.create(
                    model="home", messages=messages, stream=True
                )
                return text_of([chunk async for chunk in stream])

            return list(await asyncio.gather(*map(ask, range(int(count)))))

    texts = asyncio.run(ask_all())
    return {"answers": len(texts), "texts": sorted(set(texts))}


def linked(client: openai.OpenAI, *_: str) -> dict[str, Any]:
    """A bot that is not in the gateway, whole and streamed."""
    whole = client.chat.completions.create(model="away", messages=QUESTION)
    stream = list(client.chat.completions.create(model="away", messages=QUESTION, stream=True))
    return {
        "whole": whole.choices[0].message.content,
        "streamed": text_of(stream),
        "pieces": len(stream),
    }


def main() -> None:
    scenario, base_url, key, *arguments = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, api_key=key)
    play = {each.__name__: each for each in (sync, errors, cancel, image, retries, many, linked)}
    print(json.dumps(play[scenario](client, base_url, *arguments)))


if __name__ == "__main__":
    main()
