"""The command that prints a shell's completion: completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from eyeclaw_trio.cli.choices import common_options

_WHERE = {
    "bash": 'eval "$(eyeclaw completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(eyeclaw completion zsh)"    # in ~/.zshrc, behind compinit',
    "fish": "eyeclaw completion fish | source    # in ~/.config/fish/config.fish",
}


@click.command(epilog=f"\b\n{chr(10).join(_WHERE.values())}")
@click.argument("shell", type=click.Choice([*_WHERE]))
@common_options
def completion(shell: str) -> None:
    """Print what completes commands and options in this shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no {shell}")
    completer = kind(click.Group(), {}, "eyeclaw", "_EYECLAW_COMPLETE")
    # Not `source()`, which starts a bash to ask for its version.
    click.echo(completer.source_template % completer.source_vars())
