"""The program on a real terminal: Ctrl-C at any moment, every encoding, nothing said twice."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

EYECLAW = [sys.executable, "-m", "eyeclaw_trio"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EYECLAW_")}
    return {**kept, "HOME": str(tmp_path), "EYECLAW_DATA": str(tmp_path / "data"), "COLUMNS": "80"}


@pytest.mark.parametrize("module", ["click.core", "attr._make", "httpx2._models", "cattrs"])
@pytest.mark.parametrize("command", [["serve"], ["bot", "list"]])
def test_ctrl_c_while_it_starts_ends_it_without_a_word(
    environ: dict[str, str], tmp_path: Path, command: list[str], module: str
) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "eyeclaw_trio", *command]
    listen = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*arguments, *(listen if command == ["serve"] else [])],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:  # Python tells of every module that it has imported
            if line.rpartition("|")[2].strip() == module:
                break
        else:
            pytest.fail(f"it never imported {module}")
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    words = [line for line in rest.splitlines() if not line.startswith("import time:")]
    assert words == []
    assert process.returncode in (-signal.SIGINT, 130)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "gbk", "ascii"])
def test_every_list_can_be_shown_in_every_encoding(
    environ: dict[str, str], tmp_path: Path, encoding: str
) -> None:
    environ |= {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}

    def run(*arguments: str) -> str:
        command = [*EYECLAW, *arguments]
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode(encoding.replace("ascii", "utf-8"))  # click mends this one

    run("bot", "add", "家 ☂ é", "--provider", "echo")
    run("key", "create", "眼镜 ☂ é")
    for what in (["bot", "list"], ["key", "list"], ["trace", "list"], ["providers"]):
        run(*what)
        run(*what, "--json")
    run("config", "show")
    run("--help")


def test_ctrl_c_at_the_password_ends_it_without_a_word(
    environ: dict[str, str], tmp_path: Path
) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [*EYECLAW, "admin", "password"], environ)
    seen = b""
    while b"Password:" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    try:
        while piece := os.read(terminal, 4096):
            seen += piece
    except OSError:
        pass  # the terminal's other side is closed
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    assert seen.split() == [b"Password:"]


def test_a_connector_says_everything_once_on_a_terminal(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    environ |= {"EYECLAW_TOKEN": "bt_token", "EYECLAW_SERVER": f"http://127.0.0.1:{port}"}
    ours, theirs = pty.openpty()
    command = [*EYECLAW, "connect", "--bot", "1", "--provider", "echo"]
    with subprocess.Popen(
        command, env=environ, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        while b"\n" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(ours, 4096):
                seen += piece
        except OSError:
            pass  # the terminal's other side is closed
    os.close(ours)
    assert process.returncode in (0, 130)
    assert seen.count(b"connection refused") == 1
    assert b'{"event"' not in seen
    assert b"Traceback" not in seen
