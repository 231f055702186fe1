"""What a look at the whole gateway finds."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.core.checkup import LITTLE_ROOM, NO_ROOM, Facts, Level, check_up

WELL = Facts(
    status="ok",
    active_keys=1,
    bots={"home": True},
    has_default_bot=True,
    public_host="127.0.0.1",
    is_on_loopback=True,
    has_tls=False,
    unix_time=1_800_000_000.0,
    disk_free=10 * LITTLE_ROOM,
    is_degraded=False,
    dropped_writes=0,
)


def test_a_gateway_that_is_well_has_good_findings_only() -> None:
    assert {each.level for each in check_up(WELL)} == {"good"}


@pytest.mark.parametrize(
    ("change", "level", "name"),
    [
        ({"status": "draining"}, "warn", "draining"),
        ({"is_backup_waiting": True}, "warn", "backup_waiting"),
        ({"is_degraded": True, "dropped_writes": 3}, "bad", "store_degraded"),
        ({"dropped_writes": 3}, "warn", "store_dropped"),
        ({"active_keys": 0}, "bad", "no_key"),
        ({"bots": {}}, "bad", "no_bot"),
        ({"bots": {"a": False, "b": False}}, "bad", "no_bot_online"),
        ({"bots": {"a": False, "b": True}}, "warn", "bots_offline"),
        ({"has_default_bot": False}, "warn", "no_default_bot"),
        ({"is_on_loopback": False}, "warn", "public_without_tls"),
        ({"unix_time": 12.0}, "bad", "clock_wrong"),
        ({"clock_off": -180.0}, "warn", "clock_jumped"),
        ({"flapping": ("a", "b")}, "warn", "bots_flapping"),
        ({"old_sdks": ("a",)}, "warn", "old_sdks"),
        ({"disk_free": None}, "warn", "disk_unknown"),
        ({"disk_free": LITTLE_ROOM - 1}, "warn", "disk_little"),
        ({"disk_free": NO_ROOM - 1}, "bad", "disk_full"),
    ],
)
def test_what_is_not_well_comes_first(change: dict[str, object], level: Level, name: str) -> None:
    first, *others = check_up(attrs.evolve(WELL, **change))  # type: ignore[arg-type]  # by name
    assert (first.level, first.name) == (level, name)
    assert {each.level for each in others} == {"good"}


def test_a_public_address_with_tls_is_well() -> None:
    found = check_up(attrs.evolve(WELL, is_on_loopback=False, has_tls=True))
    assert {each.level for each in found} == {"good"}


@given(
    st.builds(
        Facts,
        status=st.sampled_from(["ok", "degraded", "draining"]),
        active_keys=st.integers(0, 3),
        bots=st.dictionaries(st.text(), st.booleans(), max_size=3),
        has_default_bot=st.booleans(),
        public_host=st.just("127.0.0.1"),
        is_on_loopback=st.booleans(),
        has_tls=st.booleans(),
        unix_time=st.floats(0, 1e10),
        disk_free=st.none() | st.integers(0, 10**15),
        is_degraded=st.booleans(),
        dropped_writes=st.integers(0, 3),
        is_backup_waiting=st.booleans(),
        clock_off=st.floats(-1e6, 1e6),
        flapping=st.lists(st.text(), max_size=2),
        old_sdks=st.lists(st.text(), max_size=2),
    )
)
def test_every_part_is_looked_at_and_the_worst_is_first(facts: Facts) -> None:
    found = check_up(facts)
    levels = [each.level for each in found]
    assert levels == sorted(levels, key=["bad", "warn", "good"].index)
    assert len({each.name for each in found}) == len(found) >= 6
