"""Plots as SVG. They need matplotlib (`pip install -e '.[bench]'`, which `make bench` does)."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench.figures import CPU, RATE
from bench.runs import Run

# One for each server, in their order; told apart by colour-blind eyes too (Okabe and Ito).
COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bench",  # the same picture is the same file
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}
# Where the axis of a distribution has its marks.
PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9, 99.99)


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def draw_all(run: Run, folder: Path) -> list[Path]:
    """Draw what this run has figures for; returns the files, none without matplotlib."""
    if not can_draw():
        return []
    drawn = {
        "delay": _draw_delays,
        "cost": _draw_costs,
        "streams": _draw_streams,
        "soak": _draw_soak,
    }
    found = []
    for name, draw in drawn.items():
        path = folder / f"{name}.svg"
        if draw(run, path):
            found.append(path)
    return found


@contextmanager
def _picture(path: Path, rows: int = 1, columns: int = 1) -> Iterator[Any]:
    """The places of a new picture, row by row, which is written when the block ends.

    Where more than one thing has a label, a legend stands below all of them.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Picture

    with mpl.rc_context(STYLE):
        picture = Picture(figsize=(5.5 * columns, 3.6 * rows), layout="constrained")
        places = [*picture.subplots(rows, columns, squeeze=False).flat]
        yield places
        handles, labels = places[0].get_legend_handles_labels()
        if len(labels) > 1:
            picture.legend(
                handles, labels, loc="outside lower center", ncols=3 if columns > 1 else 2
            )
        picture.savefig(
            path, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
        )


def _colours(run: Run) -> dict[str, str]:
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(run.servers)}


def _shape_of(run: Run, scenario: str, server: str) -> list[tuple[float, int]]:
    """The delays of all rounds together: upper bounds in ms, with their counts."""
    counts: Counter[float] = Counter()
    for report in run.reports(scenario, server):
        for bound, count in (report.get("delay_ms") or {}).get("shape", ()):
            counts[bound] += count
    return sorted(counts.items())


def _draw_delays(run: Run, path: Path) -> bool:
    """Delays up to the highest percentile that their number allows, under paced load."""
    known = {each.name: each.title for each in run.scenarios}
    names = [
        name
        for name in ("light", "middle")
        if name in known and any(_shape_of(run, name, server) for server in run.servers)
    ]
    if not names:
        return False
    with _picture(path, columns=len(names)) as places:
        for place, name in zip(places, names, strict=True):
            for server, colour in _colours(run).items():
                shape = _shape_of(run, name, server)
                total = sum(count for _, count in shape)
                passed, across, up = 0, [], []
                for bound, count in shape:
                    passed += count
                    rest = max(total - passed, 0.5) / total
                    across.append(1 / rest)
                    up.append(bound)
                if shape:
                    place.plot(across, up, color=colour, label=run.servers[server])
            place.set(
                xscale="log",
                yscale="log",
                title=known[name],
                xlabel="percentile",
                ylabel="from the bot to the reader, ms",
            )
            marks = [100 / (100 - each) for each in PERCENTILES]
            place.set_xticks(marks, [f"{each:g}" for each in PERCENTILES])
            place.set_xlim(left=1)
            place.minorticks_off()
            _plain(place.yaxis)
    return True


def _bars(run: Run, place: Any, scenario: str, figure: Any, title: str) -> None:
    servers = [name for name in run.servers if run.values(scenario, name, figure)]
    colours = _colours(run)
    for at, server in enumerate(reversed(servers)):
        values = sorted(run.values(scenario, server, figure))
        middle = values[len(values) // 2]
        error = [[middle - values[0]], [values[-1] - middle]]
        place.barh(at, middle, xerr=error, color=colours[server], ecolor="#555555")
        place.annotate(
            f"{middle:,.1f}" if middle < 1_000 else f"{middle:,.0f}",
            (values[-1], at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    place.set_yticks(range(len(servers)), [run.servers[name] for name in reversed(servers)])
    place.set_title(title)
    place.margins(x=0.2)
    place.locator_params(axis="x", nbins=5)
    place.xaxis.set_major_formatter("{x:,.0f}")
    place.grid(axis="y", visible=False)


def _draw_costs(run: Run, path: Path) -> bool:
    """What a chunk costs and how many go through, by server."""
    names = [
        each.name
        for each in run.scenarios
        if each.name in ("relay", "relay-small")
        and any(run.values(each.name, server, CPU) for server in run.servers)
    ]
    if not names:
        return False
    words = {"relay": "big batches", "relay-small": "small batches"}
    with _picture(path, rows=len(names), columns=2) as places:
        for at, name in enumerate(names):
            _bars(run, places[2 * at], name, CPU, f"µs CPU per chunk, {words[name]}")
            _bars(run, places[2 * at + 1], name, RATE, f"chunks/s on one core, {words[name]}")
    return True


def _draw_streams(run: Run, path: Path) -> bool:
    """What a chunk costs with more and more answers at once."""
    names = [each.name for each in run.scenarios if each.name.startswith("streams-")]
    with_figures = [
        name for name in names if any(run.values(name, server, CPU) for server in run.servers)
    ]
    if len(with_figures) < 2:
        return False
    with _picture(path) as places:
        place = places[0]
        for server, colour in _colours(run).items():
            points = [
                (int(name.partition("-")[2]), sorted(values))
                for name in with_figures
                if (values := run.values(name, server, CPU))
            ]
            across = [count for count, _ in points]
            middle = [statistics.median(values) for _, values in points]
            place.plot(across, middle, marker="o", color=colour, label=run.servers[server])
            lowest, highest = [v[0] for _, v in points], [v[-1] for _, v in points]
            place.fill_between(across, lowest, highest, color=colour, alpha=0.15)
        counts = [int(name.partition("-")[2]) for name in with_figures]
        place.set(xscale="log", yscale="log", xlabel="answers at once", ylabel="µs CPU per chunk")
        place.set_xticks(counts, [f"{count:,}" for count in counts])
        place.minorticks_off()
        _plain(place.yaxis)
    return True


def _plain(axis: Any) -> None:
    """Numbers as people write them, where the axis is logarithmic."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    low, high = axis.get_view_interval()
    # Over many powers of ten the powers themselves are enough.
    axis.set_major_locator(LogLocator(subs=(1,) if high > low * 1_000 else (1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _draw_soak(run: Run, path: Path) -> bool:
    """The memory over the time of a soak."""
    reports: Sequence[Any] = run.reports("soak", "gateway")
    points = [
        (each["at"] / 60, each["rss_kb"] / 1024)
        for report in reports
        for each in report["over_time"]
        if each["rss_kb"]
    ]
    if not points:
        return False
    with _picture(path) as places:
        places[0].plot(*zip(*points, strict=True), color=COLOURS[0])
        places[0].set(xlabel="minutes", ylabel="resident memory, MB")
        places[0].set_ylim(bottom=0)
    return True
