"""The command line: `python -m bench --help`."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve

from bench.display import Display
from bench.errors import BenchError
from bench.generator import Load, compile_generator
from bench.processes import Cores, raise_file_limit
from bench.results import save, show
from bench.runs import Run, measure_all
from bench.scenario import SMOKE_BOTS, Bench, Scenario, Size
from bench.scenarios import all_scenarios, soak
from bench.servers import Kept, Server, all_servers, baseline

ROOT: Final = Path(__file__).parents[1]
CACHE: Final = ROOT / ".cache" / "bench"
RESULTS: Final = Path(__file__).with_name("results")
# Of runs that are no whole one; git does not see it.
PASSING: Final = RESULTS / "tmp"
SOAK_MINUTES: Final = 30.0


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("names", nargs=-1, metavar="[SCENARIO]...")
@click.option("--list", "lists", is_flag=True, help="Show scenarios and servers, measure nothing.")
@click.option("--quick", is_flag=True, help="Each once and shorter: about 6 minutes.")
@click.option("--smoke", is_flag=True, help="Tiny loads, the gateway only: does it all work?")
@click.option(
    "--soak",
    "minutes",
    type=float,
    is_flag=False,
    flag_value=SOAK_MINUTES,
    help=f"The gateway alone for MINUTES ({SOAK_MINUTES:.0f}).",
    metavar="[MINUTES]",
)
@click.option(
    "--servers", help="Their names, with commas; default: all in a whole run, else the gateway."
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Another checkout with a .venv: its gateway takes turns with this one's.",
)
@click.option("--peers/--no-peers", default=None, help="All servers, or the gateway only.")
@click.option("--repeats", type=click.IntRange(1), help="Rounds of each scenario.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--seconds", type=float, help="Of each measurement.")
@click.option("--warm-up", type=float, help="Seconds before it.")
@click.option("--bots", type=int, help="Bots that link.")
@click.option("--answers", type=int, help="Answers at once.")
@click.option("--window", type=int, help="Chunks of an answer that may be unacknowledged.")
@click.option("--chunks", type=int, help="Of each answer.")
@click.option("--rate", type=float, help="Chunks a second of each answer; 0: as the window allows.")
@click.option("--server-core", type=int, help="For the server.")
@click.option("--load-core", type=int, help="For the load generator.")
def main(
    names: tuple[str, ...],
    lists: bool,
    quick: bool,
    smoke: bool,
    minutes: float | None,
    servers: str | None,
    against: Path | None,
    peers: bool | None,
    repeats: int | None,
    out: Path | None,
    server_core: int | None,
    load_core: int | None,
    **changes: float | None,
) -> None:
    """Measure the gateway beside other servers that do the same work.

    Without SCENARIO all of them, with all servers, into bench/results (about 25 minutes). With
    one or more: those, the gateway only unless --peers or --servers says otherwise, into
    bench/results/tmp. `streams` stands for all of that name's sizes.

    A peer that fails is a line in the results; the status is 1 only when a gateway failed.

    The main figure is the CPU time of the server per chunk: it stays the same on a machine that
    is shared with others, where chunks per second do not.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with us
    size: Size = "smoke" if smoke else "quick" if quick else "full"
    is_whole = not names and minutes is None and not smoke and against is None
    try:
        scenarios = _choose_scenarios(names, minutes, changes, size)
        chosen = _choose_servers(servers, is_whole if peers is None else peers)
        if against is not None:
            chosen = [baseline(against), *chosen]
        if lists:
            _list(scenarios)
            return
        cores = Cores.choose()
        cores = evolve(
            cores,
            server=cores.server if server_core is None else server_core,
            load=cores.load if load_core is None else load_core,
        )
        folder = out or (RESULTS if is_whole else PASSING)
        run = _run(scenarios, chosen, size, cores, repeats)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    show(run)
    for path in save(run, folder):
        click.echo(f"written: {path}", err=True)
    if run.own_failures:
        click.echo("the gateway did not do all that it was asked to:", err=True)
        for each in run.own_failures:
            click.echo(f"{each.scenario} with {each.server}: {each.words}", err=True)
        sys.exit(1)


def _run(
    scenarios: Sequence[Scenario],
    servers: Sequence[Server],
    size: Size,
    cores: Cores,
    repeats: int | None,
) -> Run:
    program = compile_generator(CACHE)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        display = stack.enter_context(Display())
        if size == "smoke":
            servers = [stack.enter_context(Kept(each, SMOKE_BOTS)) for each in servers]
        if cores.server is None:
            display.say("one core only: server and load share it, and the figures say little")
        bench = Bench(program, cores, Path(folder), size, raise_file_limit(), display.loading)
        return measure_all(bench, scenarios, servers, repeats=repeats, display=display)


def _choose_scenarios(
    names: Sequence[str], minutes: float | None, changes: dict[str, Any], size: Size
) -> list[Scenario]:
    known = all_scenarios(size)
    chosen = [each for each in known if not names or _is_named(each, names)]
    if minutes is not None:
        chosen = [soak(minutes), *(chosen if names else ())]
    for name in names:
        if not any(_is_named(each, [name]) for each in known):
            raise BenchError(f"there is no scenario {name}: --list shows them")
    given = {name: value for name, value in changes.items() if value is not None}

    def change(load: Load) -> Load:
        return evolve(load, **given)

    return [each.adapted(change) for each in chosen]


def _is_named(scenario: Scenario, names: Sequence[str]) -> bool:
    return scenario.name in names or scenario.name.partition("-")[0] in {"streams"} & set(names)


def _choose_servers(names: str | None, everyone: bool) -> list[Server]:
    known = all_servers(CACHE / "peers")
    if names is None:
        return known if everyone else known[:1]
    wanted = names.split(",")
    for name in wanted:
        if not any(server.name == name for server in known):
            raise BenchError(
                f"there is no server {name}: {', '.join(server.name for server in known)}"
            )
    return [server for server in known if server.name in wanted]


def _list(scenarios: Sequence[Scenario]) -> None:
    width = max(len(each.name) for each in scenarios)
    click.echo("Scenarios:")
    for each in scenarios:
        click.echo(f"  {each.name:{width}}  {each.title}: {each.about}")
    click.echo("Servers:")
    for server in all_servers(CACHE / "peers"):
        click.echo(f"  {server.name:{width}}  {server.title}")
