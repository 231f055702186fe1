"""`eyeclaw ask` against a gateway that answers by script, over a real socket."""

from __future__ import annotations

import json
import os
import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import trio
import trustme
from attrs import define, field
from click.testing import CliRunner, Result
from scripted_gateway import ANSWER, DONE, IDS, KEY, OFFLINE, OK, event, message, scripted_gateway

from eyeclaw_trio.cli import main
from eyeclaw_trio.client.ask import AskedQuestion, ask
from eyeclaw_trio.client.display import Shown
from eyeclaw_trio.protocol.endpoint import read_endpoint
from eyeclaw_trio.protocol.rokid import decode_question
from eyeclaw_trio.trust import trust_only


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, and no settings but those of the test."""
    for name in [name for name in os.environ if name.startswith(("EYECLAW_", "OPENCLAW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_a, **_o: tmp_path / "user")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["ask", *arguments], env={"EYECLAW_KEY": KEY, **environ})


def test_the_answer_comes_out_as_text_with_a_newline_at_its_end() -> None:
    with scripted_gateway(ANSWER) as gateway:
        result = run("你是谁？", "--server", gateway.url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "你好，世界\n", "")


def test_the_question_is_one_that_the_gateway_can_read() -> None:
    with scripted_gateway(ANSWER) as gateway:
        run("what is this?", "--server", gateway.url, "--user", "u1", "--message-id", "m1",
            "--image", "https://images.example/a.jpg")  # fmt: skip
        question = decode_question(gateway.body)
        assert gateway.head.startswith("POST /sse/rokid HTTP/1.1\r\n")
        assert f"authorization: bearer {KEY}" in gateway.head.lower().replace(KEY.lower(), KEY)
        run("hello", "--server", gateway.url)
        other = decode_question(gateway.body)
    assert (question.message_id, question.user_id) == ("m1", "u1")
    assert (question.asked.text, question.asked.image) == (
        "what is this?",
        "https://images.example/a.jpg",
    )
    assert (other.text, other.user_id) == ("hello", None)
    assert other.message_id


def test_a_bot_is_asked_for_as_the_agent() -> None:
    with scripted_gateway(ANSWER) as gateway:
        run("x", "--server", gateway.url, "--bot", "home")
        assert decode_question(gateway.body).agent_id == "home"
        run("x", "--server", gateway.url)
        assert decode_question(gateway.body).agent_id == "0" * 32


def test_with_json_every_event_is_an_object_on_a_line_of_its_own() -> None:
    with scripted_gateway(ANSWER) as gateway:
        result = run("x", "--server", gateway.url, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["event"] for each in events] == ["message", "message", "message", "done"]
    assert events[0]["data"]["answer_stream"] == "你好"
    assert all(list(each) == ["event", "data", "at_ms"] for each in events)
    times = [each["at_ms"] for each in events]
    assert times == sorted(times)
    assert all(isinstance(each, int) for each in times)


def test_what_is_no_text_goes_to_stderr_and_control_characters_nowhere() -> None:
    call = {"command": "take_photo"}
    pieces = [
        OK,
        message("\x1b[31mlook\x07\nhere\x9b2J\u202e!"),
        event("message", {"type": "tool_call", "tool_call": call, **IDS, "is_finish": False}),
        message("", is_finish=True),
        DONE,
    ]
    with scripted_gateway(pieces) as gateway:
        result = run("x", "--server", gateway.url)
    assert result.stdout == "[31mlook\nhere2J!\n"
    assert result.stderr == 'tool_call: {"command":"take_photo"}\n'
    with scripted_gateway(pieces) as gateway:
        result = run("x", "--server", gateway.url, "--json")
    first = result.stdout.splitlines()[0]
    assert not set(first) & set("\x07\x1b\x9b\u202e")
    assert json.loads(first)["data"]["answer_stream"] == "\x1b[31mlook\x07\nhere\x9b2J\u202e!"


@pytest.mark.parametrize(
    ("pieces", "stdout", "problem"),
    [
        ([OK, message("half")], "half\n", "broke off before its end"),
        ([OK], "", "broke off before its end"),
        (
            [OK, event("error", {"message": "no model"}), message("no", is_finish=True), DONE],
            "no\n",
            "the bot did not answer: no model",
        ),
        ([OK, message(OFFLINE, is_finish=True), DONE], f"{OFFLINE}\n", OFFLINE),
        (["nonsense\r\n\r\n"], "", "broke off"),
        ([], "", "broke off"),
        (["HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>hello"], "", "no answer of a gate"),
        (["HTTP/1.1 502 Bad Gateway\r\n\r\n"], "", "said HTTP 502"),
        (
            [
                "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n\r\n",
                '{"error":"Unknown\\nkey","detail":["a","b"]}',
            ],
            "",
            'said HTTP 401: Unknown key: ["a","b"]; check EYECLAW_KEY',
        ),
    ],
)
def test_an_answer_that_fails_is_one_line_and_status_1(
    pieces: list[str], stdout: str, problem: str
) -> None:
    with scripted_gateway(pieces) as gateway:
        result = run("x", "--server", gateway.url)
    assert result.exit_code == 1
    assert result.stdout == stdout
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
    assert KEY not in result.output


def test_a_gateway_that_is_not_there_is_one_line_and_status_1() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    result = run("x", "--server", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: cannot reach http://127.0.0.1:{port}: ")
    assert result.stderr.count("\n") == 1


def test_without_a_server_the_one_of_the_settings_is_asked(folder: Path) -> None:
    with scripted_gateway(ANSWER) as gateway:
        (folder / "eyeclaw.toml").write_text(f'listen = "0.0.0.0:{gateway.port}"')
        assert run("x").stdout == "你好，世界\n"
        assert run("x", EYECLAW_LISTEN=f"127.0.0.1:{gateway.port}").exit_code == 0
    assert run("x", EYECLAW_LISTEN="127.0.0.1:0").exit_code == 1


def test_our_own_gateway_is_known_by_its_certificate_whatever_its_name(folder: Path) -> None:
    authority = trustme.CA()
    server, stranger = (authority.issue_cert("gateway.example") for _ in range(2))
    certificate, private_key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    private_key.write_bytes(server.private_key_pem.bytes())
    for leaf, expected in ((server, 0), (stranger, 1)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        with scripted_gateway(ANSWER, context) as gateway:
            settings = f'listen = "127.0.0.1:{gateway.port}"\n'
            settings += 'tls_certificate = "cert.pem"\ntls_key = "key.pem"'
            (folder / "eyeclaw.toml").write_text(settings)
            assert run("x").exit_code == expected
    assert trust_only(certificate).check_hostname is False


def test_the_key_may_come_from_a_file(folder: Path) -> None:
    (folder / "key").write_text(f"{KEY}\n")
    with scripted_gateway(ANSWER) as gateway:
        result = run("x", "--server", gateway.url, EYECLAW_KEY="", EYECLAW_KEY_FILE="key")
        assert result.exit_code == 0
        assert KEY in gateway.head
    result = run("x", EYECLAW_KEY="", EYECLAW_KEY_FILE="absent")
    assert result.exit_code == 1
    assert "EYECLAW_KEY_FILE: the file cannot be read" in result.stderr


def test_without_a_key_or_a_question_the_usage_is_wrong() -> None:
    assert run("x", EYECLAW_KEY="").exit_code == 2
    assert run(" ").exit_code == 2
    assert run().exit_code == 2


def test_a_key_that_cannot_be_one_is_not_shown() -> None:
    result = run("x", EYECLAW_KEY=f"{KEY}\r\nX: y")
    assert result.exit_code == 1
    assert KEY not in result.output


def test_ctrl_c_ends_quietly_with_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_arguments: Any, **_options: Any) -> None:
        raise BaseExceptionGroup("a nursery", [KeyboardInterrupt()])

    monkeypatch.setattr("eyeclaw_trio.cli.asking.ask_gateway", interrupted)
    result = run("x", "--server", "http://127.0.0.1:1")
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize(
    ("server", "endpoint"),
    [
        ("http://a:8001", "http://a:8001/sse/rokid"),
        ("https://a/", "https://a/sse/rokid"),
        ("a:8001", "http://a:8001/sse/rokid"),
        ("http://[::1]:8001/sse/rokid", "http://[::1]:8001/sse/rokid"),
        ("https://a/metis/agent/api/sse/", "https://a/metis/agent/api/sse"),
        ("https://a/behind/a/proxy", "https://a/behind/a/proxy/sse/rokid"),
    ],
)
def test_a_server_may_be_named_with_or_without_its_path(server: str, endpoint: str) -> None:
    assert AskedQuestion(read_endpoint(server), KEY, "x").url == endpoint


@define
class _Remembering:
    """A display that tells the server when it has shown an event."""

    seen: list[str] = field(factory=list)
    has_shown: trio.Event = field(factory=trio.Event)
    is_closed: bool = False

    def show(self, shown: Shown) -> None:
        self.seen.append(shown.event["event"])
        self.has_shown.set()

    def close(self) -> None:
        self.is_closed = True


async def receive_question(stream: trio.SocketStream) -> None:
    data = b""
    while not data.endswith(b"}]}"):
        data += await stream.receive_some()


async def test_every_piece_is_shown_before_the_next_one_is_there() -> None:
    display = _Remembering()

    async def answer(stream: trio.SocketStream) -> None:
        await receive_question(stream)
        await stream.send_all(OK.encode())
        for count, piece in enumerate(ANSWER[2:], start=1):
            await stream.send_all(piece.encode())
            await display.has_shown.wait()
            assert len(display.seen) == count
            display.has_shown = trio.Event()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        with trio.fail_after(5):
            await ask(AskedQuestion(read_endpoint(f"http://127.0.0.1:{port}"), KEY, "x"), display)
        nursery.cancel_scope.cancel()
    assert display.seen == ["message", "message", "message", "done"]


async def test_a_question_that_is_cancelled_closes_its_connection() -> None:
    display, closed = _Remembering(), trio.Event()

    async def answer(stream: trio.SocketStream) -> None:
        await receive_question(stream)
        await stream.send_all("".join(ANSWER[:3]).encode())
        assert await stream.receive_some() == b""
        closed.set()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        question = AskedQuestion(read_endpoint(f"http://127.0.0.1:{port}"), KEY, "x")
        async with trio.open_nursery() as asking:
            asking.start_soon(ask, question, display)
            await display.has_shown.wait()
            asking.cancel_scope.cancel()
        with trio.fail_after(5):
            await closed.wait()
        nursery.cancel_scope.cancel()
    assert display.is_closed
