"""The command line in this process, in a folder of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from eyeclaw_trio.cli import main


def go_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, and no settings but those of the test."""
    for name in [
        name
        for name in os.environ
        if name.startswith(("EYECLAW_", "OPENCLAW_")) or name.endswith("_API_KEY")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_a, **_o: tmp_path / "user")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_a, **_o: tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environ)


def ask_json(*arguments: str) -> Any:
    """What a command that works prints with --json: one document, and nothing else there."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("\n")
    return json.loads(result.stdout)


def failure(*arguments: str, **environ: str) -> str:
    """The one line of a command that fails."""
    result = run(*arguments, **environ)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr
