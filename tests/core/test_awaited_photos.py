"""Which question a photo without words answers."""

from __future__ import annotations

from eyeclaw_trio.core.awaited_photos import KEPT, MOST, WITHIN, AwaitedPhotos, Talk

TALK = Talk(1, "wearer", "1021")


def test_a_photo_answers_the_question_that_it_was_taken_for_once_and_in_time() -> None:
    awaited = AwaitedPhotos()
    awaited.expect(TALK, "这朵花叫什么？", 10.0)
    assert awaited.take(TALK, 15.0) == "这朵花叫什么？"
    assert awaited.take(TALK, 16.0) is None
    awaited.expect(TALK, "这朵花叫什么？", 20.0)
    assert awaited.take(TALK, 20.0 + WITHIN) is None


def test_another_wearer_bot_or_conversation_has_its_own_and_the_last_question_counts() -> None:
    awaited = AwaitedPhotos()
    awaited.expect(TALK, "一", 0.0)
    awaited.expect(TALK, "二", 1.0)
    for other in (Talk(2, "wearer", "1021"), Talk(1, None, "1021"), Talk(1, "wearer", "1022")):
        assert awaited.take(other, 2.0) is None
    assert awaited.take(TALK, 2.0) == "二"


def test_a_second_photo_may_be_wanted_for_the_same_question() -> None:
    awaited = AwaitedPhotos()
    awaited.expect(TALK, "", 0.0)
    assert awaited.take(TALK, 1.0) is None
    awaited.expect(TALK, "上面写着什么？", 2.0)
    assert awaited.take(TALK, 3.0) == "上面写着什么？"
    awaited.expect(TALK, "", 4.0)  # closer, please: said in answer to a photo without words
    assert awaited.take(TALK, 5.0) == "上面写着什么？"
    assert awaited.take(TALK, 6.0) is None
    awaited.expect(TALK, "", 4.0 + WITHIN)
    assert awaited.take(TALK, 5.0 + WITHIN) is None


def test_what_is_remembered_is_bounded() -> None:
    awaited = AwaitedPhotos()
    for number in range(MOST + 1):
        awaited.expect(Talk(1, str(number), "m"), "长" * 2 * KEPT, 0.0)
    assert awaited.take(Talk(1, "0", "m"), 1.0) is None
    assert awaited.take(Talk(1, "1", "m"), 1.0) == "长" * KEPT


def test_a_bot_that_awaits_too_many_has_only_its_own_forgotten() -> None:
    awaited = AwaitedPhotos()
    awaited.expect(TALK, "这朵花叫什么？", 0.0)
    for number in range(2 * MOST):
        awaited.expect(Talk(2, str(number), "m"), "?", 0.0)
    assert awaited.take(TALK, 1.0) == "这朵花叫什么？"
    assert awaited.take(Talk(2, str(MOST), "m"), 1.0) is None
    assert awaited.take(Talk(2, str(2 * MOST - 1), "m"), 1.0) == "?"


def test_a_wearer_who_has_too_many_awaited_has_only_his_own_forgotten() -> None:
    photos = AwaitedPhotos()
    modest = Talk(1, "me", "m")
    photos.expect(modest, "一？", 0.0)
    for number in range(MOST):
        photos.expect(Talk(1, "you", f"m{number}"), "二？", 0.0)
    assert photos.take(modest, 0.0) == "一？"
    assert photos.take(Talk(1, "you", "m0"), 0.0) is None
