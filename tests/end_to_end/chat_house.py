"""A gateway whose model was told what to say, and who chats with it."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Final

import trio
from house import PROGRAM, House
from running_gateway import Gateway, Model

SECRET: Final = "sk-a-key-that-nobody-must-see"
# A long answer, of which a client takes no more than the beginning.
LONG: Final = "script:pieces:2000:0.02"


def configure(house: House, model: Model) -> None:
    """`model` is the first provider, `nobody` one that is not there."""
    house.configure(
        f"[providers.model]\nbase_url = '{model.base_url}'\nmodel = 'any'\napi_key = '{SECRET}'\n"
        "first_token_timeout = 0.4\ntoken_timeout = 0.4\n"
        "[providers.nobody]\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'any'\n"
    )


async def last_question(model: Model) -> list[tuple[str, str]]:
    """What the model was asked last, with what was said before."""
    body: dict[str, Any] = (await model.seen())["completions"][-1]
    return [(each["role"], each["content"]) for each in body["messages"]]


# --- the terminal ---------------------------------------------------------------------------------


def chat(house: House, gateway: Gateway, text: str, *arguments: str) -> tuple[int, str, str]:
    """`eyeclaw chat` with this text piped in; blocks."""
    done = subprocess.run(
        [*PROGRAM, "chat", "--server", gateway.url, *arguments],
        input=text,
        env={"PATH": os.defpath, "HOME": str(house.folder), "EYECLAW_KEY": gateway.key},
        cwd=house.folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=20,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


async def piped(house: House, gateway: Gateway, text: str, *arguments: str) -> tuple[int, str, str]:
    return await trio.to_thread.run_sync(lambda: chat(house, gateway, text, *arguments))
