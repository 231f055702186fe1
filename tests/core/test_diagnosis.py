"""What a check came to, as people and as scripts read it."""

from __future__ import annotations

from eyeclaw_trio.core.diagnosis import Diagnosis, is_sound


def test_a_fault_is_shown_with_what_mends_it() -> None:
    fault = Diagnosis("ports", "fail", "the port is taken", "choose another with --listen")
    assert fault.lines() == ["✗ the port is taken", "    → choose another with --listen"]
    assert fault.record == {
        "check": "ports",
        "state": "fail",
        "text": "the port is taken",
        "fix": "choose another with --listen",
    }


def test_a_warning_is_no_fault() -> None:
    well, warned = Diagnosis("a", "ok", "well"), Diagnosis("b", "warn", "nearly")
    assert is_sound([well, warned])
    assert not is_sound([well, Diagnosis("c", "fail", "not")])
    assert [each.lines()[0][0] for each in (well, warned)] == ["✓", "!"]
