"""What clean speech adds to a chunk, and how much it holds back, within one process.

Turns without any marker are played to `Answer.step`, one chunk a step as a model speaks, with
speech as it comes and clean, taking turns; medians count. Of a text with all kinds of markers the
filter alone is timed, chunk by chunk: the mean over its chunks of the median of many times each.
Targets: under 1 µs for a chunk without any marker, under 6 µs for one with.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.figures import Figure
from bench.scenario import Bench, Report, Scenario
from bench.servers import GATEWAY, Server
from bench.trace_cost import cpu_us
from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.markdown import LONGEST_HELD
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.spoken import Speech, SpokenText
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted
from eyeclaw_trio.core.voice import AS_IT_COMES, Manner
from eyeclaw_trio.protocol.bot import StreamChunk

PLAIN: Final = "湖边的桂花开了，走过去大约要十分钟。The path along the lake is open until ten. "
MARKED: Final = (
    "## 去西湖\n\n**最快**的路线：从`龙翔桥`站步行，约 *10* 分钟。\n\n"
    "1. 出站后**右转**，沿着湖边走\n"
    "2. 看到[断桥](https://example.com/bridge)再过马路\n- 门票：免费\n- 电话：`0571-87179617`\n\n"
    "It is **open** until *22:00*, see `README.md` or [the map](https://example.com/map?x=1).\n\n"
)
SIZE: Final = 4  # characters of a chunk
MARKERS: Final = frozenset("`*_[]!<&\\\n#|>")
CLEAN: Final = Manner(Speech(is_clean=True))
TARGET_PLAIN_US: Final = 1.0
TARGET_MARKED_US: Final = 6.0


def chunks_of(text: str, count: int) -> list[StreamChunk]:
    """The text over and over, cut as a model cuts it."""
    whole = text * (count * SIZE // len(text) + 1)
    return [StreamChunk("turn", whole[n * SIZE : (n + 1) * SIZE], n) for n in range(count)]


def play(manner: Manner, chunks: Sequence[StreamChunk]) -> None:
    """One turn."""
    answer = Answer(Patience(), Limits(), Trace("trace", "turn", 1, 0.0), 0.0, manner=manner)
    answer.step([PlaceGranted()], 0.0)
    for chunk in chunks:
        answer.step([chunk], 1.0)
        answer.written()


def measure_added(chunks: Sequence[StreamChunk], rounds: int) -> float:
    """µs that clean speech adds to the whole turn, the median of so many rounds."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds + 1):
        for is_clean in (True, False) if number % 2 else (False, True):
            manner = CLEAN if is_clean else AS_IT_COMES
            took = cpu_us(partial(play, manner, chunks))
            if number:  # the first round warms up
                spent[is_clean].append(took)
    return statistics.median(on - off for on, off in zip(spent[True], spent[False], strict=True))


def measure_marked(chunks: Sequence[StreamChunk]) -> tuple[float, float]:
    """µs of the filter for a chunk with a marker, and for one without while a marker waits."""
    times: dict[str, list[int]] = {}
    spoken = SpokenText(CLEAN.speech)
    clock = time.perf_counter_ns
    for chunk in chunks:
        began = clock()
        spoken.feed(chunk.content)
        times.setdefault(chunk.content, []).append(clock() - began)
    medians = {text: statistics.median(each) / 1000 for text, each in times.items()}
    marked = [each for text, each in medians.items() if not MARKERS.isdisjoint(text)]
    others = [each for text, each in medians.items() if MARKERS.isdisjoint(text)]
    return statistics.fmean(marked), statistics.fmean(others)


def measure_held(chunks: Sequence[StreamChunk]) -> tuple[float, int]:
    """Characters that wait while this text is said: on average behind each chunk, and at most.

    A reader's text is shorter than the model's, by its markers: what waits is what comes out when
    the text is cut off there, and is counted as that.
    """
    waiting: list[int] = []
    for end in range(1, min(len(chunks), 400)):
        spoken = SpokenText(CLEAN.speech)
        for chunk in chunks[:end]:
            spoken.feed(chunk.content)
        waiting.append(len(spoken.finish()))
    return statistics.fmean(waiting), max(waiting)


def measure(count: int, rounds: int) -> dict[str, float]:
    """All of it, for turns of `count` chunks."""
    plain, marked = chunks_of(PLAIN, count), chunks_of(MARKED, count)
    added_plain = measure_added(plain, rounds) / count
    with_marker, between = measure_marked(chunks_of(MARKED, 4 * count))
    mean, most = measure_held(marked)
    return {
        "plain_adds_us_per_chunk": added_plain,
        "plain_target_us_per_chunk": TARGET_PLAIN_US,
        "marked_adds_us_per_chunk": with_marker,
        "marked_target_us_per_chunk": TARGET_MARKED_US,
        "between_markers_us_per_chunk": between,
        "held_characters_mean": mean,
        "held_characters_max": most,
        "held_characters_bound": LONGEST_HELD,
    }


class SpeechCost(Scenario):
    """What clean speech adds to each chunk, within one process."""

    name = "speech"
    title = "Clean speech"
    about = "what taking markdown and thinking out adds to a chunk, and how many characters wait"
    figures = (
        Figure("plain_us", "without a marker, µs per chunk", ("plain_adds_us_per_chunk",), 3),
        Figure("marked_us", "with a marker, µs per chunk", ("marked_adds_us_per_chunk",), 3),
        Figure("held_mean", "characters that wait, mean", ("held_characters_mean",), 1),
        Figure("held_max", "at most", ("held_characters_max",), 0),
    )
    repeats = 1

    def can(self, server: Server) -> bool:
        return server.name == GATEWAY

    def measure(self, bench: Bench, server: Server) -> Report:  # noqa: ARG002  (no server is asked)
        chunks, rounds = {"full": (5_000, 41), "quick": (3_000, 11), "smoke": (200, 1)}[bench.size]
        return {**measure(chunks, rounds), "faults": {}}
