"""Who is known: keys and tokens are found by digest, and never shown."""

from __future__ import annotations

import hashlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.directory import AccessKey, Bot, Directory, digest


def a_key(secret: str, *, number: int = 1, is_active: bool = True) -> AccessKey:
    return AccessKey(
        number, "k", secret[:8], digest(secret), None, is_active, "2026-01-01T00:00:00Z", None
    )


def a_bot(number: int, name: str = "", *, token: str | None = None, user: str | None = None) -> Bot:
    return Bot(
        id=number,
        name=name or f"bot {number}",
        provider=None,
        origin="command",
        is_default=False,
        is_configured=True,
        token_digest=None if token is None else digest(token),
        rokid_user_id=user,
        created_at="2026-01-01T00:00:00Z",
    )


def a_directory(*bots: Bot, keys: tuple[AccessKey, ...] = ()) -> Directory:
    return Directory(keys, {bot.id: bot for bot in bots})


def test_a_digest_is_the_sha_256_of_the_secret() -> None:
    assert digest("ak_你好") == hashlib.sha256("ak_你好".encode()).digest()


@given(st.text())
def test_any_text_at_all_may_be_presented(presented: str) -> None:
    directory = a_directory(a_bot(1, token="token"), keys=(a_key("ak_right"),))
    assert (directory.find_key(presented) is None) == (presented != "ak_right")
    assert directory.is_token_of(1, presented) == (presented == "token")
    assert (directory.find_bot_by_token(presented) is None) == (presented != "token")


def test_the_key_that_was_presented_is_found_among_several() -> None:
    first, second = a_key("ak_one", number=1), a_key("ak_two", number=2)
    directory = a_directory(keys=(first, second))
    assert directory.find_key("ak_one") is first
    assert directory.find_key("ak_two") is second
    for other in ("", "ak_", "ak_on", "ak_one ", "AK_ONE", "ak_three"):
        assert directory.find_key(other) is None


def test_a_revoked_key_opens_nothing() -> None:
    assert a_directory(keys=(a_key("ak_one", is_active=False),)).find_key("ak_one") is None


def test_the_digest_itself_is_no_key() -> None:
    directory = a_directory(keys=(a_key("ak_one"),))
    for presented in (digest("ak_one").hex(), digest("ak_one").decode("latin-1")):
        assert directory.find_key(presented) is None


def test_a_token_is_its_own_bots_only() -> None:
    one, two = a_bot(1, token="t1"), a_bot(2, token="t2")
    directory = a_directory(one, two)
    assert directory.is_token_of(1, "t1")
    assert not directory.is_token_of(1, "t2")
    assert not directory.is_token_of(3, "t1")
    assert directory.find_bot_by_token("t2") is two
    assert directory.find_bot_by_token("t3") is None


def test_a_bot_without_a_token_is_opened_by_none() -> None:
    directory = a_directory(a_bot(1))
    for presented in ("", "None", "t"):
        assert not directory.is_token_of(1, presented)
        assert directory.find_bot_by_token(presented) is None


def test_a_wearers_bot_is_found_and_an_empty_wearer_has_none() -> None:
    bound = a_bot(2, user="wearer")
    directory = a_directory(a_bot(1), a_bot(3, user=""), bound)
    assert directory.find_bot_of_user("wearer") is bound
    assert directory.find_bot_of_user("other") is None
    assert directory.find_bot_of_user("") is None


def test_a_bot_is_named_by_its_id_first_and_then_by_its_name() -> None:
    one, two, nine = a_bot(1, "2"), a_bot(2, "home"), a_bot(9, "42")
    directory = a_directory(one, two, nine)
    assert directory.find_bot_named("1") is one
    assert directory.find_bot_named("2") is two
    assert directory.find_bot_named("home") is two
    assert directory.find_bot_named("42") is nine


@pytest.mark.parametrize(
    "name", ["", "0", "-1", "+1", " 1", "1.0", "1e0", "١", "²", "9" * 40, "Bot 1", "0f0e0d0c0b0a"]
)
def test_what_names_no_bot_finds_none(name: str) -> None:
    assert a_directory(a_bot(1)).find_bot_named(name) is None


def test_no_digest_is_ever_shown() -> None:
    key, bot = a_key("ak_secret_key"), a_bot(1, token="secret_token")
    directory = a_directory(bot, keys=(key,))
    for shown in (repr(key), repr(bot), repr(directory), str(directory)):
        for secret in ("ak_secret_key", "secret_token"):
            assert secret not in shown
            assert digest(secret).hex() not in shown
            assert repr(digest(secret)) not in shown
            assert repr(digest(secret))[2:10] not in shown


def test_a_snapshot_does_not_change() -> None:
    directory = a_directory(a_bot(1))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        directory.keys = ()  # type: ignore[misc]


def test_snapshots_of_the_same_state_are_equal() -> None:
    assert a_directory(a_bot(1), keys=(a_key("k"),)) == a_directory(a_bot(1), keys=(a_key("k"),))
    assert a_directory(a_bot(1)) != a_directory(a_bot(2))
