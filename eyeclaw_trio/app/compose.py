"""The composition root: what starts, in which order.

`serve` is the gateway, `connect` is the connector. Everything that waits is a task of one of the
nurseries here; when the last of them ends, the process has nothing left to do.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog
import trio

from eyeclaw_trio.admin.listener import serve_admin
from eyeclaw_trio.admin.live import LivePages
from eyeclaw_trio.admin.site import AdminParts, make_admin_app
from eyeclaw_trio.app.allocator import give_large_pieces_back
from eyeclaw_trio.app.collector import collect_often
from eyeclaw_trio.app.first_start import enter_bots_and_keys
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.app.listening import (
    Listeners,
    allow_connections,
    is_on_loopback,
    open_listeners,
    port_of,
)
from eyeclaw_trio.app.pages import make_office, open_door
from eyeclaw_trio.app.photo_guard import make_photo_guard
from eyeclaw_trio.app.recollection import recall_kept
from eyeclaw_trio.app.workshop import make_workshop
from eyeclaw_trio.connector.drain import Drain
from eyeclaw_trio.connector.embedded_bots import EmbeddedBots
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.connector.target import LinkTarget
from eyeclaw_trio.errors import EyeclawError, StoreError
from eyeclaw_trio.logs import RecentLines, configure_logging
from eyeclaw_trio.metrics import measure_loop_delay
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.running_gateway import (
    RunningGateway,
    forget_running_gateway,
    write_running_gateway,
)
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.store.waiting_backup import restore_waiting
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.accepting import accept_connections
from eyeclaw_trio.wire.service_manager import ServiceManager

log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or Ctrl-C, then let running answers finish.

    Raises EyeclawError for what keeps it from starting, and when a second signal has cut answers
    off. Cancellation cuts all answers off, and closes the store in order.
    """
    recent = RecentLines()
    configure_logging(recent=recent)
    give_large_pieces_back()
    for name in settings.providers.keys() - settings.unconfigured:
        await open_provider(settings.providers[name]).aclose()  # a fault shows now, not later
    changes = Wakeup()
    await trio.to_thread.run_sync(restore_waiting, settings.data, read_clock)
    with hold_folder(settings.data):
        async with open_store(
            settings.data, on_change=lambda _: changes.set(), traces=settings.traces
        ) as store:
            cut_answers = await _serve_until_told(settings, store, changes, recent)
    if cut_answers:
        raise EyeclawError(f"stopped at once by a second signal: {cut_answers} cut off")


async def _serve_until_told(
    settings: Settings, store: Store, changes: Wakeup, recent: RecentLines
) -> int:
    """Listen, and run what answers until a signal has ended it; how many answers were cut off."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with open_listeners(settings) as listeners, trio.open_nursery() as nursery:
            # Behind listening: a start that fails must not have shown a key.
            await enter_bots_and_keys(store, settings.bots, settings.providers)
            gateway = Gateway(settings, store, allow_connections(settings.limits.connections))
            await recall_kept(gateway.occasions, store)
            embedded = EmbeddedBots(
                nursery,
                gateway.switchboard,
                settings.providers,
                gateway.observer.note_provider,
                settings.unconfigured,
            )
            embedded.follow(store.directory.bots.values())
            forget_running_gateway(settings.data)
            listen = str(settings.listen.at_port(port_of(listeners.public)))
            announce = partial(_say_who_runs, settings.data, listen, embedded)
            await announce()
            nursery.start_soon(_follow_directory, gateway, changes, embedded, announce)
            nursery.start_soon(collect_often)
            nursery.start_soon(measure_loop_delay, gateway.observer.metrics.loop_delay)
            nursery.start_soon(gateway.observer.history.run)
            manager = ServiceManager.of(os.environ)
            if listeners.certificate is not None:
                await nursery.start(listeners.certificate.keep_renewed)
            elif manager.address is not None:  # no terminal hangs up: there is nothing to reload
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            gateway.shutdown.on_draining = partial(manager.say_nowait, STOPPING="1")
            nursery.start_soon(manager.keep_alive)
            await _serve_connections(gateway, listeners, signals, recent, manager)
            manager.close()
            nursery.cancel_scope.cancel()
    return gateway.shutdown.cut_answers


async def _serve_connections(
    gateway: Gateway,
    listeners: Listeners,
    signals: AsyncIterator[int],
    recent: RecentLines,
    manager: ServiceManager,
) -> None:
    """Accept, say so on stdout and to the service manager, and serve until told to stop; pages end
    a little later."""
    settings, observer = gateway.settings, gateway.observer
    stopping = trio.Event()
    pages = make_admin_app(
        AdminParts(
            make_office(gateway, port_of(listeners.public)),
            make_workshop(gateway, recent),
            await open_door(gateway, is_on_loopback=is_on_loopback(listeners.admin)),
            LivePages(stopping),
            observer.metrics,
            settings.admin,
        )
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_admin, pages, listeners.admin, stopping)
        async with trio.open_nursery() as public:
            await public.start(gateway.run)
            await public.start(
                accept_connections,
                gateway.front_door.serve_connection,
                listeners.public,
                listeners.certificate and listeners.certificate.wrap,
            )
            ready = {
                "event": "ready",
                "listen": str(settings.listen.at_port(port_of(listeners.public))),
                "admin_listen": str(settings.admin_listen.at_port(port_of(listeners.admin))),
                "pid": os.getpid(),
            }
            _print_event(ready)
            manager.say_nowait(READY="1", STATUS=f"listens on {ready['listen']}")
            public.start_soon(gateway.shutdown.stop_on, signals, public.cancel_scope)
        if gateway.shutdown.is_hurried:
            nursery.cancel_scope.cancel()
        stopping.set()


async def _follow_directory(
    gateway: Gateway,
    changes: Wakeup,
    embedded: EmbeddedBots,
    announce: Callable[[], Awaitable[None]],
) -> None:
    """Obey what changes in keys and bots, by command or by page, until cancelled."""
    store = gateway.store
    while True:
        await changes.wait()
        embedded.follow(store.directory.bots.values())
        await gateway.revocation.enforce(store.directory)
        gateway.occasions.memory.take(store.directory.beginnings)
        await announce()


async def _say_who_runs(folder: Path, listen: str, embedded: EmbeddedBots) -> None:
    """Tell commands beside this process which embedded bots it has, and why not. On a full disk
    they are not told, and the log says so. Cancellation waits for the small write."""
    bots = {str(bot_id): reason for bot_id, reason in embedded.why_offline().items()}
    running = RunningGateway(os.getpid(), bots, listen)
    try:
        await trio.to_thread.run_sync(write_running_gateway, folder, running)
    except StoreError as error:
        log.warning("gateway.not_described", why=str(error))


async def connect(
    settings: Settings,
    target: LinkTarget,
    announce: Callable[[dict[str, object]], None],
    provider: str | None = None,
) -> None:
    """Run the connector until SIGTERM or Ctrl-C: keep the bot of this target linked.

    `announce` is told as by `keep_connected`. Running answers may finish at the end, within
    `drain_timeout`.

    Raises LinkRefused when the gateway does not want it, ConfigurationError for a provider that
    cannot be used, and EyeclawError when a second signal has cut answers off. Cancellation drops
    a running answer.
    """
    configure_logging()
    provider = provider or settings.only_provider()
    photos = make_photo_guard(settings)
    asked = open_provider(settings.providers[provider], settings.providers)
    drain = Drain(settings.patience.drain_timeout)
    try:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(drain.obey, signals, nursery.cancel_scope)
                await keep_connected(target, asked, announce=announce, drain=drain, photos=photos)
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
            await asked.aclose()
    if drain.cut_answers:
        raise EyeclawError(f"stopped at once by a second signal: {drain.cut_answers} cut off")


def _print_event(event: dict[str, object]) -> None:
    sys.stdout.buffer.write(encode(event) + b"\n")
    sys.stdout.buffer.flush()
