"""The composition root: what starts, in which order.

`serve` is the gateway, `connect` is the connector. Everything that waits is a task of one of the
nurseries here; when the last of them ends, the process has nothing left to do.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import trio

from eyeclaw_trio.admin.listener import bind_admin, serve_admin
from eyeclaw_trio.admin.pages import make_admin_app
from eyeclaw_trio.app.first_start import enter_bots_and_keys
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.app.listening import allow_connections, open_listeners, port_of, serve_public
from eyeclaw_trio.connector.embedded_bots import EmbeddedBots
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.logs import configure_logging
from eyeclaw_trio.metrics import measure_loop_delay
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.gateway_address import GatewayAddress

# Python's own thresholds collect so often that ten thousand links, which are hardly garbage,
# cost most of the processor in pauses of up to a second. Cycles are rare here.
GC_THRESHOLDS: Final = (50_000, 20, 100)
# A page that is open when the gateway stops has so long to be written (seconds).
PAGES_WITHIN: Final = 3.0


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or Ctrl-C, then let running answers finish.

    Raises EyeclawError for what keeps it from starting, and when a second signal has cut
    answers off. OSError where an address cannot be listened on. Cancellation cuts all answers
    off, and closes the store in order.
    """
    configure_logging()
    gc.set_threshold(*GC_THRESHOLDS)
    for name in settings.providers.keys() - settings.unconfigured:
        await open_provider(settings.providers[name]).aclose()  # a fault shows now, not later
    async with trio.open_nursery() as pages:
        cut_answers = await _serve_until_told(settings, pages)
        # All is said and written. A page's reader who has stopped reading must not keep the
        # process: hypercorn shields its writing, so that nothing in here could end it.
        watchdog = threading.Timer(PAGES_WITHIN, os._exit, (1 if cut_answers else 0,))
        watchdog.daemon = True
        watchdog.start()
    watchdog.cancel()
    if cut_answers:
        raise EyeclawError(f"stopped at once by a second signal: {cut_answers} cut off")


async def _serve_until_told(settings: Settings, pages: trio.Nursery) -> int:
    """Open the store, run the gateway, close the store; returns how many answers were cut."""
    async with AsyncExitStack() as stack:
        stack.enter_context(hold_folder(settings.data))
        changes = Wakeup()
        store = await stack.enter_async_context(
            open_store(settings.data, on_change=lambda _: changes.set(), traces=settings.traces)
        )
        await enter_bots_and_keys(store, settings.bots, settings.providers)
        connections = allow_connections(settings.limits.connections)
        gateway = Gateway(settings, store, connections)
        async with trio.open_nursery() as nursery:
            embedded = EmbeddedBots(
                nursery,
                gateway.switchboard,
                settings.providers,
                gateway.observer.note_provider,
                settings.unconfigured,
            )
            embedded.follow(store.directory.bots.values())
            nursery.start_soon(_follow_directory, store, changes, embedded, gateway.revocation)
            nursery.start_soon(measure_loop_delay, gateway.observer.metrics.loop_delay)
            await _listen_until_told(gateway, pages)
            nursery.cancel_scope.cancel()
    return gateway.shutdown.cut_answers


async def _listen_until_told(gateway: Gateway, pages: trio.Nursery) -> None:
    """Listen, say so on stdout, and serve until told to stop.

    The admin listener lives in `pages`, which may end a little later than all else.
    """
    settings, observer = gateway.settings, gateway.observer
    stopped = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        listeners = await open_listeners(settings)
        admin_socket = bind_admin(settings.admin_listen.host, settings.admin_listen.port)
        admin_address = settings.admin_listen.at_port(admin_socket.getsockname()[1])
        admin_app = make_admin_app(observer.metrics, observer.health)
        await pages.start(serve_admin, admin_app, admin_socket, stopped.wait)
        try:
            async with trio.open_nursery() as public:
                await public.start(gateway.run)
                serve_connection = gateway.front_door.serve_connection
                await public.start(partial(serve_public, serve_connection, listeners))
                _print_event(
                    {
                        "event": "ready",
                        "listen": str(settings.listen.at_port(port_of(listeners[0]))),
                        "admin_listen": str(admin_address),
                        "pid": os.getpid(),
                    }
                )
                public.start_soon(gateway.shutdown.stop_on, signals, public.cancel_scope)
        finally:
            stopped.set()


async def _follow_directory(
    store: Store, changes: Wakeup, embedded: EmbeddedBots, revocation: Revocation
) -> None:
    """Obey what changes in keys and bots, by command or by page, until cancelled."""
    while True:
        await changes.wait()
        embedded.follow(store.directory.bots.values())
        revocation.enforce(store.directory)


async def connect(
    settings: Settings, *, server: str, bot: int, token: str, provider: str | None = None
) -> None:
    """Run the connector until SIGTERM or Ctrl-C: keep this bot linked to that gateway.

    Raises LinkRefused when the gateway does not want it, ConfigurationError for a server or
    provider that cannot be used. Cancellation drops a running answer.
    """
    configure_logging()
    provider = provider or settings.only_provider()
    address = GatewayAddress(server, bot, token)
    asked = open_provider(settings.providers[provider], settings.providers)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_sigterm, nursery.cancel_scope)
            await keep_connected(address, asked, announce=_print_event)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
            await asked.aclose()


async def _cancel_on_sigterm(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _print_event(event: dict[str, object]) -> None:
    sys.stdout.buffer.write(encode(event) + b"\n")
    sys.stdout.buffer.flush()
