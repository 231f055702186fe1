"""The order of an answer: each character once, in sequence, and never a silent hole."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.patience import HELD_CHUNKS
from eyeclaw_trio.core.reassembly import Anomaly, Ending, Piece, Reassembly
from eyeclaw_trio.protocol.bot import StreamSummary
from eyeclaw_trio.protocol.content_hash import hash_content

_MEBIBYTE = 1_048_576


class Bench:
    """A reassembly with a reader beside it, who notes what came out and what was acknowledged."""

    def __init__(self, *, held_bytes: int = _MEBIBYTE) -> None:
        self.reassembly = Reassembly(held_bytes=held_bytes)
        self.text = ""
        self.acknowledged = Counter[int]()

    def note(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self.text += piece.text
            self.acknowledged.update(piece.sequences)

    def add(self, *sequences: int, texts: Sequence[str] = "abcdefghij") -> None:
        for sequence in sequences:
            self.note(self.reassembly.add(sequence, texts[sequence]))

    def add_unnumbered(self, *texts: str) -> None:
        for text in texts:
            self.note(self.reassembly.add(None, text))

    def finish(self, summary: StreamSummary | None = None) -> Ending:
        ending = self.reassembly.finish(summary)
        self.note(ending.pieces)
        return ending


def a_summary(
    text: str, chunks: int | None, content_hash: str | None = None, *, hashed: bool = True
) -> StreamSummary:
    if hashed and content_hash is None:
        content_hash = hash_content(text)
    return StreamSummary("s", text, chunks, content_hash)


# ---- order --------------------------------------------------------------------------------------


def test_chunks_in_order_come_out_one_by_one_as_they_arrive() -> None:
    reassembly = Reassembly(held_bytes=10)
    assert list(reassembly.add(0, "a")) == [Piece("a", (0,))]
    assert list(reassembly.add(1, "b")) == [Piece("b", (1,))]
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


@given(
    st.lists(st.tuples(st.none() | st.integers(0, 12), st.text("ab你", max_size=3)), max_size=30),
    st.integers(0, 12),
    st.none() | st.text("ab你", max_size=6),
)
def test_the_short_way_for_the_chunk_that_is_due_differs_in_nothing(
    chunks: list[tuple[int | None, str]], held_bytes: int, summary: str | None
) -> None:
    """`add_next`, and `add` where it declines, against `add` alone."""
    short = Bench(held_bytes=held_bytes)
    plain = Bench(held_bytes=held_bytes)
    for sequence, text in chunks:
        before = state_of(short)
        if short.reassembly.add_next(sequence, text):
            assert sequence is not None
            short.note([Piece(text, (sequence,))])
        else:
            assert state_of(short) == before
            short.note(short.reassembly.add(sequence, text))
        plain.note(plain.reassembly.add(sequence, text))
        assert state_of(short) == state_of(plain)
    said = a_summary(summary, len(chunks)) if summary is not None else None
    assert short.finish(said) == plain.finish(said)
    assert state_of(short) == state_of(plain)


def state_of(bench: Bench) -> tuple[object, ...]:
    """All that shows of a reassembly and of what came out of it."""
    it = bench.reassembly
    counts = it.received, it.duplicates, it.dropped, it.written_characters, it.has_gap
    return counts, bench.text, Counter(bench.acknowledged)


# ---- missing, and healed ------------------------------------------------------------------------


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
    reassembly = Reassembly(held_bytes=_MEBIBYTE)
    tracemalloc.start()
    try:
        for sequence in range(100_000):
            reassembly.add(sequence, f"{sequence:06}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reassembly.written_characters == 600_000
    assert grown < 50_000


# ---- any order, any loss ------------------------------------------------------------------------

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
