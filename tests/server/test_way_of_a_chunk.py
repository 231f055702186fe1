"""How long the way of one chunk is, from the bytes of its bot to the reader's and back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final

import trio.testing
from attrs import define, field
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


# The same of a question, from the bytes of its reader to the first byte of the answer and to its
# bot: the processor has forgotten each of these functions since the last one, and takes two to five
# microseconds for it. In which order the tasks come makes a few more or less.
OF_A_QUESTION: Final = 200


@define
class Way:
    """Which of our functions were passed, and how often."""

    calls: Counter[tuple[str, str]] = field(factory=Counter)

    @contextmanager
    def walked(self) -> Iterator[None]:
        """Count while inside."""
        before = sys.getprofile()
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(before)

    def __str__(self) -> str:
        return "\n".join(
            f"{times:3} {name.removeprefix(PACKAGE)} {function}"
            for (name, function), times in self.calls.items()
        )

    @property
    def files(self) -> int:
        return len({name for name, _ in self.calls})

    def _count(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<"):
            return
        if code.co_filename.startswith(PACKAGE) and "ping_wheel" not in code.co_filename:
            self.calls[code.co_filename, code.co_qualname] += 1


async def test_one_chunk_passes_few_functions_on_its_way_to_the_reader() -> None:
    gateway, way = CableGateway(), Way()
    async with gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        await glasses.send(question())
        turn = (await sdk.receive_command())["metadata"]["session_id"]
        chunk = {"type": "stream_chunk", "content": "你好", "session_id": turn}
        await glasses.receive_head()
        assert await glasses.receive_event() == ": connected"
        for number in range(3):  # the first ones learn how this bot writes
            await trio.testing.wait_all_tasks_blocked()
            with way.walked() if number == 2 else nullcontext():
                await sdk.say(chunk | {"sequence": number})
                assert "你好" in await glasses.receive_event()
                assert (await sdk.receive())["message"]["sequence"] == number
                await trio.testing.wait_all_tasks_blocked()
    assert len(way.calls) <= FUNCTIONS, str(way)
    assert way.files <= FILES, str(way)
    assert way.calls.total() <= CALLS, str(way)


async def test_one_question_passes_few_functions_until_its_bot_and_its_reader_know_of_it() -> None:
    gateway, way = CableGateway(), Way()
    async with gateway.sdk() as sdk, gateway.glasses() as glasses:
        await sdk.link()
        for number in range(2):  # the first one learns a little
            await trio.testing.wait_all_tasks_blocked()
            with way.walked() if number else nullcontext():
                await glasses.send(question())
                turn = (await sdk.receive_command())["metadata"]["session_id"]
                await glasses.receive_head()
                assert await glasses.receive_event() == ": connected"
                await trio.testing.wait_all_tasks_blocked()
            await sdk.say({"type": "stream_chunk", "content": "你好", "session_id": turn})
            await sdk.say({"type": "stream_end", "session_id": turn})
            assert "你好" in (await glasses.receive_answer())[0]
    assert len(way.calls) <= OF_A_QUESTION, str(way)
