"""Pictures opened by real processes, which may crash, be killed and take what they like."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import trio
from made_pictures import declared_png, halves, photographed, turned, written
from PIL import Image
from processes import LIFETIME

from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.pictures import WORKERS, Pictures, worker_command


def script(folder: Path, source: str) -> Pictures:
    """Something else in place of the worker."""
    path = folder / "worker.py"
    path.write_text(source, "utf-8")
    return Pictures((sys.executable, str(path)))


async def refusal(pictures: Pictures, data: bytes) -> PhotoFault:
    with trio.fail_after(LIFETIME), pytest.raises(PhotoRefused) as refused:
        await pictures.make_jpeg(data)
    return refused.value.fault


async def test_pictures_are_opened_side_by_side_and_come_back_upright() -> None:
    pictures = Pictures()
    sizes: list[tuple[int, int]] = []

    async def make(data: bytes) -> None:
        made = Image.open(io.BytesIO(await pictures.make_jpeg(data)))
        assert made.format == "JPEG"
        sizes.append(made.size)

    with trio.fail_after(LIFETIME):
        async with trio.open_nursery() as nursery:
            for data in (turned(6), written(halves(3000, 2000), "WEBP"), turned(1)):
                nursery.start_soon(make, data)
        text = "EYECLAW:ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        assert await pictures.read_codes(photographed(text, angle=20)) == (text,)
    assert sorted(sizes) == [(200, 400), (400, 200), (1568, 1045)]


async def test_what_is_no_picture_or_opens_to_too_much_is_refused_by_the_process() -> None:
    assert await refusal(Pictures(), b"<svg/>") is PhotoFault.NO_IMAGE
    assert await refusal(Pictures(), declared_png(40_000, 40_000)) is PhotoFault.LARGE


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.abort()",
        "raise SystemExit(3)",
        "print('not JSON')",
        "print('[1]')",
        "import sys; sys.stdin.close(); print('{'*10)",
        "import sys\nwhile True: sys.stdout.write('x' * 100_000)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    ],
)
async def test_a_process_that_crashes_or_babbles_costs_one_photo(
    tmp_path: Path, source: str
) -> None:
    assert await refusal(script(tmp_path, source), b"x" * 1_000_000) is PhotoFault.NO_IMAGE


async def test_one_that_never_ends_is_killed_with_whoever_waits_for_it(tmp_path: Path) -> None:
    pictures = script(
        tmp_path,
        "import os, time\n"
        f"open(r'{tmp_path}/pid', 'w').write(str(os.getpid()))\n"
        "os.rename('{0}/pid', '{0}/pid.whole')\n".format(tmp_path)
        + "time.sleep(600)\n",
    )
    whole = tmp_path / "pid.whole"
    with trio.fail_after(LIFETIME):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pictures.make_jpeg, b"x" * 5_000_000)
            while not whole.exists():
                await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(whole.read_text()), 0)


async def test_more_than_a_few_wait_for_their_turn(tmp_path: Path) -> None:
    source = (
        "import pathlib, sys, time\n"
        "sys.stdin.buffer.read()\n"
        f"here = pathlib.Path(r'{tmp_path}')\n"
        "mine = here / f'{time.monotonic_ns()}.now'\n"
        "mine.touch(); time.sleep(0.1)\n"
        "print('{\"codes\": [\"%d\"]}' % len(list(here.glob('*.now'))))\n"
        "mine.unlink()\n"
    )
    pictures = script(tmp_path, source)
    most: list[int] = []

    async def read() -> None:
        [count] = await pictures.read_codes(b"")
        most.append(int(count))

    with trio.fail_after(LIFETIME):
        async with trio.open_nursery() as nursery:
            for _ in range(3 * WORKERS):
                nursery.start_soon(read)
    assert len(most) == 3 * WORKERS
    assert max(most) <= WORKERS


async def test_a_worker_knows_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYECLAW_TOKEN", "bt_secret")
    source = "import json, os; print(json.dumps({'codes': sorted(os.environ)}))"
    with trio.fail_after(LIFETIME):
        names = await script(tmp_path, source).read_codes(b"")
    assert "EYECLAW_TOKEN" not in names
    assert "HOME" not in names


def test_a_program_in_one_file_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert worker_command() == (sys.executable, "picture-worker")


async def test_our_own_program_is_the_worker_where_it_is_called_so() -> None:
    pictures = Pictures((sys.executable, "-m", "eyeclaw_trio", "picture-worker"))
    with trio.fail_after(LIFETIME):
        assert (await pictures.make_jpeg(turned(6))).startswith(b"\xff\xd8")


async def test_ctrl_c_in_the_terminal_is_none_of_the_workers_business(tmp_path: Path) -> None:
    source = "import json, os; print(json.dumps({'codes': [str(os.getpgrp())]}))"
    with trio.fail_after(LIFETIME):
        [group] = await script(tmp_path, source).read_codes(b"")
    assert int(group) != os.getpgrp()
