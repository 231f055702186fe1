"""A gateway that pushes, over memory streams; the platform is what a test says it is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field, frozen
from fakes import KEY, Gateway

from eyeclaw_trio.errors import PushFailed, StoreBusy
from eyeclaw_trio.protocol.endpoint import PUSH_PATH
from eyeclaw_trio.protocol.push import PushMessage
from eyeclaw_trio.server.push import PushDoor
from eyeclaw_trio.server.pushes import Addressee, Pushes


@frozen
class Asked:
    """What a wearer asked last."""

    user_id: str
    bot_id: int
    agent_id: str


@define
class Wearers:
    """A `WearerBook` of a list: the last one counts."""

    asked: list[Asked] = field(factory=list)
    is_busy: bool = False
    on_look: Callable[[], None] = lambda: None

    async def find_last_question(self, user_id: str, bot_id: int | None) -> Addressee | None:
        found = [each for each in await self._known(bot_id) if each.user_id == user_id]
        return found[-1] if found else None

    async def list_askers(self, bot_id: int | None, most: int) -> Sequence[str]:
        return list(dict.fromkeys(each.user_id for each in await self._known(bot_id)))[:most]

    async def _known(self, bot_id: int | None) -> list[Asked]:
        await trio.lowlevel.checkpoint()
        self.on_look()
        if self.is_busy:
            raise StoreBusy("locked")
        return [each for each in self.asked if bot_id in (None, each.bot_id)]


@define(eq=False)
class FakePlatform:
    """Takes every push, unless `failures` say otherwise; each attempt takes `seconds`."""

    failures: list[PushFailed] = field(factory=list)
    seconds: float = 0.0
    sent: list[PushMessage] = field(factory=list)
    is_closed: bool = False
    may_go_on: Callable[[], bool] = lambda: True
    """Of the last push: whether another attempt would be made."""

    async def send(
        self,
        message: PushMessage,
        note: Callable[[PushFailed | None], None],
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.may_go_on = may_go_on
        await trio.sleep(self.seconds)
        self.sent.append(message)
        failed = self.failures.pop(0) if self.failures else None
        note(failed)
        if failed is not None:
            raise failed

    async def aclose(self) -> None:
        self.is_closed = True


@define(eq=False)
class PushGateway(Gateway):
    """Wearer `u1` has asked bot 1, `u2` bot 2."""

    platform: FakePlatform | None = field(factory=FakePlatform)
    wearers: Wearers = field(
        factory=lambda: Wearers([Asked("u1", 1, "agent-1"), Asked("u2", 2, "agent-2")])
    )
    pushes: Pushes = field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.pushes = Pushes(self.platform, self.reception, self.wearers)
        door = PushDoor(self.pushes, lambda _: None)
        self.open_doors({PUSH_PATH: {"POST": door.answer}})

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Pushes are sent inside; leaving cuts off those under way."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.pushes.run)
            yield
            nursery.cancel_scope.cancel()

    async def push(self, text: str = "水开了", *, key: str = KEY, **fields: Any) -> tuple[int, Any]:
        """One push over a connection of its own: status and what was said."""
        async with self.glasses() as client:
            await client.send({"text": text, **fields}, target=PUSH_PATH, key=key)
            status = (await client.receive_head()).status_code
            return status, json.loads(await client.receive_body())
