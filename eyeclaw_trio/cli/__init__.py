"""The command line: `eyeclaw` (CLI, "Commands"). Commands parse, call, and show; no logic.

Results go to stdout, everything else to stderr. Exit status 0 done, 1 failed, 2 wrong usage.
A command's module is imported when the command is called, and with it all that it needs.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

from eyeclaw_trio import __version__
from eyeclaw_trio.cli.choices import COMMON_HELP, common_options
from eyeclaw_trio.cli.failures import explained

# In the order of `--help`: each command, and the module that has it.
_COMMANDS: Final = {
    "serve": "serving",
    "connect": "serving",
    "ask": "asking",
    "chat": "chatting",
    "push": "pushing",
    "key": "keys",
    "bot": "bots",
    "trace": "traces",
    "forget": "forgetting",
    "providers": "providers",
    "admin": "admin",
    "backup": "backups",
    "restore": "backups",
    "config": "configuration",
    "doctor": "doctoring",
    "selftest": "selftesting",
    "completion": "completing",
}


class _Program(click.Group):
    """The root: whatever fails below becomes one line and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        with _ending_at_ctrl_c():
            import_module("eyeclaw_trio.settings")  # which nearly every command reads
            command = getattr(import_module(f"eyeclaw_trio.cli.{module}"), cmd_name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            # click knows only commands that it was given, and these are imported late.
            close = get_close_matches(name, _COMMANDS, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        with explained():
            return super().invoke(ctx)


@contextmanager
def _ending_at_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the process, with nothing said: there is nothing yet to be put in order, and an
    exception within an import would be a traceback."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=COMMON_HELP,
)
@common_options
@click.version_option(__version__, prog_name="eyeclaw")
def main() -> None:
    """Rokid glasses ask, your own agent answers.

    `eyeclaw serve` is the gateway; `eyeclaw ask TEXT` and `eyeclaw chat` try it out.
    """


def run() -> None:
    """The program: `eyeclaw` and `python -m eyeclaw_trio`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal has no character for is shown as a question mark.
            stream.reconfigure(errors="replace")
    main(prog_name="eyeclaw")
