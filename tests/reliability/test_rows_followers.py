"""RELIABILITY 36: whoever has one answer read by thousands of workers, others are served as
before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio
from crowd import crowd
from mad_answers import MANY, answers, get, upgrade
from mad_tenant import GROWTH, gone_mad
from raw_wire import frame

from eyeclaw_trio.server.worker import POLL_PATH, TRIGGER_PATH

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

END = b'\\"stream_end\\"'


@pytest.mark.parametrize("count", [1, MANY])
async def test_row_36_polls_whose_answers_end_in_one_instant_stop_nobody(
    count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one answer, or each of its own."""
    async with (
        # 900 triggered turns are kept for a while.
        gone_mad(tmp_path, capsys, f"900 polls of {count} answers that end", kept=GROWTH) as mad,
        answers(mad, TRIGGER_PATH, count) as triggered,
        crowd(mad.gateway, MANY, lambda _: get(mad, "/v1/models"), b"]}") as pollers,
    ):

        def poll(number: int) -> bytes:
            turn = triggered.turns[number % count]
            return get(mad, f"{POLL_PATH}?bot_id={mad.bot['id']}&session_id={turn}")

        pollers.say_in_one_instant(poll)
        await trio.sleep(1)
        await triggered.end()
        assert all(b" 200 " in heard for heard in await pollers.hear(b"]"))


@pytest.mark.parametrize(("links", "times"), [(900, 1), (100, 40)])
async def test_row_36_workers_that_follow_one_answer_stop_nobody(
    links: int, times: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word, another one, and the end."""
    what = f"{links} links of workers follow one answer {times} times each"
    async with (
        gone_mad(tmp_path, capsys, what) as mad,
        answers(mad, TRIGGER_PATH, 1) as triggered,
        crowd(
            mad.gateway, links, lambda _: upgrade(f"/cable?access_key={mad.key}"), b"welcome"
        ) as workers,
    ):
        named = {"channel": "RokidStreamChannel", "session_id": triggered.turns[0]}
        said = b""
        for time in range(times):
            identifier = json.dumps(named | {"bot_id": mad.bot["id"], "time": time})
            command = {"command": "subscribe", "identifier": identifier}
            said += frame(json.dumps(command).encode())
        workers.say_in_one_instant(lambda _: said)
        await trio.sleep(1)
        for number in range(2):
            await triggered.say("stream_chunk", content=f"word{number} ", sequence=number)
            await trio.sleep(0.5)
        await triggered.say("stream_end")
        assert all(b"stream_end" in heard for heard in await workers.hear(b"stream_end"))
