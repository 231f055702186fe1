"""Binding by QR code through a running gateway: the command that shows it, the photo, the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from attrs import frozen
from fakes import assert_whole, read_events, spoken
from house import House
from made_pictures import halves, photographed, qr_code, written
from photo_server import PhotoServer, open_photo_server
from processes import eventually
from running_gateway import Gateway

from eyeclaw_trio.core.binding import write_code
from eyeclaw_trio.store.bindings import make_binding_code
from eyeclaw_trio.store.bots import remove_bot
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.wearers import say_standing

SETTINGS: Final = """
binding = "required"
incident_code = false

[wearer]
allow_private_images = true

[[bots]]
name = "one"
provider = "echo"
default = true

[[bots]]
name = "two"
provider = "echo"
"""
LOOK: Final = "你还没有绑定。请看着绑定二维码，我来拍一张。"
BOUND: Final = "绑定成功，现在可以提问了。"
NO_CODE: Final = "照片里没有找到二维码，请靠近一些再试一次。"
UNKNOWN: Final = "这不是有效的绑定二维码，请让主人重新生成一个。"
USED: Final = "这个二维码已经用过了，请让主人重新生成一个。"
EXPIRED: Final = "这个二维码已经过期，请让主人重新生成一个。"
TAKEN: Final = "这个 Bot 已经绑定了别人。"


@frozen
class Hall:
    """A gateway that knows nobody yet, and a server with what the glasses see."""

    house: House
    gateway: Gateway
    server: PhotoServer
    seen: dict[str, bytes]

    async def look_at(self, picture: bytes, user_id: str = "anna") -> str:
        """What a wearer hears whose glasses took this photo."""
        path = f"/{len(self.seen)}.jpg"
        self.seen[path] = picture
        entry = {"role": "user", "type": "image", "text": None, "image_url": self.server.url(path)}
        return spoken(await self.gateway.ask("", message=[entry], user_id=user_id))

    def make_code(self, bot_id: int = 1, age: timedelta = timedelta()) -> str:
        """As the command does, so long ago; blocks shortly."""
        with closing(open_database(self.house.data)) as db:
            return make_binding_code(db, bot_id, datetime.now(UTC) - age).text

    async def wearer_of(self, bot_id: int) -> str | None:
        bots = await self.house.result("bot", "list")
        wearers = {bot["id"]: bot["rokid_user_id"] for bot in bots}
        user_id: str | None = wearers[bot_id]
        return user_id


@asynccontextmanager
async def open_hall(folder: Path, settings: str = SETTINGS) -> AsyncIterator[Hall]:
    house, seen = House(folder), dict[str, bytes]()
    house.configure(settings)
    async with open_photo_server(seen) as server, house.serve() as gateway:
        yield Hall(house, gateway, server, seen)


async def test_a_wearer_is_bound_by_the_code_that_the_command_shows(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        blocks = await hall.gateway.ask("你好", user_id="anna", agent_id="one")
        events = [data for _, data in read_events(blocks)]
        assert events[0]["answer_stream"] == LOOK
        assert events[1]["tool_call"]["command"] == "take_photo"
        async with hall.house.run("bind", "bot", "bind", "two", "--json") as command:
            shown = await command.line()
            assert list(shown) == ["event", "text", "expires_at"]
            assert shown["event"] == "code"
            lasts = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
            assert timedelta(minutes=4) < lasts <= timedelta(minutes=5)
            assert shown["text"] not in command.log
            assert await hall.look_at(photographed(shown["text"], angle=12, light=0.7)) == BOUND
            assert await command.line() == {"event": "bound", "user_id": "anna"}
            assert await command.status() == 0
        assert await hall.wearer_of(2) == "anna"
        # Now her questions reach her bot, whatever agent she names; nobody else's do.
        assert_whole(await hall.gateway.ask("你好", user_id="anna", agent_id="one"), "你好")
        assert LOOK in str(await hall.gateway.ask("你好", user_id="ben"))
        assert (await hall.house.result("bot", "unbind", "two"))["rokid_user_id"] is None
        assert LOOK in str(await hall.gateway.ask("你好", user_id="anna"))
        assert shown["text"].encode() not in (hall.house.data / "eyeclaw.db").read_bytes()


@pytest.mark.parametrize(
    "bad",
    [
        {"angle": 33.0},
        {"angle": -75.0, "light": 0.5},
        {"light": 0.22},
        {"part": 0.17},
        {"angle": 8.0, "light": 0.4, "part": 0.22},
    ],
    ids=["turned", "turned and dim", "dim", "small", "all of it"],
)
async def test_a_bad_photo_of_the_code_is_good_enough(tmp_path: Path, bad: Any) -> None:
    async with open_hall(tmp_path) as hall:
        assert await hall.look_at(photographed(hall.make_code(), **bad)) == BOUND


async def test_every_refusal_has_its_sentence_and_binds_nobody(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        late = hall.make_code(age=timedelta(minutes=5, seconds=1))
        said = {
            NO_CODE: written(halves(640, 480), "JPEG"),
            UNKNOWN: photographed(write_code(b"x" * 16)),
            EXPIRED: photographed(late),
        }
        for sentence, picture in said.items():
            assert await hall.look_at(picture) == sentence
        assert await hall.look_at(written(qr_code("https://example.org"), "PNG")) == UNKNOWN
        assert await hall.wearer_of(1) is None


async def test_a_code_that_was_used_and_a_bot_that_is_taken_bind_nobody_else(
    tmp_path: Path,
) -> None:
    async with open_hall(tmp_path) as hall:
        fresh, other = hall.make_code(), hall.make_code()
        assert await hall.look_at(photographed(fresh)) == BOUND
        assert await hall.look_at(photographed(fresh), "ben") == USED
        assert await hall.look_at(photographed(other), "ben") == TAKEN
        assert await hall.wearer_of(1) == "anna"


async def test_of_two_wearers_who_look_at_one_code_one_is_bound(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        picture = photographed(hall.make_code())
        heard: dict[str, str] = {}

        async def look(user_id: str) -> None:
            heard[user_id] = await hall.look_at(picture, user_id)

        async with trio.open_nursery() as nursery:
            for user_id in ("anna", "ben"):
                nursery.start_soon(look, user_id)
        assert sorted(heard.values()) == sorted([BOUND, USED])
        [bound] = [user_id for user_id, sentence in heard.items() if sentence == BOUND]
        assert await hall.wearer_of(1) == bound


async def test_the_command_says_when_its_code_is_of_no_use_any_more(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        bot = str(hall.house.add_bot("three")["id"])
        async with hall.house.run("bind", "bot", "bind", bot, "--json") as command:
            await command.line()
            with closing(open_database(hall.house.data)) as db:
                remove_bot(db, int(bot))
            assert await command.line() == {"event": "expired"}
            assert await command.status() == 1


async def test_who_may_ask_is_obeyed_within_a_second(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"required"', '"off"\nallowed_users = ["anna"]')
    refused = "你还不能使用这副助手，请联系它的主人。"
    async with open_hall(tmp_path, settings) as hall:

        async def hears(user_id: str, text: str) -> bool:
            return spoken(await hall.gateway.ask("你好", user_id=user_id)) == text

        def say(user_id: str, standing: Any) -> None:
            with closing(open_database(hall.house.data)) as db:
                say_standing(db, user_id, standing, datetime.now(UTC))

        assert await hears("anna", "你好")
        assert await hears("ben", refused)
        say("ben", "allowed")
        await eventually(lambda: hears("ben", "你好"), seconds=5)
        say("anna", "blocked")
        await eventually(lambda: hears("anna", refused), seconds=5)
        say("anna", None)
        await eventually(lambda: hears("anna", "你好"), seconds=5)
