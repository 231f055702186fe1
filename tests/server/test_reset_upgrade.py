"""A link that is reset while its upgrade is answered ends without a word of a bug."""

from __future__ import annotations

import pytest
import structlog
import trio
import trio.testing
from cable_fakes import CableGateway
from chat_fakes import ChatGateway
from fakes import KEY, TOKEN

TARGETS = {
    "bot": f"/cable?sdk_token={TOKEN}&bot_id=1",
    "stranger": "/cable",
    "worker": f"/cable?access_key={KEY}",
    "chat": f"/ws/stream/s?access_key={KEY}",
}


@pytest.mark.parametrize("who", TARGETS)
async def test_a_reset_during_the_upgrade_is_no_bug(who: str) -> None:
    gateway = ChatGateway() if who == "chat" else CableGateway()
    ours, theirs = trio.testing.memory_stream_pair()

    async def reset() -> None:
        raise trio.BrokenResourceError

    theirs.send_stream.send_all_hook = reset
    head = (
        f"GET {TARGETS[who]} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    with structlog.testing.capture_logs() as lines:
        async with gateway.services_running():
            await ours.send_all(head.encode())
            with trio.fail_after(5):
                await gateway.front_door.serve_connection(theirs)
    assert not [each for each in lines if each["event"].endswith(".bug")]
    assert gateway.front_door.open_connections == 0
    assert len(gateway.front_door.newcomers) == 0
