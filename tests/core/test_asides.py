"""The words of ours until the answer comes: once, in time, and never more than that."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from turn_by_hand import END, MS, Turn, chunk, summary

from eyeclaw_trio.core.answer import Answer
from eyeclaw_trio.core.asides import MOST_TOLD, Asides, Company
from eyeclaw_trio.core.manners import BotManners
from eyeclaw_trio.core.patience import Limits, Patience
from eyeclaw_trio.core.reply_events import Aside, KeepAlive, ReplyEvent
from eyeclaw_trio.core.voice import Manner
from eyeclaw_trio.core.wearer import WearerSettings
from eyeclaw_trio.protocol.bot import StreamStatus

FILLER = Aside("嗯，")
LOOKING = Aside("正在查…")
TOOL = StreamStatus("s", "web_search")


class KeptCompany(Turn):
    """An answer whose wearer is kept company."""

    def __init__(self, company: Company) -> None:
        super().__init__(sent=False)
        manner = Manner(company=company)
        self.answer = Answer(Patience(), Limits(), self.trace, 0.0, None, manner)


def filling(seconds: float = 2.0) -> KeptCompany:
    return KeptCompany(Company("嗯，", seconds, "zh"))


def test_a_filler_is_said_once_and_at_its_time() -> None:
    turn = filling()
    assert turn.answer.deadline() == 2.0
    assert turn.at(2.0 - MS) == []
    assert turn.at(2.0) == [FILLER]
    assert turn.answer.deadline() == 9.0  # the next sign of life
    assert turn.run_until(29.0, start=2.0) == [
        (9.0 + 7.0 * n, KeepAlive(is_early=True)) for n in range(3)
    ]


def test_no_filler_comes_behind_or_beside_a_text() -> None:
    turn = filling()
    assert turn.at(1.0, chunk(0, "好")) == ["好"]
    assert turn.answer.deadline() == 8.0
    assert turn.at(2.0) == []
    late = filling()
    assert late.at(5.0, chunk(0, "好")) == ["好"]  # looked at too late: the answer is there


def test_space_alone_is_no_answer() -> None:
    turn = filling()
    assert turn.at(1.0, chunk(0, " ")) == [" "]
    assert turn.at(2.0) == [FILLER]


def test_an_answer_that_is_over_needs_none() -> None:
    turn = filling()
    assert turn.at(2.5, chunk(0, "好"), END, summary("好", 1)) == ["好"]
    assert turn.answer.complete


def test_a_tool_is_told_of_once_until_there_is_a_text_and_not_for_ever() -> None:
    turn = filling()
    assert turn.at(1.0, TOOL, TOOL) == [LOOKING]
    assert turn.at(2.0) == []  # that is company enough
    assert turn.at(3.0, TOOL) == []
    for number in range(MOST_TOLD + 2):
        events = turn.at(4.0 + number, chunk(number, "好"), TOOL)
        assert events == (["好", LOOKING] if number < MOST_TOLD - 1 else ["好"])


def test_what_is_said_for_company_is_no_part_of_the_answer_and_counts_as_written() -> None:
    gone = KeptCompany(Company("", 0.0, None))
    assert gone.at(1.0, TOOL) == []
    assert gone.answer.deadline() == 7.0


def test_a_tool_counts_as_a_sign_of_life() -> None:
    turn = Turn()
    turn.at(50.0, TOOL)
    assert turn.at(70.0) == [KeepAlive(is_early=True)]
    assert not turn.answer.complete


def test_only_whoever_hears_is_kept_company() -> None:
    wearer = WearerSettings(filler="嗯，", filler_after=2.0)
    manners = BotManners(wearer=wearer)
    company = Company("嗯，", 2.0, "en")
    assert manners.for_source("rokid", "en").company == company
    assert manners.for_source("trigger", "en").company == company
    assert manners.for_source("chat").company == manners.for_source("openai").company == Company()
    silent = BotManners(wearer=WearerSettings(status_words=False))
    assert silent.for_source("rokid").company.language is None


@given(
    st.floats(0.0, 10.0),
    st.lists(st.tuples(st.sampled_from(["look", "tool", "chunk"]), st.floats(0.0, 3.0))),
)
def test_however_it_goes_a_filler_comes_at_most_once_and_before_all_else(
    after: float, steps: list[tuple[str, float]]
) -> None:
    asides, said = Asides(Company("嗯，", after, "zh"), 0.0), list[ReplyEvent]()
    now, chunks = 0.0, 0
    for what, seconds in steps:
        now += seconds
        if what == "chunk":
            chunks += 1
        elif what == "tool":
            asides.tell_tool(chunks, said)
        elif not chunks:
            asides.fill(now, said)
    assert said.count(FILLER) <= 1
    assert FILLER not in said[1:]
    assert len(said) <= MOST_TOLD + 1
    assert asides.due == math.inf or after > 0
