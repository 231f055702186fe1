"""Pushes to a scripted callback: what is tried again, when, and what is never sent twice."""

from __future__ import annotations

import attrs
import pytest
import trio
from callback_server import ACCOUNT_KEY, BREAK, SILENCE, Verdict, open_callback

from eyeclaw_trio.errors import PushFailed
from eyeclaw_trio.protocol.push import PushMessage
from eyeclaw_trio.push.platform import ATTEMPT, PAUSES, Platform
from eyeclaw_trio.push.settings import PushSettings

MESSAGE = PushMessage("push_1", "wearer", "agent", "水开了")
REFUSED = Verdict(body={"code": 0, "msg": "no such wearer"})


class Pauses(list[float]):
    """The pauses between attempts, noted and not waited for."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await trio.lowlevel.checkpoint()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


async def send(
    url: str, notes: list[str], pauses: Pauses, *, goes_on: bool = True, attempt: float = ATTEMPT
) -> None:
    platform = Platform(PushSettings(ACCOUNT_KEY, url), attempt=attempt, sleep=pauses)
    try:
        await platform.send(
            MESSAGE,
            lambda failed: notes.append(failed.code if failed else "taken"),
            lambda: goes_on,
        )
    finally:
        await platform.aclose()


@pytest.mark.parametrize(
    ("script", "notes"),
    [
        ([], ["taken"]),
        ([Verdict(500)], ["push_platform_failed", "taken"]),
        ([REFUSED, Verdict(500)], ["push_refused", "push_platform_failed", "taken"]),
        ([Verdict(body=b"\xff\xfe garbage")], ["push_not_understood", "taken"]),
        ([BREAK], ["push_unreachable", "taken"]),
    ],
)
async def test_a_failure_is_tried_again_with_the_same_message_until_it_is_taken_once(
    script: list[Verdict], notes: list[str], pauses: Pauses
) -> None:
    said: list[str] = []
    async with open_callback(*script) as callback:
        await send(callback.url, said, pauses)
    assert said == notes
    assert pauses == list(PAUSES)[: len(notes) - 1]
    assert callback.pushes == [
        {
            "message_id": "push_1",
            "account_id": "wearer",
            "message": {"agent_id": "agent", "content": "水开了"},
        }
    ] * len(notes)
    assert set(callback.keys) == {f"Bearer {ACCOUNT_KEY}"}


@pytest.mark.parametrize(
    ("script", "tries", "code"),
    [
        ([Verdict(500)] * 9, 3, "push_platform_failed"),
        ([REFUSED] * 9, 3, "push_refused"),
        ([Verdict(401)], 1, "push_key_refused"),
        ([Verdict(403)], 1, "push_key_refused"),
        ([Verdict(500), Verdict(401)], 2, "push_key_refused"),
    ],
)
async def test_after_three_attempts_or_a_refused_key_it_is_given_up(
    script: list[Verdict], tries: int, code: str, pauses: Pauses
) -> None:
    notes: list[str] = []
    async with open_callback(*script) as callback:
        with pytest.raises(PushFailed) as caught:
            await send(callback.url, notes, pauses)
    assert caught.value.code == code
    assert len(callback.pushes) == len(notes) == tries
    assert ACCOUNT_KEY not in str(caught.value)


async def test_silence_is_an_attempt_that_has_failed(
    pauses: Pauses,
) -> None:
    notes: list[str] = []
    async with open_callback(SILENCE, Verdict()) as callback:
        await send(callback.url, notes, pauses, attempt=0.2)
    assert notes == ["push_timeout", "taken"]


async def test_nobody_there_is_said_without_what_was_sent(pauses: Pauses) -> None:
    async with open_callback() as callback:
        url = callback.url
    notes: list[str] = []
    with pytest.raises(PushFailed) as caught:
        await send(url, notes, pauses)
    assert notes == ["push_unreachable"] * 3
    assert ACCOUNT_KEY not in str(caught.value)


async def test_nothing_is_sent_again_where_it_may_not_go_on(pauses: Pauses) -> None:
    async with open_callback(Verdict(500)) as callback:
        with pytest.raises(PushFailed):
            await send(callback.url, [], pauses, goes_on=False)
    assert len(callback.pushes) == 1


def test_what_is_secret_is_in_no_description() -> None:
    assert ACCOUNT_KEY not in repr(PushSettings(ACCOUNT_KEY))
    assert "水开了" not in repr(attrs.evolve(MESSAGE))
