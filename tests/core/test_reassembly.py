"""The order of an answer: each character once, in sequence, and never a silent hole."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from reassembly_bench import Bench, a_summary

from eyeclaw_trio.core.patience import HELD_CHUNKS
from eyeclaw_trio.core.reassembly import Anomaly, Ending, Reassembly
from eyeclaw_trio.core.shares import Shares


def test_what_many_answers_hold_early_is_bounded_together_and_given_back() -> None:
    shares = Shares(30)
    first, second = (
        Reassembly(held_bytes=20, room=shares.portion(owner)) for owner in ("one", "other")
    )
    first.add(1, "x" * 14)
    first.add(2, "y" * 14)
    assert (first.dropped, shares.of("one")) == (1, 14)
    second.add(1, "z" * 8)
    assert (second.dropped, shares.of("other")) == (0, 8)
    assert list(first.add(0, "a")) == ["a", "x" * 14]
    assert shares.of("one") == 0
    assert second.give_up() == [1]
    assert shares.taken == 0


# ---- order --------------------------------------------------------------------------------------


def test_chunks_in_order_come_out_one_by_one_as_they_arrive() -> None:
    reassembly = Reassembly(held_bytes=10)
    assert (list(reassembly.add(0, "a")), reassembly.settled) == (["a"], [0])
    assert (list(reassembly.add(1, "b")), reassembly.settled) == (["b"], [0, 1])
    assert reassembly.finish(None) == Ending((), (), ())


def test_an_early_chunk_waits_and_is_acknowledged_when_its_turn_comes() -> None:
    bench = Bench()
    bench.add(0, 2)
    assert (bench.text, bench.acknowledged) == ("a", Counter([0]))
    assert bench.reassembly.has_gap
    bench.add(1)
    assert (bench.text, bench.acknowledged) == ("abc", Counter([0, 1, 2]))
    assert not bench.reassembly.has_gap


def test_the_order_of_a_real_turn_is_put_right() -> None:
    bench = Bench()
    bench.add(1, 3, 2, 4, 5, 6, 8, 7, 0, 9)
    assert bench.text == "abcdefghij"
    assert bench.finish(a_summary("abcdefghij", 10)) == Ending((), (), ())


def test_nothing_comes_out_before_the_first_chunk() -> None:
    bench = Bench()
    bench.add(3, 2, 1)
    assert (bench.text, bench.acknowledged) == ("", Counter())
    bench.add(0)
    assert bench.text == "abcd"


def test_two_gaps_are_released_one_after_the_other() -> None:
    bench = Bench()
    bench.add(0, 2, 4)
    bench.add(1)
    assert bench.text == "abc"
    assert bench.reassembly.has_gap
    bench.add(3)
    assert bench.text == "abcde"


def test_chunks_without_numbers_pass_through_in_the_order_of_their_arrival() -> None:
    bench = Bench()
    bench.add_unnumbered("b", "a", "b")
    assert bench.text == "bab"
    assert bench.acknowledged == Counter()
    assert bench.finish(a_summary("bab", 3)) == Ending((), (), ())


def test_an_empty_chunk_is_acknowledged_and_counts_as_there() -> None:
    bench = Bench()
    for sequence, text in enumerate(["a", "", "b"]):
        bench.note(bench.reassembly.add(sequence, text))
    assert (bench.text, bench.acknowledged) == ("ab", Counter([0, 1, 2]))
    assert bench.finish(a_summary("ab", 3)).anomalies == ()


# ---- duplicates ---------------------------------------------------------------------------------


def test_a_duplicate_is_dropped_acknowledged_and_counted() -> None:
    bench = Bench()
    bench.add(0, 0, 1, 0)
    assert bench.text == "ab"
    assert bench.acknowledged == Counter({0: 3, 1: 1})
    assert (bench.reassembly.duplicates, bench.reassembly.received) == (2, 2)


def test_a_duplicate_of_a_held_chunk_is_acknowledged_with_it_and_not_before() -> None:
    bench = Bench()
    bench.add(1, 1, 1)
    assert bench.acknowledged == Counter()
    bench.add(0)
    assert bench.text == "ab"
    assert bench.acknowledged == Counter({0: 1, 1: 3})
    assert (bench.reassembly.duplicates, bench.reassembly.received) == (2, 2)


def test_a_duplicate_with_another_text_changes_nothing() -> None:
    bench = Bench()
    bench.note(bench.reassembly.add(0, "a"))
    bench.note(bench.reassembly.add(0, "X"))
    bench.note(bench.reassembly.add(2, "c"))
    bench.note(bench.reassembly.add(2, "X"))
    bench.note(bench.reassembly.add(1, "b"))
    assert bench.text == "abc"


def test_a_bot_that_repeats_a_held_chunk_for_ever_fills_no_memory() -> None:
    bench = Bench()
    for _ in range(5_000):
        bench.add(1)
    bench.add(0)
    assert bench.text == "ab"
    assert 1 <= bench.acknowledged[1] <= HELD_CHUNKS
    assert bench.reassembly.duplicates == 4_999


# ---- bounds -------------------------------------------------------------------------------------


def test_at_most_256_early_chunks_wait_and_the_rest_is_dropped_without_acknowledgement() -> None:
    texts = [f"{n}." for n in range(301)]
    bench = Bench()
    bench.add(*range(1, 301), texts=texts)
    assert HELD_CHUNKS == 256
    assert (bench.reassembly.received, bench.reassembly.dropped) == (256, 44)
    bench.add(0, texts=texts)
    assert bench.text == "".join(texts[:257])
    assert bench.acknowledged == Counter(range(257))
    ending = bench.finish(a_summary("".join(texts), 301))
    assert bench.text == "".join(texts)
    assert bench.acknowledged == Counter(range(257))
    assert ending.missing == ((257, 300),)
    assert set(ending.anomalies) == {Anomaly.DROPPED, Anomaly.HEALED}


def test_early_chunks_wait_in_bounded_bytes_and_not_in_characters() -> None:
    texts = ["a", "你好", "界", "x"]
    bench = Bench(held_bytes=8)
    bench.add(1, 2, 3, texts=texts)
    assert (bench.reassembly.received, bench.reassembly.dropped) == (2, 1)
    bench.add(0, texts=texts)
    assert bench.text == "a你好"
    bench.add(2, texts=texts)
    assert bench.text == "a你好界x"


def test_room_that_was_freed_can_be_used_again() -> None:
    bench = Bench(held_bytes=2)
    bench.add(2, 1, 0)
    bench.add(5, 4, 3)
    bench.add(8, 7, 6)
    assert bench.text == "abcdefghi"
    assert bench.reassembly.dropped == 0


def test_an_empty_chunk_needs_a_place_too() -> None:
    bench = Bench()
    bench.add(*range(1, 1_000), texts=[""] * 1_000)
    assert bench.reassembly.received == HELD_CHUNKS


def test_a_dropped_chunk_that_comes_again_is_taken() -> None:
    bench = Bench(held_bytes=1)
    bench.add(1, 2, 0, 2)
    assert bench.text == "abc"
    assert bench.acknowledged == Counter([0, 1, 2])
    assert bench.finish(a_summary("abc", 3)).missing == ()


def test_a_dropped_chunk_leaves_a_gap_that_is_known() -> None:
    bench = Bench(held_bytes=1)
    bench.add(1, 2, 0)
    assert bench.text == "ab"
    assert bench.reassembly.has_gap
    ending = bench.finish(None)
    assert ending.missing == ((2, 2),)
    assert set(ending.anomalies) == {Anomaly.DROPPED, Anomaly.LOST}


def test_a_chunk_too_big_to_be_held_at_all_is_a_gap_too() -> None:
    texts = ["a", "too big", "c"]
    bench = Bench(held_bytes=3)
    bench.add(1, 0, texts=texts)
    assert bench.reassembly.has_gap
    ending = bench.finish(a_summary("atoo big", 2))
    assert bench.text == "atoo big"
    assert bench.acknowledged == Counter([0])
    assert ending.missing == ((1, 1),)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.text(max_size=5))),
    st.integers(0, 40),
)
def test_what_is_held_stays_within_both_bounds(
    chunks: list[tuple[int, str]], held_bytes: int
) -> None:
    bench = Bench(held_bytes=held_bytes)
    distinct: dict[int, str] = {}
    accepted = 0
    for sequence, text in chunks:
        text = text.encode("utf-8", "ignore").decode()
        before = bench.reassembly.received
        bench.note(bench.reassembly.add(sequence, text))
        if bench.reassembly.received > before:
            distinct[sequence] = text
            accepted += 1
        waiting = set(distinct) - set(bench.acknowledged)
        assert len(waiting) <= HELD_CHUNKS
        assert sum(len(distinct[sequence].encode()) for sequence in waiting) <= held_bytes
    assert accepted == len(distinct)
    assert len(chunks) == accepted + bench.reassembly.duplicates + bench.reassembly.dropped
