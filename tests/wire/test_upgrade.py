"""The opening handshake: what the library keeps of it, and is made to let go of."""

from __future__ import annotations

from typing import cast

import trio
import trio.testing
from trio_websocket import WebSocketConnection, wrap_client_stream

from eyeclaw_trio.wire.accepting import wrap
from eyeclaw_trio.wire.frame_stream import FrameStream
from eyeclaw_trio.wire.upgrade import accept_upgrade, forget_handshake


async def test_what_the_library_keeps_of_a_handshake_is_still_where_it_is_looked_for() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    accepted: list[WebSocketConnection | None] = []
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            stream = FrameStream(wrap(theirs), handshake_size=10_000)
            ws = await accept_upgrade(nursery, stream, message_limit=1_000, subprotocol=None)
            accepted.append(ws)

        nursery.start_soon(accept)
        any_stream = cast(trio.SocketStream, ours)
        client = await wrap_client_stream(nursery, any_stream, "x", "/")
        [ws] = accepted
        assert ws is not None
        assert forget_handshake(ws), "wsproto keeps its handshake elsewhere: an idle link grows"
        # It is gone, and the connection as good as before.
        assert ws._wsproto.handshake.__class__.__name__ == "_NoHandshake"
        await client.send_message("still here")
        assert await ws.get_message() == "still here"
        nursery.cancel_scope.cancel()
