"""The admin listener: Starlette on hypercorn, inside the gateway's own trio process."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, cast

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework
from starlette.applications import Starlette

log = structlog.get_logger(__name__)

# Seconds: whoever crashes it on purpose keeps it from nothing but the pages.
PAUSE_AFTER_CRASH: Final = 0.1


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
    two seconds. One of them whose reader has stopped may hold it longer, because hypercorn
    shields its writing: the caller must not wait for it for ever.
    """
    stopping = False

    async def stop_and_remember() -> None:
        nonlocal stopping
        await stop()
        stopping = True

    with listener:
        task_status.started([])
        while not stopping:
            try:
                await serve(
                    cast(ASGIFramework, app),  # Starlette's own type says it in other words
                    _configure(listener.dup()),
                    shutdown_trigger=stop_and_remember,
                )
            except* Exception as group:
                # Some requests that hypercorn cannot read end all of it. They must not end the
                # answers on the public listener, nor the pages for good.
                log.warning("admin.crashed", errors=[repr(each) for each in _leaves(group)])
                await trio.sleep(PAUSE_AFTER_CRASH)


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


def _configure(listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 2.0
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    return config
