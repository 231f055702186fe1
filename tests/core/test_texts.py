"""What a wearer hears of a failure: the sentences of the protocol, in the wearer's language."""

from __future__ import annotations

import pytest

from eyeclaw_trio.core.texts import (
    Language,
    apology,
    chat_apology,
    choose_language,
    still_answering,
)
from eyeclaw_trio.errors import (
    BotBusy,
    BotFailed,
    BotOffline,
    BotSilent,
    GatewayStopping,
    KeyRevoked,
    Reason,
    TurnFailed,
)

_FAILURES: list[TurnFailed] = [
    BotOffline(),
    BotSilent(),
    BotBusy(),
    GatewayStopping(),
    *(BotFailed(reason) for reason in Reason),
]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (BotOffline(), "Bot 已离线，请检查设备连接后重试。"),
        (BotSilent(), "请求超时，Bot 可能已离线或响应缓慢，请稍后重试。"),
        (BotBusy(), "Bot 正忙，请稍后重试。"),
        (BotFailed(), "Bot 处理出错，请稍后重试。"),
        (BotFailed(Reason.EMPTY_ANSWER), "Bot 处理出错，请稍后重试。"),
        (BotFailed(reported=True), "Bot 处理出错，请稍后重试。"),
        (GatewayStopping(), "Bot 处理出错，请稍后重试。"),
    ],
)
def test_the_chinese_sentences_are_those_of_the_protocol(failure: TurnFailed, text: str) -> None:
    assert apology(failure, "zh") == text


@pytest.mark.parametrize(
    "reason", [each for each in Reason if each not in (Reason.UNKNOWN, Reason.EMPTY_ANSWER)]
)
def test_a_reason_that_helps_is_said_behind_the_sentence(reason: Reason) -> None:
    for language in ("zh", "en"):
        plain = apology(BotFailed(), language)
        text = apology(BotFailed(reason), language)
        assert text.startswith(plain)
        assert len(text) > len(plain) + 3


def test_each_reason_has_words_of_its_own() -> None:
    for language in ("zh", "en"):
        texts = {apology(BotFailed(reason), language) for reason in Reason}
        assert len(texts) == len(Reason) - 1  # unknown and empty sound alike


@pytest.mark.parametrize("failure", _FAILURES, ids=lambda failure: repr(failure))
def test_every_failure_has_a_sentence_in_both_languages(failure: TurnFailed) -> None:
    chinese, english = apology(failure, "zh"), apology(failure, "en")
    assert english.isascii()
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_the_bot_said_itself_is_never_heard(language: Language) -> None:
    for reason in Reason:
        failure = BotFailed(reason, "Traceback: sk-secret at 10.0.0.1", reported=True)
        text = apology(failure, language)
        assert "secret" not in text
        assert "10.0.0.1" not in text
        assert "Traceback" not in text


@pytest.mark.parametrize("lang", ["en", "EN", "en-US", "en_GB", " en ", "en-Latn-US"])
def test_english_in_any_spelling_is_english(lang: str) -> None:
    assert choose_language(lang) == "en"


@pytest.mark.parametrize(
    "lang", [None, "", "zh", "zh-CN", "zh_TW", "fr", "eng", "enx", "x-en", 5, True, ["en"], {}]
)
def test_everything_else_is_chinese(lang: object) -> None:
    assert choose_language(lang) == "zh"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_row_29_a_chat_client_reads_another_short_sentence_for_each_failure(
    language: Language,
) -> None:
    failures = [*_FAILURES, KeyRevoked()]
    texts = [chat_apology(failure, language) for failure in failures]
    texts.append(still_answering(language))
    assert len(set(texts)) == len(failures) + 1
    assert max(map(len, texts)) < 100
