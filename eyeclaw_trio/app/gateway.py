"""The gateway behind its listeners: every part that a connection can reach, put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import attrs
import trio
from attrs import define, field

from eyeclaw_trio.app.allocator import give_back_after_crowds
from eyeclaw_trio.app.background import Background
from eyeclaw_trio.app.binding import StoreBinder
from eyeclaw_trio.app.observer import Observer
from eyeclaw_trio.app.photo_guard import make_photo_guard
from eyeclaw_trio.app.recollection import make_occasions
from eyeclaw_trio.app.shutdown import Shutdown
from eyeclaw_trio.app.wearer_book import TracedWearers
from eyeclaw_trio.core.invitations import Invitations
from eyeclaw_trio.core.routing import ChatChoice, WearerRules
from eyeclaw_trio.core.shares import Shares
from eyeclaw_trio.protocol.endpoint import PUSH_PATH
from eyeclaw_trio.push.platform import Platform
from eyeclaw_trio.relay.switchboard import Switchboard
from eyeclaw_trio.relay.turn_log import TurnLogs
from eyeclaw_trio.server.binding_dialogue import BindingDialogue
from eyeclaw_trio.server.cable_door import CableDoor
from eyeclaw_trio.server.cable_socket import cable_kind
from eyeclaw_trio.server.chat import PATH as CHAT_PATH
from eyeclaw_trio.server.chat import ChatDoor, chat_kind
from eyeclaw_trio.server.completions import MODEL_PATH, MODELS_PATH, CompletionDoor, ModelsDoor
from eyeclaw_trio.server.completions import PATH as COMPLETIONS_PATH
from eyeclaw_trio.server.first_look import FirstLook
from eyeclaw_trio.server.front_door import FrontDoor, Handler
from eyeclaw_trio.server.gate import Gate
from eyeclaw_trio.server.glasses import PATHS, GlassesDoor
from eyeclaw_trio.server.invitation import PATH as INVITATION_PATH
from eyeclaw_trio.server.invitation import InvitationDoor
from eyeclaw_trio.server.late import LateTurns
from eyeclaw_trio.server.occasion import Occasions
from eyeclaw_trio.server.operations import HealthDoor, StatsDoor, WelcomeDoor
from eyeclaw_trio.server.origins import Origins
from eyeclaw_trio.server.photo_desk import PhotoDesk
from eyeclaw_trio.server.push import PushDoor
from eyeclaw_trio.server.pushes import Pushes
from eyeclaw_trio.server.reception import Reception
from eyeclaw_trio.server.revocation import Revocation
from eyeclaw_trio.server.roster import Roster
from eyeclaw_trio.server.sse_reply import StreamHabits
from eyeclaw_trio.server.stream_channel import StreamChannel
from eyeclaw_trio.server.try_it import TryItDoor
from eyeclaw_trio.server.worker import POLL_PATH, TRIGGER_PATH, PollDoor, TriggerDoor
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.store.store import Store
from eyeclaw_trio.wire.services import Services
from eyeclaw_trio.wire.socket_kind import SocketKind

# For so many connections the memory is enough that keys share; for more there is more of it.
CONNECTIONS: Final = 10_000


@define(eq=False)
class Gateway:
    """What is behind the listeners.

    `connections` is how many may be open at once. `front_door` serves them, for as long as `run`
    does.
    """

    settings: Settings
    store: Store
    connections: int
    roster: Roster = field(factory=Roster, init=False)
    switchboard: Switchboard = field(init=False)
    observer: Observer = field(init=False)
    shutdown: Shutdown = field(init=False)
    revocation: Revocation = field(init=False)
    front_door: FrontDoor = field(init=False)
    try_it: TryItDoor = field(init=False)
    invitations: Invitations = field(factory=Invitations, init=False)
    _turn_logs: TurnLogs = field(factory=TurnLogs, init=False)
    _services: Services = field(init=False)
    _background: Background = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings, store = self.settings, self.store
        self._services = Services(memory=Shares.of_memory(max(1, self.connections / CONNECTIONS)))
        self.switchboard = Switchboard(settings.patience, settings.limits)
        self.shutdown = Shutdown(
            settings.patience.drain_timeout, self.switchboard, self.roster, self._turn_logs
        )
        self.revocation = Revocation(
            self.switchboard, self.roster, self._services.admission.wait_as
        )
        self.observer = Observer(store, self.switchboard, settings.providers, self._is_draining)
        gate = Gate(lambda: store.directory, self.observer.metrics.failed_keys.inc)
        origins = Origins(frozenset(settings.allowed_origins))
        photos = self._make_photo_desk()
        reception = self._make_reception(gate, photos)
        self.try_it = TryItDoor(reception, self._habits())
        platform = Platform(settings.push) if settings.push.account_key else None
        may_be_late = frozenset(bot.name for bot in settings.bots if bot.late == "push")
        self._background = Background(
            TriggerDoor(reception, self._turn_logs),
            Pushes(platform, reception, TracedWearers(store)),
            LateTurns(platform, reception, may_be_late),
        )
        self.front_door = FrontDoor(
            self._make_routes(gate, origins, reception, self._make_binding(reception, photos)),
            origins,
            settings.patience,
            attrs.evolve(settings.limits, connections=self.connections),
            self._services.poller,
            FirstLook(lambda: store.directory),
            self._services.memory,
        )
        self._services.count_together(
            reception.questions,
            reception.held,
            self.switchboard.waiting,
            self._turn_logs.room,
            photos.guard.room,
        )
        self.observer.show_counts(lambda: self.front_door.open_connections)

    def _make_photo_desk(self) -> PhotoDesk:
        return PhotoDesk(make_photo_guard(self.settings), self.settings.patience.keepalive)

    def _make_reception(self, gate: Gate, photos: PhotoDesk) -> Reception:
        return Reception(
            gate=gate,
            switchboard=self.switchboard,
            patience=self.settings.patience,
            limits=self.settings.limits,
            is_draining=self._is_draining,
            answers=self.roster.answers,
            on_key_used=self.store.key_used,
            on_turn_over=self.observer.note_turn,
            on_turn_begun=self.observer.note_turn_begun,
            keeps_content=self.settings.traces.keep_content,
            has_incident_codes=self.settings.incident_code,
            photos=photos,
            occasions=make_occasions(self.settings, self.store),
            pace=self._services.admission.wait_as,
            wearer_rules=WearerRules(
                frozenset(self.settings.allowed_users), self.settings.binding == "required"
            ),
        )

    @property
    def occasions(self) -> Occasions:
        """What wearers' questions are asked within."""
        return self.try_it.reception.occasions

    def _make_binding(self, reception: Reception, photos: PhotoDesk) -> BindingDialogue:
        return BindingDialogue(reception, photos.guard, StoreBinder(self.store), photos.keepalive)

    def _make_routes(
        self, gate: Gate, origins: Origins, reception: Reception, binding: BindingDialogue
    ) -> dict[str, dict[str, Handler]]:
        settings, store, observer = self.settings, self.store, self.observer
        background = self._background
        glasses = GlassesDoor(
            reception, self._habits(), settings.refuse_aloud, binding, background.late
        )
        poll = PollDoor(gate, self._turn_logs, store.key_used)
        choice = ChatChoice(tuple(settings.providers), settings.chat_provider)
        chat = ChatDoor(reception, origins, choice, self._chat_kind(), self.roster.chats)
        workers = StreamChannel(gate, self._turn_logs, self.roster.workers, store.key_used)
        cable = CableDoor(
            gate=gate,
            origins=origins,
            switchboard=self.switchboard,
            sessions=store.sessions,
            links=self.roster.links,
            is_draining=self._is_draining,
            kind=self._cable_kind(),
            stream_channel=workers,
            on_push=background.pushes.submit_for_bot,
        )
        names = tuple(settings.providers)
        completions = CompletionDoor(reception, names)
        self._services.count_together(completions.whole_answers)
        models = ModelsDoor(gate, names, store.key_used)
        stats = StatsDoor(gate, self.switchboard, observer.stopwatch, observer.health)
        return {
            **{path: {"POST": glasses.answer} for path in PATHS},
            "/cable": {"GET": cable.serve},
            TRIGGER_PATH: {"POST": background.trigger.answer},
            POLL_PATH: {"GET": poll.answer},
            PUSH_PATH: {"POST": PushDoor(background.pushes, store.key_used).answer},
            CHAT_PATH: {"GET": chat.serve},
            COMPLETIONS_PATH: {"POST": completions.answer},
            MODELS_PATH: {"GET": models.list},
            MODEL_PATH: {"GET": models.show},
            "/": {"GET": WelcomeDoor().show, "POST": completions.answer},
            INVITATION_PATH: {"GET": InvitationDoor(self.invitations, gate).show},
            "/health": {"GET": HealthDoor(observer.health).show},
            "/stats": {"GET": stats.show},
        }

    def _habits(self) -> StreamHabits:
        return StreamHabits(self.settings.sse_error_event, self.settings.keepalive_message)

    def _cable_kind(self) -> SocketKind:
        limits, shortcut = self.settings.limits, self.settings.frame_shortcut
        return cable_kind(self._services, limits, _steady_unix_seconds(), has_shortcut=shortcut)

    def _chat_kind(self) -> SocketKind:
        settings = self.settings
        return chat_kind(
            self._services,
            settings.limits,
            settings.patience,
            has_shortcut=settings.frame_shortcut,
        )

    def _is_draining(self) -> bool:
        return self.shutdown.is_draining

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Do what all connections need done together, until cancelled; started when it is."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._services.run)
            nursery.start_soon(give_back_after_crowds, lambda: self.front_door.open_connections)
            await nursery.start(self._background.run)
            task_status.started()


def _steady_unix_seconds() -> Callable[[], int]:
    """Unix seconds that never go back: the wall clock is looked at once, here."""
    offset = time.time() - trio.current_time()
    return lambda: int(offset + trio.current_time())
