"""Chat as a user has it: real processes, a scripted model, a WebSocket, a terminal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import attrs
import pytest
import trio
from chat_fakes import CANCELLED, DONE, ChatClient
from chat_house import LONG, SECRET, configure, last_question
from fakes import without_code
from house import House
from model_scripts import PIECES, WHOLE_TEXT
from processes import eventually
from running_gateway import Gateway
from trio_websocket import ConnectionClosed, wrap_client_stream


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@asynccontextmanager
async def chatting(
    gateway: Gateway, session: str = "s", query: str = ""
) -> AsyncIterator[ChatClient]:
    """A client with this gateway's key; leaving hangs up without a word."""
    stream = await gateway.open_stream()
    async with trio.open_nursery() as nursery:
        socket = await wrap_client_stream(
            nursery,
            cast(trio.SocketStream, stream),
            f"{gateway.host}:{gateway.port}",
            f"/ws/stream/{session}{query}",
            extra_headers=[(b"Authorization", f"Bearer {gateway.key}".encode())],
        )
        try:
            yield ChatClient(socket, stream)
        finally:
            await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


# --- answers --------------------------------------------------------------------------------------


async def test_without_any_configuration_the_default_bot_answers_a_chat_client(
    house: House,
) -> None:
    async with house.serve() as gateway, chatting(gateway) as client:
        await client.ask('你好 {"type":"done"} 😀')
        pieces, ending = await client.answer()
    assert ("".join(pieces), ending) == ('你好 {"type":"done"} 😀', DONE)
    assert len(pieces) > 2


async def test_an_answer_that_is_a_signal_arrives_whole_and_ends_nothing(house: House) -> None:
    async with house.serve() as gateway, chatting(gateway) as client:
        await client.ask('{"type":"done"}')  # an echo without a space is one piece
        assert await client.answer() == (["{", '"type":"done"}'], DONE)
        await client.ask("好")
        assert await client.answer() == (["好"], DONE)


async def test_a_models_answer_comes_piece_by_piece_as_text_and_as_json(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway) as client:
                await client.ask("你好")
                assert await client.answer() == (list(PIECES), DONE)
            async with chatting(gateway, query="?format=json") as client:
                await client.ask("你好")
                chunks = [await client.signal() for _ in PIECES]
                assert chunks == [{"type": "chunk", "content": piece} for piece in PIECES]
                assert await client.signal() == DONE

            async def are_counted() -> bool:
                return (await count_answers(gateway, "model")) == 2

            await eventually(are_counted, seconds=5)
    listed = await house.result("trace", "list")
    assert {(each["source"], each["outcome"], each["bot_id"]) for each in listed} == {
        ("chat", "answered", None)
    }


async def count_answers(gateway: Gateway, provider: str) -> object:
    """How many turns of this provider `/stats` shows."""
    async with gateway.glasses() as glasses:
        await glasses.send(method="GET", target="/stats", key=gateway.key)
        await glasses.receive_head()
        providers = json.loads(await glasses.receive_body())["providers"]
        return providers.get(provider, {}).get("answers")


async def test_cancel_closes_the_models_request_within_a_second(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway, chatting(gateway) as client:
            await client.ask(LONG)
            assert await client.frame() == PIECES[0]
            await client.send({"type": "cancel"})
            with trio.fail_after(1):
                _, ending = await client.answer()
                assert ending == CANCELLED
                await model.wait_for("aborted", 1, seconds=1)
            await client.ask("more")
            assert (await client.answer())[1] == DONE


async def test_a_client_that_hangs_up_in_mid_answer_closes_the_models_request(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway) as client:
                await client.ask(LONG)
                await client.frame()
            await model.wait_for("aborted", 1, seconds=1)


async def test_the_conversation_survives_a_reconnect_and_is_another_in_another_session(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            async with chatting(gateway, "a") as client:
                await client.ask("first")
                await client.answer()
            async with chatting(gateway, "a") as client:
                await client.ask("second")
                await client.answer()
            assert await last_question(model) == [
                ("user", "first"),
                ("assistant", WHOLE_TEXT),
                ("user", "second"),
            ]
            async with chatting(gateway, "b") as client:
                await client.ask("third")
                await client.answer()
            assert await last_question(model) == [("user", "third")]


async def test_row_24_two_keys_with_one_session_id_have_two_conversations(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway:
            other = await house.result("key", "create", "other")
            theirs = attrs.evolve(gateway, key=other["key"])
            for each, question in ((gateway, "mine"), (theirs, "theirs")):
                async with chatting(each, "same") as client:
                    await client.ask(question)
                    await client.answer()
            assert await last_question(model) == [("user", "theirs")]


async def test_row_24_an_openclaw_keeps_the_two_conversations_apart_by_name(house: House) -> None:
    async with house.model() as model:
        house.configure(
            f"[providers.claw]\nbase_url = '{model.base_url}'\nmodel = 'openclaw/main'\n"
        )
        async with house.serve() as gateway:
            other = await house.result("key", "create", "other")
            theirs = attrs.evolve(gateway, key=other["key"])
            for each in (gateway, theirs, gateway):
                async with chatting(each, "same") as client:
                    await client.ask("q")
                    await client.answer()
            bodies = (await model.seen())["completions"]
    users = [body["user"] for body in bodies if body["messages"][-1]["content"] == "q"]
    assert users[0] == users[2] != users[1]
    assert [user.lower() for user in users] == users


async def test_several_sessions_are_answered_side_by_side(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        async with (
            house.serve() as gateway,
            chatting(gateway, "a") as slow,
            chatting(gateway, "b") as quick,
        ):
            await slow.ask(LONG)
            await slow.frame()
            for _ in range(3):
                await quick.ask("q")
                assert (await quick.answer())[1] == DONE
            assert await slow.frame()
            await slow.send({"type": "cancel"})
            assert (await slow.answer())[1] == CANCELLED


# --- failures -------------------------------------------------------------------------------------

FAILURES: Final = {
    "401": "model_key_refused",
    "402": "model_no_credit",
    "404": "model_not_found",
    "400": "model_request_refused",
    "429": "model_busy",
    "500": "model_error",
    "error-then-done": "model_error",
    "reset-before-head": "model_unreachable",
    "hang-after-head": "model_timeout",
    "hang": "model_timeout",
    "reset": "cut_answer",
    "cut": "cut_answer",
    "empty": "empty_answer",
}


async def test_row_29_each_failure_of_a_model_is_a_short_error_of_its_own(house: House) -> None:
    texts: dict[str, str] = {}
    async with house.model() as model:
        configure(house, model)
        async with house.serve() as gateway, chatting(gateway) as client:
            asked = [*(({"message": f"script:{name}"}, code) for name, code in FAILURES.items())]
            asked.append(({"message": "q", "provider": "nobody"}, "model_unreachable"))
            for message, code in asked:
                await client.send(message)
                _, ending = await client.answer()
                assert (ending["type"], ending["code"]) == ("error", code), message
                said = without_code(ending["message"])
                assert texts.setdefault(code, said) == said
                shown = json.dumps(ending, ensure_ascii=False)
                for internal in (SECRET, "HTTP", "127.0.0.1", "wrong key", "fell over", "Error"):
                    assert internal not in shown
                await client.ask("and now")  # each next question is answered
                assert (await client.answer())[1] == DONE
    assert len(set(texts.values())) == len(texts) == len({*FAILURES.values()})
    assert max(map(len, texts.values())) < 40


async def test_row_30_a_revoked_key_ends_its_chats_within_two_seconds(house: House) -> None:
    async with house.model() as model:
        configure(house, model)
        key = await house.result("key", "create", "revoked")
        async with house.serve() as gateway:
            revoked = attrs.evolve(gateway, key=key["key"])
            async with chatting(revoked, "busy") as busy, chatting(revoked, "idle") as idle:
                await busy.ask(LONG)
                await busy.frame()
                await house.result("key", "revoke", str(key["id"]))
                with trio.fail_after(2):
                    _, ending = await busy.answer()
                    assert ending["code"] == "key_revoked"
                    for client in (busy, idle):
                        with pytest.raises(ConnectionClosed) as caught:
                            await client.frame()
                        assert caught.value.reason is not None
                        assert caught.value.reason.code == 1008
                        assert caught.value.reason.reason == "the access key was revoked"
                await model.wait_for("aborted", 1, seconds=1)


async def test_row_6_a_running_answer_outlives_sigterm_and_an_idle_client_is_told(
    house: House,
) -> None:
    async with house.model() as model:
        configure(house, model)
        async with (
            house.serve() as gateway,
            chatting(gateway, "busy") as busy,
            chatting(gateway, "idle") as idle,
        ):
            await busy.ask("script:pieces:20:0.02")
            await busy.frame()
            gateway.process.terminate()
            with pytest.raises(ConnectionClosed) as caught:
                await idle.frame()
            assert caught.value.reason is not None
            assert caught.value.reason.code == 1001
            pieces, ending = await busy.answer()
            assert (len(pieces), ending) == (19, DONE)
            assert gateway.child is not None
            assert await gateway.child.status() == 0
