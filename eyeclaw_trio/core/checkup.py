"""What a look at the whole gateway finds: what is well, what is not, for the page of its health.

Pure: facts in, findings out. Each finding has a name that the words of the pages know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from attrs import field, frozen

# A clock that is before this (2026-01-01, unix seconds) was never set.
_NEVER_SET: Final = 1_767_225_600.0
# Bytes free on the disk of the data folder: little, and too little to go on for long.
LITTLE_ROOM: Final = 1_073_741_824
NO_ROOM: Final = 104_857_600
# Seconds by which the wall clock may go wrong while the gateway runs.
_WRONG_BY: Final = 120.0

Level = Literal["good", "warn", "bad"]


@frozen
class Facts:
    """What is known at one moment. `bots` are the names of those that should be there, and whether
    they are; `disk_free` is in bytes, None where it cannot be known. `public_host` is where the
    public listener listens, on loopback or not. `clock_off` is by how many seconds the wall clock
    has jumped since the start; `flapping` and `old_sdks` are names of bots whose link breaks again
    and again, and of those whose SDK says no summary."""

    status: str
    active_keys: int
    bots: Mapping[str, bool]
    has_default_bot: bool
    public_host: str
    is_on_loopback: bool
    has_tls: bool
    unix_time: float
    disk_free: int | None
    is_degraded: bool
    dropped_writes: int
    is_backup_waiting: bool = False
    clock_off: float = 0.0
    flapping: Sequence[str] = ()
    old_sdks: Sequence[str] = ()


@frozen
class Finding:
    """One finding: how bad it is, its name, and what the sentence about it needs."""

    level: Level
    name: str
    values: Mapping[str, object] = field(factory=dict)


def check_up(facts: Facts) -> Sequence[Finding]:
    """All findings, the worst first; each thing that is looked at gives one at least."""
    found = [
        *_check_running(facts),
        *_check_store(facts),
        *_check_who_answers(facts),
        *_check_links(facts),
        *_check_reach(facts),
        *_check_machine(facts),
    ]
    order: dict[Level, int] = {"bad": 0, "warn": 1, "good": 2}
    return sorted(found, key=lambda each: order[each.level])


def _check_running(facts: Facts) -> Iterator[Finding]:
    if facts.status == "draining":
        yield Finding("warn", "draining")
    else:
        yield Finding("good", "running")
    if facts.is_backup_waiting:
        yield Finding("warn", "backup_waiting")


def _check_store(facts: Facts) -> Iterator[Finding]:
    if facts.is_degraded:
        yield Finding("bad", "store_degraded", {"dropped": facts.dropped_writes})
    elif facts.dropped_writes:
        yield Finding("warn", "store_dropped", {"dropped": facts.dropped_writes})
    else:
        yield Finding("good", "store_ok")


def _check_who_answers(facts: Facts) -> Iterator[Finding]:
    if not facts.active_keys:
        yield Finding("bad", "no_key")
    else:
        yield Finding("good", "keys", {"count": facts.active_keys})
    if not facts.bots:
        yield Finding("bad", "no_bot")
        return
    if not facts.has_default_bot:
        yield Finding("warn", "no_default_bot")
    away = [name for name, is_online in facts.bots.items() if not is_online]
    if len(away) == len(facts.bots):
        yield Finding("bad", "no_bot_online")
    elif away:
        yield Finding("warn", "bots_offline", {"names": away})
    else:
        yield Finding("good", "bots_online", {"count": len(facts.bots)})


def _check_links(facts: Facts) -> Iterator[Finding]:
    for name, bots in (("bots_flapping", facts.flapping), ("old_sdks", facts.old_sdks)):
        if bots:
            yield Finding("warn", name, {"names": [*bots]})


def _check_reach(facts: Facts) -> Iterator[Finding]:
    if facts.is_on_loopback:
        yield Finding("good", "on_loopback", {"host": facts.public_host})
    elif facts.has_tls:
        yield Finding("good", "public_with_tls", {"host": facts.public_host})
    else:
        yield Finding("warn", "public_without_tls", {"host": facts.public_host})


def _check_machine(facts: Facts) -> Iterator[Finding]:
    if facts.unix_time < _NEVER_SET:
        yield Finding("bad", "clock_wrong")
    elif abs(facts.clock_off) > _WRONG_BY:
        yield Finding("warn", "clock_jumped", {"minutes": round(abs(facts.clock_off) / 60)})
    else:
        yield Finding("good", "clock_ok")
    if facts.disk_free is None:
        yield Finding("warn", "disk_unknown")
        return
    megabytes = facts.disk_free // 1_048_576
    room = {"megabytes": megabytes, "room": _tell_room(megabytes)}
    if facts.disk_free < NO_ROOM:
        yield Finding("bad", "disk_full", room)
    elif facts.disk_free < LITTLE_ROOM:
        yield Finding("warn", "disk_little", room)
    else:
        yield Finding("good", "disk_ok", room)


def _tell_room(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 10_240 else f"{megabytes // 1_024} GB"
