"""How long the way of one chunk is, from the bytes of its bot to the reader's and back."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import trio.testing
from cable_fakes import CableGateway
from fakes import question

import eyeclaw_trio

PACKAGE: Final = str(Path(eyeclaw_trio.__file__).parent)

# Functions of ours, the files that they are in, and how often they are called or gone on with. Who
# reads the code has to find this way in ten minutes: what is new on it takes the place of something
# else, or is passed only by those who want it. Comprehensions are calls before Python 3.12, and
# count for none here.
FUNCTIONS: Final = 74
FILES: Final = 26
CALLS: Final = 118


async def test_one_chunk_passes_few_functions_on_its_way_to_the_reader() -> None:
    gateway = CableGateway()
    calls: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<"):
            return
        if code.co_filename.startswith(PACKAGE) and "ping_wheel" not in code.co_filename:
            calls[code.co_filename, code.co_qualname] += 1

    async with gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send(question())
        turn = (await sdk.receive_command())["metadata"]["session_id"]
        chunk = {"type": "stream_chunk", "content": "你好", "session_id": turn}
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        before = sys.getprofile()
        for number in range(3):  # the first ones learn how this bot writes
            await trio.testing.wait_all_tasks_blocked()
            if number == 2:
                sys.setprofile(count)
            await sdk.say(chunk | {"sequence": number})
            assert "你好" in await glasses.receive_event()
            assert (await sdk.receive())["message"]["sequence"] == number
            await trio.testing.wait_all_tasks_blocked()
        sys.setprofile(before)
    way = "\n".join(
        f"{times:3} {name.removeprefix(PACKAGE)} {function}"
        for (name, function), times in calls.items()
    )
    assert len(calls) <= FUNCTIONS, way
    assert len({name for name, _ in calls}) <= FILES, way
    assert calls.total() <= CALLS, way
