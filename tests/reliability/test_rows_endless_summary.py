"""RELIABILITY 35 and 36: a bot that has a question and says that it is over, again and again.

A summary without text says neither what was said nor that it has ended: an answer whose clock it
moved would never be over, and whose trace kept each of them would fill the memory.
"""

from __future__ import annotations

import re
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

import pytest
import trio
from fakes import Glasses
from mad_tenant import gone_mad

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

# An answer without an end is over two seconds behind its first summary (`summary_grace`), and on a
# machine that has other things to do a while later (seconds).
OVER_WITHIN: Final = 8.0
# `trace list` is a process of its own, which takes half a second to start, and some on a machine
# that has other things to do (seconds). With all summaries kept it took eleven.
LISTED_WITHIN: Final = 6.0


@pytest.mark.parametrize(
    ("links", "questions"), [(1, 1), (8, 40)], ids=["one question", "8 links, 40 questions"]
)
async def test_row_35_a_summary_without_text_again_and_again_ends_the_turn_and_takes_nothing(
    links: int, questions: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    what = f"summaries without end, {links} links, {questions} questions"
    async with gone_mad(tmp_path, capsys, what) as mad, AsyncExitStack() as stack:
        streams = [await mad.link(stack)]  # a second subscription would replace the first
        streams += [await mad.link(stack, subscribes=False) for _ in range(links - 1)]
        asked = [
            await mad.flood(stack, agent_id=str(mad.bot["id"]), message_id=str(number))
            for number in range(questions)
        ]
        turns = await _turns_of(streams[0], questions)
        said = b"".join(mad.say("stream_summary", session_id=turn) for turn in sorted(turns))
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(_say_for_ever, stream, said * (4_000 // questions))
            with trio.fail_after(OVER_WITHIN):
                for glasses in asked:
                    await _hear_it_end(glasses)
            await trio.sleep(1)  # nobody waits for them now
            nursery.cancel_scope.cancel()
        began = time.perf_counter()
        listed = await mad.house.result("trace", "list", "--limit", "200")
        assert time.perf_counter() - began < LISTED_WITHIN
        assert len([each for each in listed if each["session_id"] in turns]) == questions


async def _turns_of(link: trio.SocketStream, count: int) -> set[str]:
    received, turns = b"", set[str]()
    with trio.fail_after(20):
        while len(turns) < count:
            received += await link.receive_some()
            found = re.findall(rb'"session_id\\*":\\*"(\w{32})', received)
            turns = {each.decode() for each in found}
    return turns


async def _say_for_ever(link: trio.SocketStream, said: bytes) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_swallow, link)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                await link.send_all(said)


async def _swallow(link: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await link.receive_some():
            pass


async def _hear_it_end(glasses: Glasses) -> None:
    assert (await glasses.receive_head()).status_code == 200
    while not (await glasses.receive_event()).startswith("event: done"):
        pass
