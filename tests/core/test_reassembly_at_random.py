"""Any order and any loss of an answer's chunks."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from reassembly_bench import Bench, a_summary

from eyeclaw_trio.core.reassembly import Anomaly

_pieces = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["a", "aa", "", "😀", "👨‍👩‍👧", "你", "\n", "ab"]
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """The chunks of an answer, and the numbers of those that arrive, in any order."""
    texts = draw(st.lists(_pieces, min_size=1, max_size=12))
    numbers = st.integers(0, len(texts) - 1)
    return texts, draw(st.permutations(range(len(texts))) | st.lists(numbers, max_size=30))


@given(deliveries())
def test_with_a_truthful_summary_the_answer_is_whole_and_each_copy_acknowledged_once(
    delivery: tuple[list[str], list[int]],
) -> None:
    texts, arriving = delivery
    answer = "".join(texts)
    bench = Bench()
    for sequence in arriving:
        bench.add(sequence, texts=texts)
        assert answer.startswith(bench.text)
    ending = bench.finish(a_summary(answer, len(texts)))
    assert bench.text == answer
    assert bench.acknowledged == Counter(arriving)
    named = {n for first, last in ending.missing for n in range(first, last + 1)}
    assert named == set(range(len(texts))) - set(arriving)
    assert Anomaly.CONTRADICTION not in ending.anomalies
    assert Anomaly.WRONG_HASH not in ending.anomalies
    assert bool(ending.anomalies) == bool(named)


@given(deliveries())
def test_without_a_summary_it_is_a_prefix_until_the_end_and_a_hole_is_always_recorded(
    delivery: tuple[list[str], list[int]],
) -> None:
    texts, arriving = delivery
    answer = "".join(texts)
    bench = Bench()
    for sequence in arriving:
        bench.add(sequence, texts=texts)
        assert answer.startswith(bench.text)
        known = set(range(sequence + 1)) | set(bench.acknowledged)
        assert bench.reassembly.has_gap or known <= set(bench.acknowledged)
    holes = set(range(max(arriving, default=-1) + 1)) - set(arriving)
    assert bench.reassembly.has_gap == bool(holes)
    ending = bench.finish(None)
    assert bench.text == "".join(texts[n] for n in sorted(set(arriving)))
    assert bench.acknowledged == Counter(arriving)
    assert {n for first, last in ending.missing for n in range(first, last + 1)} == holes
    assert ending.anomalies == ((Anomaly.LOST,) if holes else ())


@given(deliveries(), st.integers(0, 20))
def test_whatever_is_dropped_for_want_of_room_the_summary_heals(
    delivery: tuple[list[str], list[int]], held_bytes: int
) -> None:
    texts, arriving = delivery
    answer = "".join(texts)
    bench = Bench(held_bytes=held_bytes)
    for sequence in arriving:
        bench.add(sequence, texts=texts)
        assert answer.startswith(bench.text)
    bench.finish(a_summary(answer, len(texts)))
    assert bench.text == answer
    assert bench.acknowledged.total() == len(arriving) - bench.reassembly.dropped


@given(deliveries(), _pieces, st.none() | st.integers(0, 15))
def test_whatever_a_summary_says_the_chunks_that_came_are_never_lost_or_said_twice(
    delivery: tuple[list[str], list[int]], told: str, count: int | None
) -> None:
    texts, arriving = delivery
    bench = Bench()
    for sequence in arriving:
        bench.add(sequence, texts=texts)
    before = bench.text
    ending = bench.finish(a_summary(told, count))
    came = "".join(texts[n] for n in sorted(set(arriving)))
    assert bench.text.startswith(before)
    if Anomaly.HEALED in ending.anomalies:
        assert bench.text == told
    else:
        assert bench.text == came
    if bench.text != came or ending.missing:
        assert ending.anomalies
    assert bench.acknowledged == Counter(arriving)


@given(deliveries())
def test_no_half_of_a_character_ever_comes_out(delivery: tuple[list[str], list[int]]) -> None:
    texts, arriving = delivery
    bench = Bench()
    for sequence in arriving:
        bench.add(sequence, texts=texts)
        bench.text.encode("utf-8")
    bench.finish(a_summary("".join(texts), len(texts)))
    bench.text.encode("utf-8")
