"""The composition root: what starts, in which order, and how it stops.

`serve` is the gateway, `connect` is the connector. Everything that waits is a task of one of the
nurseries here; when the last of them ends, the process has nothing left to do.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial

import attrs
import structlog
import trio
from attrs import define, field

from eyeclaw_trio import __version__
from eyeclaw_trio.admin.listener import bind_admin, serve_admin
from eyeclaw_trio.admin.pages import make_admin_app
from eyeclaw_trio.app.first_start import enter_bots_and_keys
from eyeclaw_trio.app.listening import allow_connections, open_listeners, port_of, serve_public
from eyeclaw_trio.connector.embedded_bots import EmbeddedBots
from eyeclaw_trio.connector.link import keep_connected
from eyeclaw_trio.core.provider_timing import ProviderAnswer
from eyeclaw_trio.core.routing import ChatChoice
from eyeclaw_trio.core.trace import Trace
from eyeclaw_trio.errors import EyeclawError
from eyeclaw_trio.logs import configure_logging
from eyeclaw_trio.metrics import Metrics, measure_loop_delay
from eyeclaw_trio.protocol.decoding import encode
from eyeclaw_trio.providers.catalogue import open_provider
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.cable_door import CableDoor, LinkedBots
from eyeclaw_trio.server.chat_socket import PATH as CHAT_PATH
from eyeclaw_trio.server.chat_socket import ChatDoor
from eyeclaw_trio.server.front_door import FrontDoor, Handler, Origins
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor
from eyeclaw_trio.server.live_set import LiveSet
from eyeclaw_trio.server.operations import HealthDoor, StatsDoor, Stopwatch
from eyeclaw_trio.server.reception import OpenAnswers, Reception, log_turn
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.stream_channel import StreamChannel, WorkerLink
from eyeclaw_trio.server.worker import POLL_PATH, TRIGGER_PATH, PollDoor, TriggerDoor
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.store import Store, open_store
from eyeclaw_trio.wakeup import Wakeup
from eyeclaw_trio.wire.gateway_address import GatewayAddress
from eyeclaw_trio.wire.websocket import CableLine

log = structlog.get_logger(__name__)

# After the drain's end the last apologies get this long to be written (seconds).
LAST_WORDS: float = 2.0
# Goodbyes to bots are spread over at most this long, so that they do not all come back in the
# same instant (seconds); few bots are told at once.
GOODBYE_SPREAD: float = 2.0
GOODBYES_A_SECOND: float = 500.0
# Python's own thresholds collect so often that ten thousand links, which are hardly garbage,
# cost most of the processor in pauses of up to a second. Cycles are rare here.
GC_THRESHOLDS: tuple[int, int, int] = (50_000, 20, 100)
# A page that is open when the gateway stops has so long to be written (seconds).
PAGES_WITHIN: float = 3.0


async def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or Ctrl-C, then let running answers finish.

    Raises EyeclawError for what keeps it from starting, and when a second signal has cut
    answers off. OSError where an address cannot be listened on.
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
        providers = settings.providers
        await enter_bots_and_keys(store, settings.bots, providers)
        choice = ChatChoice(tuple(providers), settings.chat_provider)
        gateway = Gateway(settings, store, chat_choice=choice)
        async with trio.open_nursery() as nursery:
            embedded = EmbeddedBots(
                nursery,
                gateway.switchboard,
                providers,
                gateway.note_provider,
                settings.unconfigured,
            )
            embedded.follow(store.directory.bots.values())
            nursery.start_soon(_follow_directory, store, changes, embedded, gateway.revocation)
            nursery.start_soon(measure_loop_delay, gateway.metrics.loop_delay)
            await gateway.run(pages)
            nursery.cancel_scope.cancel()
    return gateway.cut_answers


async def connect(
    settings: Settings, *, server: str, bot: int, token: str, provider: str | None = None
) -> None:
    """Run the connector until SIGTERM or Ctrl-C: keep this bot linked to that gateway.

    Raises LinkRefused when the gateway does not want it, ConfigurationError for a server or
    provider that cannot be used.
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


@define(eq=False)
class Gateway:
    """The two listeners and what is behind them, from ready to stopped."""

    settings: Settings
    store: Store
    chat_choice: ChatChoice = field(factory=ChatChoice)
    cut_answers: int = 0
    is_draining: bool = False
    metrics: Metrics = field(factory=Metrics)
    answers: OpenAnswers = field(factory=OpenAnswers)
    links: LinkedBots = field(factory=LinkedBots)
    turn_logs: TurnLogs = field(factory=TurnLogs)
    workers: LiveSet[WorkerLink] = field(factory=LiveSet)
    stopwatch: Stopwatch = field(factory=Stopwatch)
    switchboard: Switchboard = field(init=False)
    line: CableLine = field(init=False)
    front_door: FrontDoor = field(init=False)
    revocation: Revocation = field(init=False)
    trigger: TriggerDoor = field(init=False)
    chat: ChatDoor = field(init=False)
    _started_at: float = field(factory=trio.current_time)
    _stopped: trio.Event = field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        settings, store = self.settings, self.store
        self.switchboard = Switchboard(settings.patience, settings.limits)
        gate = Gate(lambda: store.directory, self.metrics.failed_keys.inc)
        origins = Origins(frozenset(settings.allowed_origins))
        reception = Reception(
            gate=gate,
            switchboard=self.switchboard,
            patience=settings.patience,
            limits=settings.limits,
            is_draining=lambda: self.is_draining,
            answers=self.answers,
            on_key_used=store.key_used,
            on_turn_over=self._note_turn,
            on_turn_begun=store.trace_began,
            keeps_content=settings.traces.keep_content,
        )
        door = GlassesDoor(reception, settings.sse_error_event)
        self.trigger = TriggerDoor(reception, self.turn_logs)
        poll = PollDoor(gate, self.turn_logs, store.key_used)
        self.chat = ChatDoor(reception, origins, self.chat_choice)
        self.revocation = Revocation(
            self.switchboard,
            self.answers,
            self.links,
            workers=self.workers,
            chats=self.chat.chats,
        )
        self.line = CableLine(
            settings.limits.cable_message,
            _steady_unix_seconds(),
            has_shortcut=settings.frame_shortcut,
        )
        cable = CableDoor(
            gate=gate,
            origins=origins,
            switchboard=self.switchboard,
            limits=settings.limits,
            sessions=store,
            links=self.links,
            is_draining=lambda: self.is_draining,
            line=self.line,
            stream_channel=StreamChannel(gate, self.turn_logs, self.workers, store.key_used),
        )
        routes: dict[str, dict[str, Handler]] = {
            **{path: {"POST": door.answer} for path in PATHS},
            "/cable": {"GET": cable.serve},
            TRIGGER_PATH: {"POST": self.trigger.answer},
            POLL_PATH: {"GET": poll.answer},
            CHAT_PATH: {"GET": self.chat.serve},
            "/health": {"GET": HealthDoor(self.health).show},
            "/stats": {"GET": StatsDoor(gate, self.switchboard, self.stopwatch, self.health).show},
        }
        limits = attrs.evolve(
            settings.limits, connections=allow_connections(settings.limits.connections)
        )
        poller = self.line.poller
        self.front_door = FrontDoor(routes, origins, settings.patience, limits, poller)
        self._show_what_others_count()

    def _show_what_others_count(self) -> None:
        """Put into the metrics what is counted elsewhere: read when it is asked for."""
        store = self.store
        watch = self.metrics.watch
        watch("eyeclaw_bots_online", "Bots that are online", lambda: self.switchboard.online_bots)
        watch("eyeclaw_turns_open", "Turns that are open", lambda: self.switchboard.open_turns)
        watch(
            "eyeclaw_connections_open",
            "Connections on the public listener",
            lambda: self.front_door.open_connections,
        )
        watch(
            "eyeclaw_store_degraded",
            "1 while the disk or a lock keeps traces from being written",
            lambda: store.is_degraded,
        )
        self.metrics.watch_total(
            "eyeclaw_store_writes_dropped",
            "Traces, sessions and uses of keys that were given up unwritten",
            lambda: store.dropped,
        )

    def health(self) -> tuple[int, dict[str, object]]:
        """What `/health` shows, on both listeners.

        A store that fails is said, but with status 200: answers do not depend on it, and nobody
        is helped by a probe that restarts the gateway for it.
        """
        store = self.store
        working = "degraded" if store.is_degraded else "ok"
        body: dict[str, object] = {
            "status": "draining" if self.is_draining else working,
            "version": __version__,
            "uptime": int(trio.current_time() - self._started_at),
            "bots_online": self.switchboard.online_bots,
            "turns_open": self.switchboard.open_turns,
            "store": {"degraded": store.is_degraded, "dropped": store.dropped},
        }
        return (503 if self.is_draining else 200), body

    async def run(self, pages: trio.Nursery) -> None:
        """Listen, say so on stdout, and serve until told to stop.

        The admin listener lives in `pages`, which may end a little later than all else.
        """
        settings = self.settings
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            listeners = await open_listeners(settings)
            admin_socket = bind_admin(settings.admin_listen.host, settings.admin_listen.port)
            admin_address = settings.admin_listen.at_port(admin_socket.getsockname()[1])
            admin_app = make_admin_app(self.metrics, self.health)
            await pages.start(serve_admin, admin_app, admin_socket, self._stopped.wait)
            try:
                async with trio.open_nursery() as public:
                    public.start_soon(self.line.run)
                    await public.start(self.trigger.run)
                    await public.start(
                        partial(serve_public, self.front_door.serve_connection, listeners)
                    )
                    ready = {
                        "event": "ready",
                        "listen": str(settings.listen.at_port(port_of(listeners[0]))),
                        "admin_listen": str(admin_address),
                        "pid": os.getpid(),
                    }
                    _print_event(ready)
                    public.start_soon(self._stop_on_signal, signals, public.cancel_scope)
            finally:
                self._stopped.set()

    async def _stop_on_signal(self, signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        """The first signal drains; the second stops at once (RELIABILITY 6)."""
        async with trio.open_nursery() as nursery:
            async for _ in signals:
                if self.is_draining:
                    self.cut_answers = self.answers.count
                    scope.cancel()
                    return
                self.is_draining = True
                self.chat.say_goodbye()
                log.info("gateway.draining", answers=self.answers.count)
                nursery.start_soon(self._drain, scope)

    async def _drain(self, scope: trio.CancelScope) -> None:
        """Let running answers finish, then say goodbye to the bots, then end all connections."""
        with trio.move_on_after(self.settings.patience.drain_timeout):
            await self.answers.wait_for_none()
            await self.turn_logs.wait_until_read()
        if self.answers.count:
            self.switchboard.end_turns()
            with trio.move_on_after(LAST_WORDS):
                await self.answers.wait_for_none()
                await self.turn_logs.wait_until_read()
        await self._say_goodbye()
        log.info("gateway.stopped")
        scope.cancel()

    async def _say_goodbye(self) -> None:
        links = list(self.links)
        random.shuffle(links)
        pause = min(1 / GOODBYES_A_SECOND, GOODBYE_SPREAD / max(len(links), 1))
        for link in links:
            link.socket.disconnect("server_restart", reconnect=True)
            if len(links) > 1:
                await trio.sleep(pause)
        for worker in self.workers:
            worker.disconnect_for_restart()
        with trio.move_on_after(LAST_WORDS):
            await self.links.wait_for_none()
            await self.chat.chats.wait_for_none()
            await self.workers.wait_for_none()

    def note_provider(self, answer: ProviderAnswer) -> None:
        """Count what a provider took for an answer. Never waits."""
        targets = self.settings.providers[answer.provider].targets
        is_met = self.stopwatch.note_answer(answer, targets)
        self.metrics.count_provider_answer(answer, is_met)
        self.store.provider_answered(answer)

    def _note_turn(self, trace: Trace) -> None:
        now = trio.current_time()
        self.store.trace_ended(trace)
        self.metrics.count_turn(trace)
        self.stopwatch.note(trace, self.store.directory, now)
        log_turn(trace, now)


async def _follow_directory(
    store: Store, changes: Wakeup, embedded: EmbeddedBots, revocation: Revocation
) -> None:
    """Obey what changes in keys and bots, by command or by page."""
    while True:
        await changes.wait()
        embedded.follow(store.directory.bots.values())
        revocation.enforce(store.directory)


def _steady_unix_seconds() -> Callable[[], int]:
    """Unix seconds that never go back: the wall clock is looked at once, here."""
    offset = time.time() - trio.current_time()
    return lambda: int(offset + trio.current_time())


def _print_event(event: dict[str, object]) -> None:
    sys.stdout.buffer.write(encode(event) + b"\n")
    sys.stdout.buffer.flush()
