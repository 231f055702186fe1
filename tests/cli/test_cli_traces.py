"""`trace list`, `trace show`, `backup`, `restore` as a person and a script see them."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from eyeclaw_trio.cli import main
from eyeclaw_trio.core.reassembly import Anomaly
from eyeclaw_trio.core.time_line import join_ranges
from eyeclaw_trio.core.trace import Happening, Outcome, Trace
from eyeclaw_trio.core.trace_analysis import TraceRecord
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.store.database import open_database, transaction
from eyeclaw_trio.store.folder_lock import hold_folder
from eyeclaw_trio.store.schema import STEPS
from eyeclaw_trio.store.traces import write_trace

STAMP = datetime.fromisoformat("2026-01-31T12:00:00.000Z")
# CLI, "A stream trace".
CONTRACT = {
    "trace_id", "message_id", "agent_id", "user_id", "bot_id", "session_id", "source", "status",
    "outcome", "code", "events", "sdk_chunk_count", "sse_chunk_count", "sdk_total_chunks",
    "missing_sequences", "loss_position", "first_chunk_delay", "avg_chunk_interval",
    "last_chunk_delay", "sdk_content", "sse_content", "anomaly", "created_at", "updated_at",
}  # fmt: skip


def make_turn(trace_id: str, *, missing: bool = False) -> Trace:
    """Ten chunks, 20 ms apart but for one silence; the last two withheld and healed on demand."""
    trace = Trace(trace_id, f"session_{trace_id}", 1, 50.0, message_id="1021", agent_id="1")
    trace.note(Happening.REQUEST_RECEIVED, 50.0)
    trace.note(Happening.COMMAND_BROADCAST, 50.002)
    trace.sent_at = 50.002
    for n in range(8 if missing else 10):
        now = 50.4 + n * 0.02 + (1.0 if n >= 5 else 0.0)
        trace.note_chunk(now, n, "x")
        trace.chunks_received = n + 1
        trace.note_written(now + 0.0005, now, ["x"])
    trace.ended_at = now + 0.01
    trace.note(Happening.STREAM_END, trace.ended_at)
    if missing:
        trace.missing, trace.total_chunks = ((8, 9),), 10
        trace.anomalies += (Anomaly.HEALED,)
        trace.note(Happening.ANOMALY_DETECTED, trace.ended_at, anomaly="healed")
        trace.note(Happening.COMPENSATION_SENT, trace.ended_at, characters=2)
    trace.end(Outcome.ANSWERED)
    trace.note(Happening.FINISHED, trace.ended_at)
    return trace


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two turns; the newer one has lost something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EYECLAW_DATA", "data")
    data = tmp_path / "data"
    with closing(open_database(data)) as db:
        add_bot(db, "home", now=read_clock())
        with transaction(db):
            write_trace(db, make_turn("trace_aaaa1111bbbb"), STAMP, 0.0)
            write_trace(db, make_turn("trace_cccc2222dddd", missing=True), STAMP, 0.0)
    return data


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def ask_json(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def failure(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_the_list_is_a_table_for_people_newest_first() -> None:
    head, newest, oldest = run("trace", "list").stdout.splitlines()
    for column in ("when", "trace", "bot", "outcome", "chunks", "first ms", "anomalies"):
        assert column in head
    when = STAMP.astimezone().strftime("%m-%d %H:%M:%S")
    assert re.search(
        rf"^{when} +trace_cccc2222 +home +answered +8/8 +400 +healed, 2 missing \(tail\)$",
        newest.rstrip(),
    )
    assert re.search(r"trace_aaaa1111 +home +answered +10/10 +400 +–$", oldest.rstrip())


def test_the_list_as_json_has_the_fields_of_the_contract() -> None:
    listed = ask_json("trace", "list")
    assert [each["trace_id"] for each in listed] == ["trace_cccc2222dddd", "trace_aaaa1111bbbb"]
    assert list(listed[0]) == [each.name for each in attrs.fields(TraceRecord)]
    assert set(listed[0]) >= CONTRACT
    assert listed[0]["missing_sequences"] == [8, 9]
    assert (listed[0]["loss_position"], listed[0]["status"]) == ("tail", "anomaly")
    assert listed[0]["created_at"] == "2026-01-31T12:00:00.000Z"
    assert {"type", "data", "timestamp"} == set(listed[0]["events"][0])


def test_the_list_can_be_shortened_to_what_matters() -> None:
    assert [each["anomaly"] for each in ask_json("trace", "list", "--anomalies")] == [True]
    assert [each["anomaly"] for each in ask_json("trace", "list", "--limit", "1")] == [True]
    for bad in ("0", "-1", "x", "9" * 30):
        assert run("trace", "list", "--limit", bad).exit_code == 2


def test_a_folder_without_turns_has_an_empty_list_with_a_hint() -> None:
    assert ask_json("trace", "list", "--data", "new") == []
    assert "`eyeclaw ask TEXT`" in run("trace", "list", "--data", "new").stderr


def test_one_turn_is_shown_as_json_by_any_beginning_of_its_id() -> None:
    shown = ask_json("trace", "show", "trace_cccc2222dddd")
    assert set(shown) >= CONTRACT
    assert shown == ask_json("trace", "show", "trace_c")
    assert shown == ask_json("trace", "list")[0]
    assert "several traces begin with trace_" in failure("trace", "show", "trace_")
    assert "there is no trace trace_x" in failure("trace", "show", "trace_x")


def test_one_turn_is_found_by_the_code_that_was_heard_however_it_is_typed(folder: Path) -> None:
    trace = make_turn("trace_z")
    trace.code = "K7M3QF"
    with closing(open_database(folder)) as db, transaction(db):
        write_trace(db, trace, STAMP, kept_since=0.0)
    for typed in ("K7M3QF", "k7m3qf", " K7m3QF "):
        assert ask_json("trace", "show", typed)["trace_id"] == "trace_z"
    assert ask_json("trace", "show", "trace_z")["code"] == "K7M3QF"
    assert re.search(r"^code +K7M3QF *$", run("trace", "show", "k7m3qf").stdout, re.MULTILINE)
    assert "there is no trace" in failure("trace", "show", "K7M3Q")


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_turn_that_is_not_named_is_wrong_usage(nothing: str) -> None:
    result = run("trace", "show", nothing)
    assert result.exit_code == 2
    assert "`eyeclaw trace list`" in result.stderr


def test_one_turn_is_shown_as_a_time_line_with_its_gaps_and_what_was_missing() -> None:
    lines = [" ".join(line.split()) for line in run("trace", "show", "trace_c").stdout.splitlines()]
    when = STAMP.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert lines == [
        "trace trace_cccc2222dddd",
        f"began {when} (bot 1, rokid)",
        "message 1021, agent 1, wearer –",
        "outcome answered",
        "chunks 8 of 10 received, 8 written",
        "delays first after 400 ms, then every 163 ms, end after the last 10 ms",
        "anomalies healed",
        "missing 8–9 (tail)",
        "",
        "0 ms question received",
        "2 ms question sent to the bot",
        "… nothing for 398 ms",
        "400–480 ms 5 chunks 0–4; 5 written, within 0.5 ms",
        "… nothing for 1020 ms",
        "1500–1540 ms 3 chunks 5–7; 3 written, within 0.5 ms",
        "1550 ms the bot says: end",
        "1550 ms anomaly (anomaly healed)",
        "1550 ms missing text written from the summary (characters 2)",
        "1550 ms turn over",
    ]


def test_texts_are_shown_where_they_were_kept_and_cannot_command_the_terminal(
    folder: Path,
) -> None:
    trace = Trace("trace_texts", "s", None, 1.0, keeps_content=True)
    trace.note_chunk(1.1, 0, "[bold]\x1b[2J你好")
    trace.note_written(1.1, 1.1, ["[bold]\x1b[2J你好"])
    trace.end(Outcome.BOT_ERROR, reason="model_busy", said="429 \x07")
    with closing(open_database(folder)) as db, transaction(db):
        write_trace(db, trace, STAMP, 0.0)
    shown = run("trace", "show", "trace_t").stdout
    assert re.search(r"received +\[bold\]\[2J你好", shown)
    assert "bot said" in shown
    assert "(model_busy)" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_numbers_are_joined_to_ranges() -> None:
    assert join_ranges([]) == ""
    assert join_ranges([0, 1, 2, 4, 6, 7]) == "0–2, 4, 6–7"
    assert join_ranges([3, 3, 4]) == "3–4"


# Backup and restore


def test_a_backup_says_what_is_in_it(tmp_path: Path) -> None:
    made = ask_json("backup", "copy")
    size = (tmp_path / "copy").stat().st_size
    assert made == {
        "file": "copy",
        "bytes": size,
        "schema": len(STEPS),
        "bots": 1,
        "keys": 0,
        "traces": 2,
        "integrity": "ok",
    }
    result = run("backup", "other")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 bots, 0 keys, 2 traces" in result.stderr
    assert "--force" in failure("backup", "copy")
    assert ask_json("backup", "copy", "--force") == made
    assert run("backup").exit_code == 2


def test_a_restore_says_what_it_kept(folder: Path) -> None:
    ask_json("backup", "copy")
    ask_json("key", "create", "later")
    done = ask_json("restore", "copy")
    assert (done["keys"], done["traces"], done["integrity"]) == (0, 2, "ok")
    assert done["from"] == "copy"
    assert done["file"] == str(folder / "eyeclaw.db")
    assert Path(done["kept"]).parent == folder
    assert ask_json("key", "list") == []
    result = run("restore", done["kept"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Keys revoked since" in result.stderr
    assert [each["name"] for each in ask_json("key", "list")] == ["later"]


def test_a_restore_that_is_refused_is_one_line(folder: Path, tmp_path: Path) -> None:
    ask_json("backup", "copy")
    with hold_folder(folder):
        assert "another gateway" in failure("restore", "copy")
    (tmp_path / "letter").write_text("a letter, not a database")
    assert "letter" in failure("restore", "letter")
    assert "No such file" in failure("restore", "missing", "--json")
