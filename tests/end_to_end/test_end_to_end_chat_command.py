"""`eyeclaw chat` in a terminal and in a pipe, against a running gateway."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs
import pytest
import trio
from attrs import define, field
from chat_fakes import DONE
from chat_house import LONG, configure, last_question, piped
from house import PROGRAM, House
from model_scripts import PIECES, WHOLE_TEXT
from running_gateway import Gateway


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_lines_that_are_piped_in_are_answered_one_after_the_other(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            status, stdout, stderr = await piped(house, gateway, "one\n\ntwo", "--session", "p")
            assert (status, stdout, stderr) == (0, f"{WHOLE_TEXT}\n" * 2, "")
            assert [text for _, text in await last_question(model)] == ["one", WHOLE_TEXT, "two"]
            status, stdout, _ = await piped(
                house, gateway, "三\n", "--session", "p", "--provider", "echo"
            )
            assert (status, stdout) == (0, "三\n")


async def test_lines_may_come_from_a_file_and_no_lines_are_no_failure(house: House) -> None:
    async with house.serve() as gateway:
        file = house.folder / "questions"
        for text, answers in (("你好\n再见", "你好\n再见\n"), ("", "")):
            file.write_text(text, "utf-8")
            with file.open("rb") as questions:
                environ = {"PATH": os.defpath, "HOME": str(house.folder)}
                done = await trio.run_process(
                    [*PROGRAM, "chat", "--server", gateway.url],
                    stdin=questions,
                    env={**environ, "EYECLAW_KEY": gateway.key},
                    cwd=house.folder,
                    capture_stdout=True,
                    capture_stderr=True,
                )
            assert (done.stdout.decode(), done.stderr) == (answers, b"")


async def test_with_json_each_piece_is_one_object_on_a_line(house: House) -> None:
    async with house.serve() as gateway:
        status, stdout, stderr = await piped(house, gateway, "你好 世界\n", "--json")
    assert (status, stderr) == (0, "")
    lines = [json.loads(line) for line in stdout.splitlines()]
    assert all(isinstance(line.pop("at_ms"), int) for line in lines)
    *chunks, done = lines
    assert {each["type"] for each in chunks} == {"chunk"}
    assert ("".join(each["content"] for each in chunks), done) == ("你好 世界", DONE)


async def test_what_goes_wrong_is_one_line_and_status_1(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            status, stdout, stderr = await piped(house, gateway, "script:401\nmore\n")
            assert (status, stdout) == (1, "")
            told = "Please try again later. The model refused its key. (code "
            assert re.search(re.escape(told) + r"[2-9A-Z]{6}\)\n\Z", stderr)
            stranger = attrs.evolve(gateway, key="ak_wrong")
            status, _, stderr = await piped(house, stranger, "q\n")
            assert status == 1
            assert "said HTTP 401: Invalid access key; check EYECLAW_KEY" in stderr
            assert stranger.key not in stderr
            status, _, stderr = await piped(house, gateway, "q\n", "--provider", "nvidia9")
            assert status == 1
            assert "known are: " in stderr
        status, _, stderr = await piped(house, gateway, "q\n")
        assert status == 1
        assert "does the gateway run there?" in stderr


@define(eq=False)
class Terminal:
    """A program in a terminal: what is typed goes in, what is shown is remembered."""

    screen: int
    process: trio.Process
    shown: str = ""
    _bytes: bytes = field(default=b"")

    def type(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    async def wait_for(self, text: str, *, count: int = 1) -> None:
        """Wait until this has been shown so often in all."""
        with trio.fail_after(10):
            while self.shown.count(text) < count:
                await trio.lowlevel.wait_readable(self.screen)
                try:
                    self._bytes += os.read(self.screen, 65_536)
                except OSError:  # nobody has the other end any more
                    pytest.fail(f"it has ended: {self.shown}")
                self.shown = self._bytes.decode("utf-8", "ignore")


@asynccontextmanager
async def in_terminal(house: House, gateway: Gateway, *arguments: str) -> AsyncIterator[Terminal]:
    screen, inside = pty.openpty()
    with closing(os.fdopen(screen, "rb", buffering=0)):
        try:
            process = await trio.lowlevel.open_process(
                [*PROGRAM, "chat", "--server", gateway.url, *arguments],
                env={"PATH": os.defpath, "HOME": str(house.folder), "EYECLAW_KEY": gateway.key},
                cwd=house.folder,
                stdin=inside,
                stdout=inside,
                stderr=inside,
                start_new_session=True,
                # Its controlling terminal: Ctrl-C is then a signal to it and to nobody else.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        finally:
            os.close(inside)
        try:
            yield Terminal(screen, process)
        finally:
            process.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await process.wait()


async def test_in_a_terminal_ctrl_c_cancels_the_answer_and_not_the_program(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with (
            house.serve() as gateway,
            in_terminal(house, gateway, "--session", "t") as terminal,
        ):
            await terminal.wait_for("> ")
            terminal.type(f"{LONG}\n")
            await terminal.wait_for(PIECES[1])
            terminal.type("\x03")
            await terminal.wait_for("(cancelled)")
            await model.wait_for("aborted", 1, seconds=1)
            await terminal.wait_for("> ", count=2)

            terminal.type("again\n")
            await terminal.wait_for(PIECES[-1].strip())
            await terminal.wait_for("> ", count=3)
            assert terminal.process.poll() is None
            said = [text for _, text in await last_question(model)]
            assert (said[0], said[-1]) == (LONG, "again")

            terminal.type("\x03")
            with trio.fail_after(5):
                assert await terminal.process.wait() == 130
    assert "Traceback" not in terminal.shown


async def test_in_a_terminal_a_failure_is_shown_and_ctrl_d_ends_the_program(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway, in_terminal(house, gateway) as terminal:
            await terminal.wait_for("--session")
            await terminal.wait_for("> ")
            terminal.type("script:429\n")
            await terminal.wait_for("The model is overloaded.")
            await terminal.wait_for("> ", count=2)
            terminal.type("\x04")
            with trio.fail_after(5):
                assert await terminal.process.wait() == 0
    assert "Traceback" not in terminal.shown


async def test_in_a_terminal_a_connection_that_has_ended_is_made_anew(house: House) -> None:
    async with house.serve() as gateway:
        port = gateway.port
        async with in_terminal(house, gateway, "--session", "t") as terminal:
            await terminal.wait_for("> ")
            gateway.process.terminate()
            assert gateway.child is not None
            assert await gateway.child.status() == 0
            async with house.run("serve", "serve", "--listen", f"127.0.0.1:{port}") as again:
                with trio.fail_after(10):
                    await again.line()
                terminal.type("世界你好\n")
                await terminal.wait_for("世界你好", count=2)
    assert "Traceback" not in terminal.shown
