"""The admin listener: Starlette on hypercorn, inside the gateway's own trio process."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework
from starlette.applications import Starlette


def bind_admin(host: str, port: int) -> socket.socket:
    """A socket bound to the admin address. Raises OSError, as `socket.create_server`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def serve_admin(
    app: Starlette,
    listener: socket.socket,
    stop: Callable[[], Awaitable[None]],
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages on a bound socket until `stop` returns. Takes the socket over.

    hypercorn installs no signal handlers here; connections that are open when it stops get
    two seconds.
    """
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 2.0
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    await serve(
        cast(ASGIFramework, app),  # Starlette's own type says the same in other words
        config,
        shutdown_trigger=stop,
        task_status=task_status,
    )
