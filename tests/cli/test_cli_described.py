"""What is generated from the commands is that of the commands: docs and the man page."""

from __future__ import annotations

from pathlib import Path

import describe
import pytest

from eyeclaw_trio.cli import main

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_of_all_options_is_that_of_the_commands(language: str) -> None:
    page = (DOCS / language / "commands.md").read_text("utf-8")
    assert describe.put_in(page) == page, "`make docs` writes it anew"


def test_the_man_page_has_every_command_and_every_option() -> None:
    page = describe.man_page().replace("\\-", "-")
    for path, command in describe.commands(main):
        assert f".SS\n{path}" in page
        for name, _ in describe.own_parameters(command):
            assert f".B {name}" in page
    assert not [line for line in page.splitlines() if line.startswith("'")]
