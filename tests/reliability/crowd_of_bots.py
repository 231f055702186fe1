"""Many bots in a process of their own: `crowd_of_bots.py PORT FIRST COUNT`.

Each stays linked, says no more than it must, and comes back at once whenever its link ends; at
SIGUSR1 all of them break their links in one breath. Their tokens are `bt_` and their ids.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import struct
import sys

import trio
from raw_wire import frame, upgrade

HOST = "127.0.0.1"
# An empty ping as the gateway frames it. Nothing else that it says to an idle bot looks like one.
PING = bytes([0x89, 0])
PONG = frame(b"", 0xA)


async def stay_linked(port: int, bot_id: int, streams: set[trio.SocketStream]) -> None:
    """Bytes and no library: a client that costs less than the gateway's side of it."""
    identifier = json.dumps({"channel": "BotChannel", "bot_id": str(bot_id)})
    subscribe = json.dumps({"command": "subscribe", "identifier": identifier})
    while True:
        stream = await trio.open_tcp_stream(HOST, port)
        streams.add(stream)
        try:
            await stream.send_all(upgrade(bot_id=bot_id, token=f"bt_{bot_id}"))
            await stream.receive_some()  # a client may not speak before it is let in
            await stream.send_all(frame(subscribe.encode()))
            while data := await stream.receive_some():
                if PING in data:  # else the gateway would take it for dead
                    await stream.send_all(PONG)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            streams.discard(stream)
            stream.socket.close()


async def main(port: int, first: int, count: int) -> None:
    """Run until killed."""
    streams: set[trio.SocketStream] = set()
    async with trio.open_nursery() as nursery:
        for bot_id in range(first, first + count):
            nursery.start_soon(stay_linked, port, bot_id, streams)
        with trio.open_signal_receiver(signal.SIGUSR1) as signals:
            async for _ in signals:
                for stream in list(streams):
                    reset = struct.pack("ii", 1, 0)
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                    stream.socket.close()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, first, count = map(int, sys.argv[1:])
    trio.run(main, port, first, count)
