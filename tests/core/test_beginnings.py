"""Which conversation of a name it is: what begins anew does, and nothing else."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core import beginnings as module
from eyeclaw_trio.core.beginnings import (
    Beginning,
    Beginnings,
    Context,
    Conversation,
    name_context,
)


def context_of(
    bot_id: int = 1,
    conversation: Conversation = "shared",
    *,
    named: str | None = None,
    user_id: str | None = "u1",
    message_id: str | None = "m1",
) -> Context:
    return name_context(bot_id, conversation, named=named, user_id=user_id, message_id=message_id)


@pytest.mark.parametrize(
    ("context", "name", "is_shared"),
    [
        (context_of(), "bot_1", True),
        (context_of(named="home"), "bot_1_session_home", True),
        (context_of(2, "per_user"), "bot_2_user_u1", False),
        (context_of(2, "per_user", user_id=None), "bot_2", True),
        (context_of(2, "per_user", user_id=""), "bot_2", True),
        (context_of(1, "per_conversation"), "bot_1_conversation_m1", False),
        (context_of(1, "per_conversation", message_id=None), "bot_1", True),
        (context_of(1, "per_user", named="home"), "bot_1_session_home_user_u1", False),
    ],
)
def test_a_question_belongs_to_the_conversation_of_its_bot(
    context: Context, name: str, is_shared: bool
) -> None:
    assert (context.name, context.is_shared) == (name, is_shared)


def test_what_has_never_begun_anew_has_its_plain_name() -> None:
    assert Beginnings().name_of(context_of()) == "bot_1"


def test_a_conversation_that_begins_anew_has_another_name_and_others_have_theirs() -> None:
    beginnings = Beginnings()
    one, other = context_of(conversation="per_user"), context_of(1, "per_user", user_id="u2")
    assert beginnings.begin_anew(one, 1_700).number == 1_700
    assert beginnings.name_of(one) == "bot_1_user_u1_since_1700"
    assert beginnings.name_of(other) == "bot_1_user_u2"
    # A wall clock that was set back makes no name twice.
    assert beginnings.begin_anew(one, 5).number == 1_701
    assert beginnings.name_of(one) == "bot_1_user_u1_since_1701"


@pytest.mark.parametrize(
    ("beginning", "anew"),
    [
        (Beginning(9), {"a", "b", "c", "d", "s"}),
        (Beginning(9, bot_id=1), {"a", "b", "s"}),
        (Beginning(9, user_id="u1"), {"a", "c", "s"}),
        (Beginning(9, bot_id=1, user_id="u1"), {"a", "s"}),
        (Beginning(9, bot_id=2, user_id="u1"), {"c"}),
        (Beginning(9, bot_id=3), set()),
        (Beginning(9, bot_id=1, name="bot_1"), {"s"}),
    ],
)
def test_a_beginning_holds_for_whom_it_names(beginning: Beginning, anew: set[str]) -> None:
    contexts = {
        "a": context_of(1, "per_user"),
        "b": context_of(1, "per_user", user_id="u2"),
        "c": context_of(2, "per_user"),
        "d": context_of(2, "per_user", user_id="u2"),
        "s": context_of(1, user_id="u7"),  # shared: what u1 said there cannot be told apart
    }
    beginnings = Beginnings([beginning])
    assert {key for key, it in contexts.items() if beginnings.number_of(it)} == anew


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 100)), max_size=12))
def test_no_name_is_ever_used_again(steps: list[tuple[int, int]]) -> None:
    beginnings, seen = Beginnings(), dict[str, int]()
    for bot_id, clock in steps:
        context = context_of(bot_id)
        seen[beginnings.name_of(context)] = bot_id
        beginnings.begin_anew(context, clock)
        assert beginnings.name_of(context) not in seen


@given(
    st.permutations(
        [
            Beginning(1),
            Beginning(4, bot_id=1),
            Beginning(6, user_id="u1"),
            Beginning(8, bot_id=1, user_id="u1"),
            Beginning(9, bot_id=2, name="bot_2"),
        ]
    ),
    st.sampled_from(get_args(Conversation)),
    st.integers(1, 3),
)
def test_the_order_in_which_they_are_heard_of_changes_nothing(
    order: list[Beginning], conversation: Conversation, bot_id: int
) -> None:
    context = context_of(bot_id, conversation)
    assert Beginnings(order).name_of(context) == Beginnings(sorted(order, key=str)).name_of(context)


def test_beyond_the_most_names_the_older_half_of_the_bot_that_has_most_becomes_one_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 10)
    beginnings = Beginnings()
    contexts = [context_of(1, "per_user", user_id=f"u{n}") for n in range(1, 10)]
    modest = [context_of(2), context_of(3, "per_user")]
    beginnings.begin_anew(modest[0], 5)
    for number, context in enumerate(contexts, 1):
        beginnings.begin_anew(context, number * 10)
    beginnings.begin_anew(modest[1], 1_000)
    numbers = [beginnings.number_of(each) for each in contexts]
    assert numbers == [50] * 5 + [60, 70, 80, 90]  # none has its old name back
    assert beginnings.number_of(context_of(1, "per_user", user_id="u99")) == 50
    assert [beginnings.number_of(each) for each in modest] == [5, 1_000]
    assert beginnings.number_of(context_of(99)) == 0
    for number in range(11):  # there is room again, and it is bounded
        beginnings.begin_anew(context_of(2, "per_conversation", message_id=f"m{number}"), 2_000)
    assert beginnings.number_of(contexts[-1]) == 90
    assert beginnings.number_of(modest[0]) > 2_000
