"""What the pages are handed of the gateway, and how its owner gets in for the first time."""

from __future__ import annotations

import sys

import trio
from attrs import frozen

from eyeclaw_trio.admin.office import Office, RunningTurn
from eyeclaw_trio.admin.sessions import Doorkeeper, make_setup_code
from eyeclaw_trio.app.gateway import Gateway
from eyeclaw_trio.app.observer import Observer
from eyeclaw_trio.app.surroundings import HouseSurroundings
from eyeclaw_trio.protocol.endpoint import Endpoint

_HOUR = 3_600.0


@frozen
class Present:
    """How it is in this moment: an `admin.office.Now`."""

    observer: Observer

    def health(self) -> tuple[int, dict[str, object]]:
        """As `Observer.health`."""
        return self.observer.health()

    def is_online(self, bot_id: int) -> bool:
        """Whether this bot can be asked now."""
        return self.observer.switchboard.is_online(bot_id)

    def running_turns(self) -> list[RunningTurn]:
        """The turns that are open, the longest first."""
        now = trio.current_time()
        return [
            RunningTurn(
                trace.trace_id,
                trace.bot_id,
                trace.source,
                now - trace.started_at,
                None if trace.last_chunk_at is None else now - trace.last_chunk_at,
                trace.chunks_received,
            )
            for trace in self.observer.running
        ]


def make_office(gateway: Gateway, port: int) -> Office:
    """What the pages read and do; `port` is where the gateway itself listens."""
    host, has_tls = gateway.settings.listen.host, gateway.settings.tls_certificate is not None
    surroundings = HouseSurroundings(gateway, Endpoint(host, port, has_tls).url)
    return Office(gateway.store, gateway.store, Present(gateway.observer), surroundings)


async def open_door(gateway: Gateway, *, is_on_loopback: bool) -> Doorkeeper:
    """Who lets the owner in. Where the first visit is still to come, and others than this machine
    may make it, a code for it is printed on stderr.

    Raises StoreError; cancelled, nothing has happened.
    """
    settings, store = gateway.settings.admin, gateway.store
    doorkeeper = Doorkeeper(store, store, settings.session_hours * _HOUR)
    is_alone = is_on_loopback and not settings.allowed_hosts
    if is_alone or await doorkeeper.has_owner():
        return doorkeeper
    doorkeeper.setup_code = make_setup_code()
    sys.stderr.write(
        "The pages have no password yet. The first visit asks for this setup code:\n\n"
        f"    {doorkeeper.setup_code}\n\n"
        "`eyeclaw admin password` sets the password without it.\n"
    )
    sys.stderr.flush()
    return doorkeeper
