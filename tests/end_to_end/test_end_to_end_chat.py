"""Chat as a user has it: real processes, a scripted model, a WebSocket, a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, cast

import attrs
import pytest
import trio
from attrs import define, field
from chat_fakes import CANCELLED, DONE, ChatClient
from house import PROGRAM, House
from processes import eventually
from running_gateway import Gateway, Model
from scripted_model import PIECES, WHOLE_TEXT
from trio_websocket import ConnectionClosed, wrap_client_stream

SECRET: Final = "sk-a-key-that-nobody-must-see"
# A long answer, of which a client takes no more than the beginning.
LONG: Final = "script:pieces:2000:0.02"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def configure(house: House, model: Model) -> None:
    """`model` is the first provider, `nobody` one that is not there."""
    house.configure(
        f"[providers.model]\nbase_url = '{model.base_url}'\nmodel = 'any'\napi_key = '{SECRET}'\n"
        "first_token_timeout = 0.4\ntoken_timeout = 0.4\n"
        "[providers.nobody]\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'any'\n"
    )


@asynccontextmanager
async def chatting(
    gateway: Gateway, session: str = "s", query: str = ""
) -> AsyncIterator[ChatClient]:
    """A client with this gateway's key; leaving hangs up without a word."""
    stream = await gateway.open_stream()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),
            f"{gateway.host}:{gateway.port}",
            f"/ws/stream/{session}{query}",
            extra_headers=[(b"Authorization", f"Bearer {gateway.key}".encode())],
        )
        try:
            yield ChatClient(socket, stream)
        finally:
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


async def last_question(model: Model) -> list[tuple[str, str]]:
    """What the model was asked last, with what was said before."""
    body: dict[str, Any] = (await model.seen())["completions"][-1]
    return [(each["role"], each["content"]) for each in body["messages"]]


# --- answers --------------------------------------------------------------------------------------


async def test_without_any_configuration_the_default_bot_answers_a_chat_client(
    house: House,
) -> None:
    async with house.serve() as gateway, chatting(gateway) as client:
        await client.ask('你好 {"type":"done"} 😀')
        pieces, ending = await client.answer()
    assert ("".join(pieces), ending) == ('你好 {"type":"done"} 😀', DONE)
    assert len(pieces) > 2


async def test_an_answer_that_is_a_signal_arrives_whole_and_ends_nothing(house: House) -> None:
    async with house.serve() as gateway, chatting(gateway) as client:
        await client.ask('{"type":"done"}')  # an echo without a space is one piece
        assert await client.answer() == (["{", '"type":"done"}'], DONE)
        await client.ask("好")
        assert await client.answer() == (["好"], DONE)


async def test_a_models_answer_comes_piece_by_piece_as_text_and_as_json(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway) as client:
                await client.ask("你好")
                assert await client.answer() == (list(PIECES), DONE)
            async with chatting(gateway, query="?format=json") as client:
                await client.ask("你好")
                chunks = [await client.signal() for _ in PIECES]
                assert chunks == [{"type": "chunk", "content": piece} for piece in PIECES]
                assert await client.signal() == DONE

            async def are_counted() -> bool:
                return (await count_answers(gateway, "model")) == 2

            await eventually(are_counted, seconds=5)
    listed = await house.result("trace", "list")
    assert {(each["source"], each["outcome"], each["bot_id"]) for each in listed} == {
        ("chat", "answered", None)
    }


async def count_answers(gateway: Gateway, provider: str) -> object:
    """How many turns of this provider `/stats` shows."""
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", target="/stats", key=gateway.key)
        await glasses.receive_head()
        providers = json.loads(await glasses.receive_body())["providers"]
        return providers.get(provider, {}).get("answers")


async def test_cancel_closes_the_models_request_within_a_second(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway, chatting(gateway) as client:
            await client.ask(LONG)
            assert await client.frame() == PIECES[0]
            await client.send({"type": "cancel"})
            with trio.fail_after(1):
                _, ending = await client.answer()
                assert ending == CANCELLED
                await model.wait_for("aborted", 1, seconds=1)
            await client.ask("more")
            assert (await client.answer())[1] == DONE


async def test_a_client_that_hangs_up_in_mid_answer_closes_the_models_request(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway) as client:
                await client.ask(LONG)
                await client.frame()
            await model.wait_for("aborted", 1, seconds=1)


async def test_the_conversation_survives_a_reconnect_and_is_another_in_another_session(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway, "a") as client:
                await client.ask("first")
                await client.answer()
            async with chatting(gateway, "a") as client:
                await client.ask("second")
                await client.answer()
            assert await last_question(model) == [
                ("user", "first"),
                ("assistant", WHOLE_TEXT),
                ("user", "second"),
            ]
            async with chatting(gateway, "b") as client:
                await client.ask("third")
                await client.answer()
            assert await last_question(model) == [("user", "third")]


async def test_row_24_two_keys_with_one_session_id_have_two_conversations(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            other = await house.result("key", "create", "other")
            theirs = attrs.evolve(gateway, key=other["key"])
            for each, question in ((gateway, "mine"), (theirs, "theirs")):
                async with chatting(each, "same") as client:
                    await client.ask(question)
                    await client.answer()
            assert await last_question(model) == [("user", "theirs")]


async def test_row_24_an_openclaw_keeps_the_two_conversations_apart_by_name(house: House) -> None:
    async with house.model() as model:
        house.configure(
            f"[providers.claw]\nbase_url = '{model.base_url}'\nmodel = 'openclaw/main'\n"
        )
        async with house.serve() as gateway:
            other = await house.result("key", "create", "other")
            theirs = attrs.evolve(gateway, key=other["key"])
            for each in (gateway, theirs, gateway):
                async with chatting(each, "same") as client:
                    await client.ask("q")
                    await client.answer()
            bodies = (await model.seen())["completions"]
    users = [body["user"] for body in bodies if body["messages"][-1]["content"] == "q"]
    assert users[0] == users[2] != users[1]
    assert [user.lower() for user in users] == users


async def test_several_sessions_are_answered_side_by_side(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with (
            house.serve() as gateway,
            chatting(gateway, "a") as slow,
            chatting(gateway, "b") as quick,
        ):
            await slow.ask(LONG)
            await slow.frame()
            for _ in range(3):
                await quick.ask("q")
                assert (await quick.answer())[1] == DONE
            assert await slow.frame()
            await slow.send({"type": "cancel"})
            assert (await slow.answer())[1] == CANCELLED


# --- failures -------------------------------------------------------------------------------------

FAILURES: Final = {
    "401": "model_key_refused",
    "402": "model_no_credit",
    "404": "model_not_found",
    "400": "model_request_refused",
    "429": "model_busy",
    "500": "model_error",
    "error-then-done": "model_error",
    "reset-before-head": "model_unreachable",
    "hang-after-head": "model_timeout",
    "hang": "model_timeout",
    "reset": "cut_answer",
    "cut": "cut_answer",
    "empty": "empty_answer",
}


async def test_row_29_each_failure_of_a_model_is_a_short_error_of_its_own(house: House) -> None:
    texts: dict[str, str] = {}
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway, chatting(gateway) as client:
            asked = [*(({"message": f"script:{name}"}, code) for name, code in FAILURES.items())]
            asked.append(({"message": "q", "provider": "nobody"}, "model_unreachable"))
            for message, code in asked:
                await client.send(message)
                _, ending = await client.answer()
                assert (ending["type"], ending["code"]) == ("error", code), message
                assert texts.setdefault(code, ending["message"]) == ending["message"]
                shown = json.dumps(ending, ensure_ascii=False)
                for internal in (SECRET, "HTTP", "127.0.0.1", "wrong key", "fell over", "Error"):
                    assert internal not in shown
                await client.ask("and now")  # each next question is answered
                assert (await client.answer())[1] == DONE
    assert len(set(texts.values())) == len(texts) == len({*FAILURES.values()})
    assert max(map(len, texts.values())) < 40


async def test_row_30_a_revoked_key_ends_its_chats_within_two_seconds(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        key = await house.result("key", "create", "revoked")
        async with house.serve() as gateway:
            revoked = attrs.evolve(gateway, key=key["key"])
            async with chatting(revoked, "busy") as busy, chatting(revoked, "idle") as idle:
                await busy.ask(LONG)
                await busy.frame()
                await house.result("key", "revoke", str(key["id"]))
                with trio.fail_after(2):
                    _, ending = await busy.answer()
                    assert ending["code"] == "key_revoked"
                    for client in (busy, idle):
                        with pytest.raises(ConnectionClosed) as caught:
                            await client.frame()
                        assert caught.value.reason is not None
                        assert caught.value.reason.code == 1008
                        assert caught.value.reason.reason == "the access key was revoked"
                await model.wait_for("aborted", 1, seconds=1)


async def test_row_6_a_running_answer_outlives_sigterm_and_an_idle_client_is_told(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with (
            house.serve() as gateway,
            chatting(gateway, "busy") as busy,
            chatting(gateway, "idle") as idle,
        ):
            await busy.ask("script:pieces:20:0.02")
            await busy.frame()
            gateway.process.terminate()
            with pytest.raises(ConnectionClosed) as caught:
                await idle.frame()
            assert caught.value.reason is not None
            assert caught.value.reason.code == 1001
            pieces, ending = await busy.answer()
            assert (len(pieces), ending) == (19, DONE)
            assert gateway.child is not None
            assert await gateway.child.status() == 0


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
            assert stderr.endswith("Please try again later. The model refused its key.\n")
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
