"""The command line: `eyeclaw` (CLI, "Commands"). Commands parse, call, and show; no logic.

Results go to stdout, everything else to stderr. Exit status 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import click

from eyeclaw_trio import __version__
from eyeclaw_trio.cli.backups import backup, restore
from eyeclaw_trio.cli.chatting import chat
from eyeclaw_trio.cli.choices import COMMON_HELP, common_options
from eyeclaw_trio.cli.configuration import config
from eyeclaw_trio.cli.failures import explained
from eyeclaw_trio.cli.providers import providers
from eyeclaw_trio.cli.records import bot, key
from eyeclaw_trio.cli.running import ask, connect, serve
from eyeclaw_trio.cli.traces import trace


class _Program(click.Group):
    """The root: whatever fails below becomes one line and an exit status."""

    def invoke(self, ctx: click.Context) -> object:
        with explained():
            return super().invoke(ctx)


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


for _command in (serve, connect, ask, chat, key, bot, trace, providers, backup, restore, config):
    main.add_command(_command)
