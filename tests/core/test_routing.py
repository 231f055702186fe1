"""Which bot answers: the rules in their order, and what is refused."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from fakes import make_bot, make_key

from eyeclaw_trio.core.directory import AccessKey, Bot, Directory, Origin, Standing, digest
from eyeclaw_trio.core.routing import (
    Asker,
    ChatChoice,
    CompletionAsker,
    WearerRules,
    choose_bot,
    choose_for_chat,
    choose_for_completion,
    list_models,
)
from eyeclaw_trio.core.texts import provider_refused
from eyeclaw_trio.errors import BotOffline, NotBound, ProviderRefused, RequestRefused, WearerRefused

_REAL_GLASSES = "0f0e0d0c0b0a09080706050403020100"


def a_key(bot_id: int | None = None) -> AccessKey:
    return AccessKey(1, "k", "ak_", digest("ak_"), bot_id, True, "2026-01-01T00:00:00Z", None)


def a_bot(
    number: int,
    name: str = "",
    *,
    user: str | None = None,
    origin: Origin = "command",
    default: bool = False,
    configured: bool = True,
) -> Bot:
    return Bot(
        id=number,
        name=name or f"bot {number}",
        provider=None,
        origin=origin,
        is_default=default,
        is_configured=configured,
        token_digest=None,
        rokid_user_id=user,
        created_at="2026-01-01T00:00:00Z",
    )


def chosen(
    *bots: Bot,
    agent: str = _REAL_GLASSES,
    user: str | None = None,
    asked: int | None = None,
    key: int | None = None,
) -> int:
    directory = Directory((), {bot.id: bot for bot in bots})
    return choose_bot(directory, Asker(a_key(key), agent, user, asked)).id


def refusal(
    *bots: Bot,
    agent: str = _REAL_GLASSES,
    user: str | None = None,
    asked: int | None = None,
    key: int | None = None,
) -> tuple[int, str]:
    with pytest.raises(RequestRefused) as caught:
        chosen(*bots, agent=agent, user=user, asked=asked, key=key)
    return caught.value.status, caught.value.error


def test_a_bot_id_in_the_request_comes_first() -> None:
    bots = a_bot(1), a_bot(2, user="u"), a_bot(3, "agent"), a_bot(4, default=True)
    assert chosen(*bots, asked=1, user="u", agent="3") == 1


def test_then_the_bot_that_the_wearer_is_bound_to() -> None:
    bots = a_bot(1), a_bot(2, user="u"), a_bot(3, "agent"), a_bot(4, default=True)
    assert chosen(*bots, user="u", agent="3") == 2


def test_then_the_bot_whose_id_or_name_is_the_agent_id() -> None:
    bots = a_bot(1), a_bot(3, "agent"), a_bot(4, default=True)
    assert chosen(*bots, user="unbound", agent="3") == 3
    assert chosen(*bots, agent="agent") == 3


def test_then_the_bot_that_the_key_was_made_for() -> None:
    assert chosen(a_bot(1), a_bot(2), a_bot(4, default=True), key=2) == 2


def test_then_the_bot_that_is_marked_as_the_default() -> None:
    assert chosen(a_bot(1), a_bot(2, default=True), a_bot(3), user="unbound") == 2


def test_then_the_only_bot() -> None:
    assert chosen(a_bot(7), user="unbound") == 7


@pytest.mark.parametrize("user", [None, ""])
def test_a_question_without_a_wearer_goes_to_nobodys_bot(user: str | None) -> None:
    assert chosen(a_bot(1, user=""), a_bot(2, default=True), user=user) == 2


def test_among_several_bots_none_is_guessed() -> None:
    with pytest.raises(BotOffline, match="none of several"):
        chosen(a_bot(1), a_bot(2))


def test_two_defaults_are_none() -> None:
    bots = a_bot(1, default=True), a_bot(2, default=True)
    with pytest.raises(BotOffline):
        chosen(*bots)


def test_a_bot_id_that_names_no_bot_is_not_found_and_nothing_else_is_tried() -> None:
    assert refusal(a_bot(1, user="u", default=True), asked=9, user="u", agent="1") == (
        404,
        "Bot not found",
    )
    assert refusal(asked=9) == (404, "Bot not found")


def test_where_there_is_no_bot_at_all_the_wearer_hears_that_it_is_offline() -> None:
    with pytest.raises(BotOffline):
        chosen()
    with pytest.raises(BotOffline):
        chosen(key=5)


def test_the_bot_of_the_first_start_steps_aside_for_a_real_one() -> None:
    demo = a_bot(1, "demo", origin="demo")
    assert chosen(demo) == 1
    assert chosen(demo, a_bot(2)) == 2
    assert chosen(demo, a_bot(2, origin="config")) == 2
    with pytest.raises(BotOffline):
        chosen(demo, a_bot(2), a_bot(3))


def test_the_bot_of_the_first_start_can_still_be_asked_by_name() -> None:
    demo = a_bot(1, "demo", origin="demo")
    assert chosen(demo, a_bot(2), agent="demo") == 1
    assert chosen(demo, a_bot(2), agent="1") == 1
    assert chosen(demo, a_bot(2), asked=1) == 1


@pytest.mark.parametrize(
    ("asked", "user", "agent"), [(1, None, "x"), (None, "u", "x"), (None, None, "1")]
)
def test_a_key_made_for_one_bot_does_not_open_the_one_that_the_rules_say(
    asked: int | None, user: str | None, agent: str
) -> None:
    bots = a_bot(1, user="u"), a_bot(2)
    assert refusal(*bots, asked=asked, user=user, agent=agent, key=2)[0] == 403
    assert chosen(*bots, asked=asked, user=user, agent=agent, key=1) == 1
    assert chosen(*bots, asked=asked, user=user, agent=agent, key=None) == 1


def test_a_key_whose_bot_is_gone_opens_no_other() -> None:
    assert refusal(a_bot(1), key=9)[0] == 403
    assert refusal(a_bot(1, default=True), a_bot(2), key=9)[0] == 403


def test_a_refusal_shows_nothing_of_the_other_bot() -> None:
    with pytest.raises(RequestRefused) as caught:
        chosen(a_bot(1, "private name"), a_bot(2), agent="1", key=2)
    assert "private name" not in f"{caught.value} {caught.value.detail}"


# ---- chat clients --------------------------------------------------------------------------------


def chatting(
    *bots: Bot, wanted: str | None = None, default: str | None = None, key: int | None = None
) -> int | str:
    """The bot's id, or the provider's name."""
    directory = Directory((), {bot.id: bot for bot in bots})
    choice = ChatChoice(("nvidia1", "echo"), default)
    answering = choose_for_chat(directory, a_key(key), wanted, choice)
    return answering.id if isinstance(answering, Bot) else answering


def test_a_chat_client_gets_the_provider_it_names_else_the_chosen_one_else_the_default_bot() -> (
    None
):
    assert chatting(a_bot(1), wanted="echo", default="nvidia1") == "echo"
    assert chatting(a_bot(1), default="nvidia1") == "nvidia1"
    assert chatting(a_bot(1)) == 1
    with pytest.raises(BotOffline):
        chatting()


def test_an_unknown_provider_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(ProviderRefused) as caught:
        chatting(a_bot(1), wanted="<b>nvidia9")
    assert caught.value.status == 404
    assert caught.value.known == ("nvidia1", "echo")
    assert "nvidia9" not in caught.value.error
    assert provider_refused(caught.value, "en").endswith("known are: nvidia1, echo")
    assert provider_refused(caught.value, "zh").endswith("可用的有：nvidia1、echo")


def test_a_key_made_for_one_bot_learns_of_no_provider_whether_there_is_one_or_not() -> None:
    said = set()
    for wanted in ("echo", "nvidia1", "nvidia9"):
        with pytest.raises(ProviderRefused) as caught:
            chatting(a_bot(1), wanted=wanted, key=1)
        assert (caught.value.status, caught.value.known) == (403, ())
        said.add(provider_refused(caught.value, "en"))
    assert said == {"This key is for one bot, and not for this provider."}


def test_a_key_made_for_one_bot_opens_no_provider_but_that_bots() -> None:
    bot = attrs.evolve(a_bot(2), provider="echo")
    assert chatting(a_bot(1), bot, default="nvidia1", key=2) == 2
    assert chatting(a_bot(1), bot, wanted="echo", key=2) == 2
    with pytest.raises(RequestRefused) as caught:
        chatting(a_bot(1), bot, wanted="nvidia1", key=2)
    assert caught.value.status == 403
    with pytest.raises(RequestRefused):
        chatting(a_bot(1), wanted="echo", key=2)


# ---- OpenAI clients -----------------------------------------------------------------------------


def completing(
    *bots: Bot, model: str, agent: str = "", user: str | None = None, key: int | None = None
) -> int | str:
    asker = CompletionAsker(a_key(key), model, agent, user, ("nvidia1", "home"))
    found = choose_for_completion(Directory((), {bot.id: bot for bot in bots}), asker)
    return found if isinstance(found, str) else found.id


HOUSE = (a_bot(1, "home", default=True), a_bot(2, "work"))


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        ({"model": "eyeclaw"}, 1),
        ({"model": "openclaw"}, 1),  # what clients made for OpenClaw say
        ({"model": "openclaw", "agent": "main"}, 1),
        ({"model": "eyeclaw", "agent": "work"}, 2),
        ({"model": "home", "agent": "2"}, 2),
        ({"model": "work", "agent": "main"}, 2),
        ({"model": "home"}, 1),  # a bot comes before a provider of its name
        ({"model": "nvidia1"}, "nvidia1"),
        ({"model": "eyeclaw", "key": 2}, 2),
        ({"model": "eyeclaw", "user": "u"}, 1),
    ],
)
def test_a_model_is_a_bot_else_a_provider_else_whoever_answers_by_default(
    asked: dict[str, str], answers: int | str
) -> None:
    assert completing(*HOUSE, **asked) == answers  # type: ignore[arg-type]


def test_a_wearer_who_is_bound_is_answered_by_his_bot_where_no_other_is_named() -> None:
    bots = (*HOUSE, a_bot(3, user="u"))
    assert completing(*bots, model="eyeclaw", user="u") == 3
    assert completing(*bots, model="work", user="u") == 2


def test_bots_that_bear_the_names_of_stand_ins_are_meant_themselves() -> None:
    bots = (*HOUSE, a_bot(3, "eyeclaw"), a_bot(4, "openclaw"), a_bot(5, "main"))
    assert completing(*bots, model="eyeclaw") == 3
    assert completing(*bots, model="openclaw") == 4
    assert completing(*bots, model="openclaw", agent="main") == 5


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"model": "gpt-4o"}, 404),
        ({"model": "main"}, 404),
        ({"model": "home", "agent": "nobody"}, 404),
        ({"model": "gpt-4o", "key": 2}, 404),
        ({"model": "home", "key": 2}, 403),
        ({"model": "nvidia1", "key": 2}, 403),
    ],
)
def test_what_nobody_is_called_is_404_and_what_the_key_does_not_open_403(
    asked: dict[str, str], status: int
) -> None:
    with pytest.raises(RequestRefused) as caught:
        completing(*HOUSE, **asked)  # type: ignore[arg-type]
    assert caught.value.status == status


def test_a_key_for_one_bot_lists_no_other() -> None:
    directory = Directory((), {bot.id: bot for bot in (*HOUSE, a_bot(3, configured=False))})
    assert list(list_models(directory, a_key(), ("nvidia1",))) == [
        *("eyeclaw", "nvidia1", "home", "work"),
    ]
    assert list(list_models(directory, a_key(2), ("nvidia1",))) == ["work", "eyeclaw"]


# ---- who may ask, and who has to be bound -------------------------------------------------------


def admitted(
    user_id: str | None = None, bot_id: int | None = None, agent_id: str = "home", **rules: Any
) -> int:
    """The bot that a wearer reaches, of `home` (1, the default) and `other` (2, anna's)."""
    other = attrs.evolve(make_bot(2, "other", token=None), rokid_user_id="anna")
    standings: dict[str, Standing] = {"bad": "blocked", "friend": "allowed"}
    known = Directory(
        bots={1: attrs.evolve(make_bot(), is_default=True), 2: other}, standings=standings
    )
    asker = Asker(make_key(), agent_id, user_id, bot_id)
    return choose_bot(known, asker, WearerRules(**rules)).id


def test_where_wearers_must_be_bound_only_a_bound_one_or_a_bot_id_reaches_a_bot() -> None:
    assert admitted("anna", requires_binding=True) == 2
    assert admitted(None, bot_id=1, requires_binding=True) == 1
    for user_id in (None, "", "ben"):
        for agent_id in ("home", "other", "1", "0f0e0d0c0b0a09080706050403020100"):
            with pytest.raises(NotBound):
                admitted(user_id, agent_id=agent_id, requires_binding=True)
    assert admitted("ben") == 1


def test_a_key_made_for_one_bot_does_not_bind_its_wearers() -> None:
    known = Directory(bots={1: make_bot()})
    with pytest.raises(NotBound):
        choose_bot(known, Asker(make_key(bot_id=1), "1", "ben"), WearerRules(requires_binding=True))


@pytest.mark.parametrize("requires", [False, True])
def test_a_wearer_who_is_blocked_reaches_no_bot(requires: bool) -> None:
    for allowed in ([], ["bad"]):
        with pytest.raises(WearerRefused):
            admitted("bad", allowed_users=frozenset(allowed), requires_binding=requires)
    with pytest.raises(WearerRefused):
        admitted("bad", bot_id=1)


def test_where_some_are_allowed_nobody_else_reaches_a_bot() -> None:
    allowed = frozenset({"anna"})
    assert admitted("anna", allowed_users=allowed) == 2
    assert admitted("friend", allowed_users=allowed) == 1  # by a page, beside the settings
    for user_id in ("ben", "", None):
        with pytest.raises(WearerRefused):
            admitted(user_id, allowed_users=allowed)
    assert admitted("ben", allowed_users=frozenset()) == 1
