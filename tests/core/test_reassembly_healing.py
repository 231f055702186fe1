"""What is missing of an answer, and what a summary heals of it or contradicts."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from reassembly_bench import MEBIBYTE, Bench, a_summary

from eyeclaw_trio.core.reassembly import Anomaly, Ending, Reassembly
from eyeclaw_trio.protocol.bot import StreamSummary


def test_a_hole_is_healed_from_the_summary_and_recorded() -> None:
    bench = Bench()
    bench.add(0, 1, 3, 4)
    ending = bench.finish(a_summary("abcde", 5))
    assert bench.text == "abcde"
    assert bench.acknowledged == Counter([0, 1, 3, 4])
    assert ending.missing == ((2, 2),)
    assert ending.anomalies == (Anomaly.HEALED,)


def test_a_held_duplicate_is_acknowledged_when_the_summary_heals() -> None:
    bench = Bench()
    bench.add(0, 2, 2)
    bench.finish(a_summary("abc", 3))
    assert bench.acknowledged == Counter({0: 1, 2: 2})


def test_a_lost_tail_shows_in_the_summary_only_and_is_healed_by_it() -> None:
    bench = Bench()
    bench.add(0, 1)
    assert not bench.reassembly.has_gap
    ending = bench.finish(a_summary("abcd", 4))
    assert bench.text == "abcd"
    assert ending.missing == ((2, 3),)
    assert ending.anomalies == (Anomaly.HEALED,)


def test_when_nothing_was_sent_the_whole_of_the_summary_is_the_cure() -> None:
    bench = Bench()
    ending = bench.finish(a_summary("abc", 3))
    assert bench.text == "abc"
    assert ending.missing == ((0, 2),)
    assert ending.anomalies == (Anomaly.HEALED,)


def test_when_only_the_head_is_missing_the_whole_of_the_summary_is_the_cure() -> None:
    bench = Bench()
    bench.add(1, 2)
    ending = bench.finish(a_summary("abc", 3))
    assert (bench.text, ending.missing) == ("abc", ((0, 0),))


def test_several_holes_are_named_as_ranges() -> None:
    bench = Bench()
    bench.add(2, 3, 6)
    ending = bench.finish(a_summary("abcdefghij", 10))
    assert bench.text == "abcdefghij"
    assert ending.missing == ((0, 1), (4, 5), (7, 9))


def test_without_a_summary_what_is_there_goes_out_in_order_and_the_loss_is_recorded() -> None:
    bench = Bench()
    bench.add(0, 4, 2)
    ending = bench.finish(None)
    assert bench.text == "ace"
    assert bench.acknowledged == Counter([0, 2, 4])
    assert ending.missing == ((1, 1), (3, 3))
    assert ending.anomalies == (Anomaly.LOST,)


def test_a_single_lost_character_is_an_anomaly() -> None:
    bench = Bench()
    bench.add(0, 2)
    assert Anomaly.LOST in bench.finish(None).anomalies


def test_a_lost_chunk_that_was_empty_is_missing_but_contradicts_nothing() -> None:
    bench = Bench()
    bench.add(0, 1)
    ending = bench.finish(a_summary("ab", 3))
    assert bench.text == "ab"
    assert ending.missing == ((2, 2),)
    assert ending.anomalies == (Anomaly.HEALED,)


def test_an_answer_without_a_summary_and_without_a_gap_is_whole() -> None:
    bench = Bench()
    bench.add(0, 1, 2)
    assert bench.finish(None) == Ending((), (), ())


def test_a_summary_without_a_count_still_shows_that_the_text_goes_on() -> None:
    bench = Bench()
    bench.add(0, 1)
    ending = bench.finish(a_summary("abcd", None))
    assert bench.text == "abcd"
    assert ending.anomalies == (Anomaly.HEALED,)


def test_a_lost_piece_of_an_answer_without_numbers_shows_in_the_count_and_is_healed() -> None:
    bench = Bench()
    bench.add_unnumbered("a", "b")
    ending = bench.finish(a_summary("abc", 3))
    assert bench.text == "abc"
    assert ending.anomalies == (Anomaly.HEALED,)


def test_a_hole_within_an_answer_without_numbers_cannot_be_mended_but_is_recorded() -> None:
    bench = Bench()
    bench.add_unnumbered("a", "c")
    ending = bench.finish(a_summary("abc", 3))
    assert bench.text == "ac"
    assert Anomaly.LOST in ending.anomalies


# ---- summaries that do not fit ------------------------------------------------------------------


@pytest.mark.parametrize(
    "summary",
    [
        a_summary("other text", 3),
        a_summary("abc and more", 3),
        a_summary("ab", 3),
        a_summary("", 3),
        a_summary("abc", 2),
        a_summary("", 0),
        a_summary("failed before: abc", 3),
    ],
)
def test_when_all_chunks_are_there_they_count_and_the_contradiction_is_recorded(
    summary: StreamSummary,
) -> None:
    bench = Bench()
    bench.add(0, 1, 2)
    ending = bench.finish(summary)
    assert bench.text == "abc"
    assert ending == Ending((), (), (Anomaly.CONTRADICTION,))


@pytest.mark.parametrize(
    "text", ["failed before: abcde", "Xbcde", "a", "ab", "aXcde", "abce", "abced"]
)
def test_chunks_missing_and_a_summary_that_does_not_fit_them_appends_nothing_of_its_text(
    text: str,
) -> None:
    bench = Bench()
    bench.add(0, 1, 3, 4)
    ending = bench.finish(a_summary(text, 5))
    assert bench.text == "abde"
    assert bench.acknowledged == Counter([0, 1, 3, 4])
    assert ending.missing == ((2, 2),)
    assert set(ending.anomalies) == {Anomaly.CONTRADICTION, Anomaly.LOST}


def test_a_summary_that_has_an_equal_piece_once_instead_of_twice_does_not_fit() -> None:
    bench = Bench()
    bench.add(1, 2, texts=["a", "b", "b"])
    ending = bench.finish(a_summary("ab", 3))
    assert bench.text == "bb"
    assert set(ending.anomalies) == {Anomaly.CONTRADICTION, Anomaly.LOST}


def test_a_summary_that_only_counts_contradicts_no_text_but_shows_what_is_missing() -> None:
    whole, short = Bench(), Bench()
    whole.add(0, 1, 2)
    assert whole.finish(a_summary("", 3, hashed=False)) == Ending((), (), ())
    short.add(0, 1)
    assert short.finish(a_summary("", 3, hashed=False)) == Ending((), ((2, 2),), (Anomaly.LOST,))


def test_a_stale_beginning_of_a_summary_heals_nothing_once_something_was_sent() -> None:
    bench = Bench()
    bench.add(0, 1)
    ending = bench.finish(a_summary("left behind abcd", 4))
    assert bench.text == "ab"
    assert ending.missing == ((2, 3),)
    assert set(ending.anomalies) == {Anomaly.CONTRADICTION, Anomaly.LOST}


def test_a_stale_beginning_is_no_reason_to_repeat_an_answer_that_is_whole() -> None:
    bench = Bench()
    bench.add(0, 1)
    assert bench.finish(a_summary("left behind ab", 2)).anomalies == (Anomaly.CONTRADICTION,)
    assert bench.text == "ab"


def test_an_empty_summary_heals_nothing_and_the_loss_is_recorded() -> None:
    bench = Bench()
    bench.add(0, 2)
    ending = bench.finish(a_summary("", 3))
    assert bench.text == "ac"
    assert Anomaly.LOST in ending.anomalies


def test_the_end_of_a_refusing_model_has_nothing_and_misses_nothing() -> None:
    bench = Bench()
    assert bench.finish(StreamSummary("s", "", 0, "0")) == Ending((), (), ())
    assert bench.text == ""


@pytest.mark.parametrize("text", ["你好", "😀", "你好，这是第一段"])
def test_the_right_hash_is_no_matter_in_either_case_of_letters(text: str) -> None:
    known = {"你好": "9f61d", "😀": "1b0d63", "你好，这是第一段": "-5c12da84"}[text]
    for written in (known, known.upper()):
        bench = Bench()
        bench.note(bench.reassembly.add(0, text))
        assert bench.finish(a_summary(text, 1, written)) == Ending((), (), ())


@pytest.mark.parametrize("wrong", ["0", "", "-9f61d", "0009f61d", "9f61e", "NaN"])
def test_a_wrong_hash_is_reported_and_no_reason_to_lose_text(wrong: str) -> None:
    whole, healed = Bench(), Bench()
    whole.note(whole.reassembly.add(0, "你好"))
    assert whole.finish(a_summary("你好", 1, wrong)).anomalies == (Anomaly.WRONG_HASH,)
    ending = healed.finish(a_summary("你好", 1, wrong))
    assert healed.text == "你好"
    assert set(ending.anomalies) == {Anomaly.WRONG_HASH, Anomaly.HEALED}


def test_a_summary_without_a_hash_is_as_good() -> None:
    bench = Bench()
    bench.add(0)
    assert bench.finish(a_summary("ab", 2, hashed=False)).anomalies == (Anomaly.HEALED,)
    assert bench.text == "ab"


def test_an_answer_of_any_length_is_compared_with_its_summary() -> None:
    texts = [f"第{n}句，" for n in range(5_000)]
    bench, lacking, foreign = Bench(), Bench(), Bench()
    bench.add(*range(5_000), texts=texts)
    assert bench.finish(a_summary("".join(texts), 5_000)).anomalies == ()
    lacking.add(*range(4_999), texts=texts)
    assert lacking.finish(a_summary("".join(texts), 5_000)).anomalies == (Anomaly.HEALED,)
    assert lacking.text == "".join(texts)
    foreign.add(*range(5_000), texts=texts)
    other = a_summary("".join(texts).replace("第3句", "第三句"), 5_000)
    assert foreign.finish(other).anomalies == (Anomaly.CONTRADICTION,)


def test_an_answer_is_not_kept_for_the_comparison() -> None:
    reassembly = Reassembly(held_bytes=MEBIBYTE)
    tracemalloc.start()
    try:
        for sequence in range(100_000):
            reassembly.add(sequence, f"{sequence:06}")
            reassembly.settled.clear()  # as their writer takes them
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reassembly.written_characters == 600_000
    assert grown < 50_000
