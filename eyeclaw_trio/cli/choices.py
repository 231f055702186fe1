"""What every command takes, before or after its name: --data, --config, --json; and secrets."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from attrs import define

from eyeclaw_trio.errors import EyeclawError

if TYPE_CHECKING:
    # Only when they are needed: `eyeclaw --help` does without.
    import ssl

    from eyeclaw_trio.protocol.endpoint import Endpoint
    from eyeclaw_trio.settings import Settings, SettingsCheck

COMMON_HELP: Final = (
    "Settings come from options, else from EYECLAW_… in the environment, else from eyeclaw.toml, "
    "else they are the defaults: `eyeclaw config show` shows them."
)

# What an address is taken for that does not say it (`protocol/endpoint`).
NO_SCHEME: Final = (
    "Without a scheme: http:// on this machine and in its network, https:// elsewhere."
)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


@define
class Choices:
    """The common options as given, wherever they stood; the innermost wins."""

    data: Path | None = None
    config: Path | None = None
    json: bool = False

    def load(self, **flags: object) -> Settings:
        """The settings in force. Raises ConfigurationError."""
        from eyeclaw_trio.settings import load_settings

        return load_settings(
            {"data": self.data, **flags}, config=self.config, environ=os.environ, cwd=Path.cwd()
        )

    def check(self) -> SettingsCheck:
        """The settings with all their faults."""
        from eyeclaw_trio.settings import check_settings

        return check_settings(
            {"data": self.data}, config=self.config, environ=os.environ, cwd=Path.cwd()
        )


def record_id(text: str) -> int:
    """The id of a key or bot: a number that the database can hold. Raises BadParameter."""
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < 1:
        raise click.BadParameter("an id is a number from 1 up")
    return int(text)


def read_duration(text: str) -> timedelta:
    """A number with s, m, h or d behind it: `90s`, `7d`. Raises BadParameter."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise click.BadParameter("it is a number with s, m, h or d behind it, such as 12h")
    return timedelta(**{unit: int(number)})


pass_choices = click.make_pass_decorator(Choices, ensure=True)


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    choices = ctx.ensure_object(Choices)
    if value and parameter.name is not None:
        setattr(choices, parameter.name, value)


def common_options(command: AnyCommand) -> AnyCommand:
    """Give a command or group the options that all have; `Choices` receives them."""
    path = click.Path(path_type=Path)
    hidden: dict[str, Any] = {"expose_value": False, "callback": _remember}
    options = [
        click.option("--data", type=path, metavar="DIR", help="The data folder.", **hidden),
        click.option("--config", type=path, metavar="FILE", help="The settings' file.", **hidden),
        click.option("--json", is_flag=True, help="Print the result as JSON.", **hidden),
    ]
    for option in options:
        command = option(command)
    return command


def secret_option(name: str, what: str) -> Callable[[AnyCommand], AnyCommand]:
    """`--key` or `--token`; see `require_secret`."""
    variable = f"EYECLAW_{name.upper()}"
    return click.option(
        f"--{name}",
        metavar=name.upper(),
        help=f"{what} Better given as {variable} or {variable}_FILE: others can see options.",
    )


def require_secret(name: str, given: str | None, hint: str) -> str:
    """The option, else `EYECLAW_<NAME>`, else what is in the file `EYECLAW_<NAME>_FILE`.

    Raises UsageError when there is none, EyeclawError when it cannot be one. Never names it.
    """
    from eyeclaw_trio.settings.files import UnreadableFile, read_secret_file, why_no_key

    variable = f"EYECLAW_{name.upper()}"
    file = os.environ.get(f"{variable}_FILE")
    secret, source = given or os.environ.get(variable), variable
    if not secret and file:
        source = f"{variable}_FILE"
        try:
            secret = read_secret_file(Path(file).expanduser())
        except UnreadableFile as why:
            raise EyeclawError(f"{source}: the file cannot be read ({why})") from None
    secret = (secret or "").strip()
    if not secret:
        raise click.UsageError(f"There is no {name}: set {variable} or {variable}_FILE. {hint}")
    problem = why_no_key(secret)
    if problem is not None:
        where = f"--{name}" if given else source
        raise EyeclawError(f"{where} holds no {name}: {problem}. {hint}")
    return secret


def server_option(command: AnyCommand) -> AnyCommand:
    """`--server` of a client; see `find_gateway`."""
    option = click.option(
        "--server",
        metavar="URL",
        envvar="EYECLAW_SERVER",
        show_envvar=True,
        help=f"The gateway; else as in the settings. {NO_SCHEME}",
    )
    return option(command)


def find_gateway(choices: Choices, server: str | None) -> tuple[Endpoint, ssl.SSLContext | None]:
    """The gateway of this address, else that of the settings, and whom to trust there; None: whom
    this machine trusts. Raises EyeclawError."""
    from eyeclaw_trio.app.own_gateway import find_own_gateway
    from eyeclaw_trio.protocol.endpoint import read_endpoint

    if server is not None:
        return read_endpoint(server), None
    return find_own_gateway(choices.load())


def check_words(words: str | None) -> None:
    """Raises UsageError for what cannot be sent."""
    try:
        (words or "").encode()
    except UnicodeEncodeError:
        raise click.UsageError("The words are not UTF-8.") from None
