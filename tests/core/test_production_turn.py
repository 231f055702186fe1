"""A real turn of sixty chunks (its text is invented), replayed with whatever one likes withheld.

Arrival times and order are those of production: five pairs of chunks come the wrong way round, and
the end and the summary are right behind the last one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import groupby
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.core.turn_messages import PlaceGranted, TurnMessage
from eyeclaw_trio.protocol.bot import StreamChunk, StreamEnd, StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content

_JOINED: Final = (
    "你好👋，这是|一段用于回放的示例回答。|\n|\n|*|*要点：*|*|西|湖边的桂|花开|了🌼，步行约十分钟可|"
    "以到|达断|桥，途|中|会|经过|一家很老|的茶馆|。今|天|多云，气温二|十|一度，|适合|"
    "散步。如果想坐船|，请|提前在码头买|票；|回|程|可|以乘|地|铁一号线，|全程|大约四|"
    "十分钟。还有一个提|醒：手机|电|量只剩|两成|八，记得|带上充电宝|。祝|你|玩得开心|"
    "🎉！|需要我继|续为你规划晚饭|的地|点吗？湖滨|路|上的|小|馆子|味道|不错|，|人也不多，"
)
TEXTS: Final = _JOINED.split("|")
ANSWER: Final = "".join(TEXTS)
SWAPPED: Final = {2: 3, 3: 2, 7: 8, 8: 7, 22: 23, 23: 22, 42: 43, 43: 42, 55: 56, 56: 55}
ORDER: Final = [SWAPPED.get(n, n) for n in range(60)]
# fmt: off
AT_MS: Final = [
    0, 7, 8, 11, 25, 138, 143, 144, 146, 264, 269, 313, 317, 328, 331,
    332, 346, 371, 398, 432, 649, 654, 655, 656, 671, 679, 683, 703, 706, 734,
    735, 740, 767, 794, 911, 914, 975, 977, 978, 982, 1108, 1117, 1117, 1118, 1133,
    1143, 1163, 1223, 1245, 1269, 1318, 1703, 1704, 1787, 1789, 1791, 1792, 1839, 1841, 1842,
]
# fmt: on
END_MS: Final = 1843
SUMMARY_MS: Final = 1854


class Replay:
    """The turn, played to an answer that looks whenever it wants to be looked at."""

    def __init__(
        self,
        *,
        withheld: Collection[int] = (),
        repeated: Collection[int] = (),
        with_summary: bool = True,
        summary_ms: int = SUMMARY_MS,
    ) -> None:
        self.trace = Trace("trace_1", "s", 1, 0.0)
        self.answer = Answer(Patience(), Limits(), self.trace, 0.0)
        self.text = ""
        self.acknowledged = Counter[int]()
        self.ended_ms = 0.0
        script: list[tuple[int, TurnMessage]] = [(0, PlaceGranted())]
        for at_ms, sequence in zip(AT_MS, ORDER, strict=True):
            if sequence not in withheld:
                chunk = StreamChunk("s", TEXTS[sequence], sequence)
                script += [(at_ms, chunk)] * (2 if sequence in repeated else 1)
        script.append((END_MS, StreamEnd("s")))
        if with_summary:
            script.append((summary_ms, StreamSummary("s", ANSWER, 60, hash_content(ANSWER))))
        for at_ms, batch in groupby(script, key=lambda entry: entry[0]):
            self.look_until(at_ms / 1000)
            self.step([message for _, message in batch], at_ms / 1000)
        self.look_until(100.0)
        assert self.answer.complete
        assert self.answer.failure is None

    def look_until(self, end: float) -> None:
        while not self.answer.complete and self.answer.deadline() < end:
            self.step([], self.answer.deadline())

    def step(self, messages: list[TurnMessage], now: float) -> None:
        was_complete = self.answer.complete
        for event in self.answer.step(messages, now):
            if isinstance(event, str):
                self.text += event
                self.trace.note_written(now, now, [event])
        self.acknowledged.update(self.answer.written())
        if self.answer.complete and not was_complete:
            self.ended_ms = now * 1000


def test_the_turn_is_the_one_that_was_recorded() -> None:
    assert len(TEXTS) == len(AT_MS) == 60
    assert sorted(ORDER) == list(range(60))
    assert sorted(AT_MS) == AT_MS
    assert len(ANSWER) == 182
    assert hash_content(ANSWER) == "-73073fcc"


def test_the_turn_as_it_was_arrives_whole_and_ends_with_its_summary() -> None:
    replay = Replay()
    assert replay.text == ANSWER
    assert replay.acknowledged == Counter(range(60))
    assert replay.trace.anomalies == ()
    assert replay.ended_ms == SUMMARY_MS
    trace = replay.trace
    assert (trace.chunks_received, trace.chunks_written, trace.duplicates) == (60, 60, 0)


def test_without_a_summary_it_ends_a_quarter_of_a_second_behind_its_end() -> None:
    replay = Replay(with_summary=False)
    assert replay.text == ANSWER
    assert replay.ended_ms == pytest.approx(END_MS + 250)
    assert replay.trace.anomalies == ()


@pytest.mark.parametrize("withheld", range(60))
def test_any_one_chunk_withheld_is_healed_by_the_summary(withheld: int) -> None:
    replay = Replay(withheld={withheld})
    assert replay.text == ANSWER
    assert replay.acknowledged == Counter(set(range(60)) - {withheld})
    assert replay.trace.missing == ((withheld, withheld),)
    assert replay.trace.anomalies == (Anomaly.HEALED,)
    assert replay.ended_ms == SUMMARY_MS


@pytest.mark.parametrize("withheld", range(60))
def test_any_one_chunk_withheld_without_a_summary_is_left_out_and_recorded(withheld: int) -> None:
    replay = Replay(withheld={withheld}, with_summary=False)
    assert replay.text == "".join(text for n, text in enumerate(TEXTS) if n != withheld)
    if withheld == 59:  # a lost tail shows in the summary only
        assert replay.trace.anomalies == ()
        assert replay.ended_ms == pytest.approx(END_MS + 250)
    else:
        assert replay.trace.missing == ((withheld, withheld),)
        assert replay.trace.anomalies == (Anomaly.LOST,)
        assert replay.ended_ms == pytest.approx(END_MS + 2000)


def test_the_summary_alone_gives_the_whole_answer() -> None:
    replay = Replay(withheld=range(60))
    assert replay.text == ANSWER
    assert replay.trace.missing == ((0, 59),)


@given(
    withheld=st.sets(st.integers(0, 59)),
    repeated=st.sets(st.integers(0, 59)),
    summary_ms=st.integers(SUMMARY_MS, END_MS + 249),
)
def test_whatever_is_withheld_or_repeated_a_summary_in_time_makes_it_whole(
    withheld: set[int], repeated: set[int], summary_ms: int
) -> None:
    replay = Replay(withheld=withheld, repeated=repeated, summary_ms=summary_ms)
    assert replay.text == ANSWER
    assert replay.acknowledged == Counter(
        {n: 2 if n in repeated else 1 for n in range(60) if n not in withheld}
    )
    named = {n for first, last in replay.trace.missing for n in range(first, last + 1)}
    assert named == withheld
    assert replay.trace.anomalies == ((Anomaly.HEALED,) if withheld else ())
    assert replay.trace.duplicates == len(repeated - withheld)
    assert replay.ended_ms == pytest.approx(summary_ms)
