"""RELIABILITY 36: whatever all connections and answers of one key do in one instant, others are
served as before.

What costs little each time is a long pass of the loop where a thousand do it at once: it is done
some at a time.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
import trustme
from crowd import crowd
from mad_answers import answers, chat, get
from mad_tenant import GROWTH, gone_mad
from raw_wire import frame

pytestmark = pytest.mark.attack  # real processes, some minutes: `make test-attacks`

KINDS = {"plain": None, "ecdsa": trustme.KeyType.ECDSA}
TOGETHER = b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("kind", KINDS)
async def test_row_36_chat_clients_that_ask_in_one_instant_stop_nobody(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 of them, four times; then they leave, in one instant too."""
    what = f"500 chat clients of a key ask in one instant, {kind}"
    async with (
        gone_mad(tmp_path, capsys, what, tls=KINDS[kind]) as mad,
        crowd(mad.gateway, 500, chat(mad), b"\r\n\r\n") as chats,
    ):
        for _ in range(4):
            chats.say_in_one_instant(lambda _: frame(b'{"message":"q"}'))
            assert all(await chats.hear(b'"done"', b'"error"'))


@pytest.mark.parametrize(("kind", "count"), [("plain", 5_000), ("ecdsa", 1_400)])
async def test_row_36_thousands_of_connections_that_ask_in_one_instant_stop_nobody(
    kind: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice, and they leave in one instant."""
    what = f"{count} connections of a key ask in one instant, {kind}"
    # What so many took stays with the allocator, for the next ones.
    async with gone_mad(tmp_path, capsys, what, tls=KINDS[kind], kept=GROWTH) as mad:
        models = get(mad, "/v1/models")
        async with crowd(mad.gateway, count, lambda _: models, b"]}") as them:
            for _ in range(2):
                them.say_in_one_instant(lambda _: models)
                assert all(TOGETHER in heard for heard in await them.hear(b"]}"))


async def test_row_36_answers_that_their_bot_ends_in_one_instant_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three times."""
    async with gone_mad(tmp_path, capsys, "900 answers that end in one instant") as mad:
        for _ in range(3):
            async with answers(mad) as all_of_them:
                await all_of_them.end()
                await all_of_them.all_end()


async def test_row_36_answers_that_hear_a_word_in_one_instant_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So are the signs of life in the silence behind it, and its end."""
    settings = "[patience]\nidle_timeout = 6\nkeepalive = 2\n"
    async with (
        gone_mad(tmp_path, capsys, "900 answers in step", settings) as mad,
        answers(mad) as all_of_them,
    ):
        await all_of_them.say("stream_chunk", content="word", sequence=0)
        await all_of_them.all_end()


async def test_row_36_a_key_that_is_revoked_with_answers_and_chats_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        gone_mad(tmp_path, capsys, "a key with 900 answers and 500 chats is revoked") as mad,
        answers(mad) as all_of_them,
        crowd(mad.gateway, 500, chat(mad), b"\r\n\r\n") as chats,
    ):
        await mad.house.result("key", "revoke", str(mad.key_id))
        await all_of_them.all_end()
        assert all(b"revoked" in heard for heard in await chats.hear(b"revoked"))


async def test_row_36_a_bot_that_gets_another_token_with_links_and_answers_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = "[patience]\nresume_grace = 4\n"
    async with (
        gone_mad(tmp_path, capsys, "a bot with 32 links and 900 answers", settings) as mad,
        answers(mad) as all_of_them,
        AsyncExitStack() as stack,
    ):
        for _ in range(31):
            await mad.link(stack, subscribes=False)
        await mad.house.result("bot", "token", "mad")
        await all_of_them.all_end()


async def test_row_36_a_bot_that_is_removed_with_its_answers_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        gone_mad(tmp_path, capsys, "a bot with 900 answers is removed") as mad,
        answers(mad) as all_of_them,
    ):
        await mad.house.result("bot", "remove", "mad")
        await all_of_them.all_end()


async def test_row_36_questions_that_are_sent_again_over_a_new_link_stop_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three times."""
    async with (
        gone_mad(tmp_path, capsys, "a bot with 900 questions comes back") as mad,
        answers(mad) as all_of_them,
        AsyncExitStack() as stack,
    ):
        for _ in range(3):
            await trio.aclose_forcefully(all_of_them.link)
            await trio.sleep(0.3)
            all_of_them.link = await mad.link(stack)
            await trio.sleep(1)
        await all_of_them.end()
        await all_of_them.all_end()
