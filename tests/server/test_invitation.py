"""`/skill/CODE`: read once by whoever has the address."""

from __future__ import annotations

import trio
from fakes import Gateway, Glasses
from trio.testing import MockClock

from eyeclaw_trio.core.invitations import LIFETIME, Invitations
from eyeclaw_trio.server.invitation import PATH, InvitationDoor


def with_invitations(gateway: Gateway) -> Invitations:
    invitations = Invitations()
    gateway.open_doors({PATH: {"GET": InvitationDoor(invitations, gateway.gate).show}})
    return invitations


async def fetch(glasses: Glasses, code: str, method: str = "GET") -> tuple[int, bytes]:
    await glasses.send(method=method, target=PATH + code, key=None)
    response = await glasses.receive_head()
    return response.status_code, await glasses.receive_body()


async def test_an_invitation_is_read_once_and_by_nobody_who_guesses(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    invitations = with_invitations(gateway)
    invitations.put("code", "# 接上眼镜\n", trio.current_time())
    async with gateway.glasses() as glasses:
        assert (await fetch(glasses, "code2"))[0] == 404
        assert (await fetch(glasses, ""))[0] == 404
        assert await fetch(glasses, "code") == (200, "# 接上眼镜\n".encode())
        assert (await fetch(glasses, "code"))[0] == 404
        invitations.put("late", "# later\n", trio.current_time())
        await trio.sleep(LIFETIME)
    async with gateway.glasses() as glasses:
        assert (await fetch(glasses, "late"))[0] == 404


async def test_a_look_at_its_head_does_not_use_it_up_and_guessing_is_braked(
    autojump_clock: MockClock,
) -> None:
    gateway = Gateway()
    invitations = with_invitations(gateway)
    invitations.put("code", "words", trio.current_time())
    async with gateway.glasses() as glasses:
        await glasses.send(method="HEAD", target=f"{PATH}code", key=None)
        assert (await glasses.receive_head()).status_code == 405
    async with gateway.glasses() as glasses:
        seen = {(await fetch(glasses, f"guess{number}"))[0] for number in range(30)}
        assert seen == {404, 429}
        assert await fetch(glasses, "code") == (200, b"words")
