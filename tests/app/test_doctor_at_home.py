"""Broken set-ups without a gateway, each found and named."""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from scripted_model import open_scripted_model

from eyeclaw_trio.app import doctor
from eyeclaw_trio.app.doctor import Doctor, mend
from eyeclaw_trio.core.diagnosis import Diagnosis
from eyeclaw_trio.settings import load_settings
from eyeclaw_trio.settings.kinds import HostPort
from eyeclaw_trio.store.bots import add_bot
from eyeclaw_trio.store.database import open_database, usable
from eyeclaw_trio.store.keys import create_key, revoke_key
from eyeclaw_trio.store.schema import STEPS


class Found(dict[str, Diagnosis]):
    """By what was looked at; of several the worst."""

    def add(self, each: Diagnosis) -> None:
        known = self.get(each.check)
        if known is None or ["ok", "warn", "fail"].index(each.state) >= [
            "ok",
            "warn",
            "fail",
        ].index(known.state):
            self[each.check] = each

    @property
    def wrong(self) -> dict[str, str]:
        """What is not well; every such thing says what helps."""
        return {name: each.state for name, each in self.items() if each.state != "ok"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder as the first start leaves it."""
    folder = tmp_path / "data"
    with closing(open_database(folder)) as db:
        create_key(db, "glasses", now=datetime.now(UTC))
        add_bot(db, "home", "echo", is_default=True, now=datetime.now(UTC))
    return folder


async def look(
    data: Path, settings: str = "", *, key: str | None = None, asks: bool = False
) -> Found:
    file = data.parent / "eyeclaw.toml"
    file.write_text(f'listen = "127.0.0.1:0"\nadmin_listen = "127.0.0.1:0"\n{settings}', "utf-8")
    read = load_settings({"data": data}, config=file, environ={}, cwd=data.parent)
    found = Found()
    await Doctor(read, found.add, key, asks).examine()
    return found


# No gateway runs in these; that alone is a warning.
SOUND = {"gateway": "warn"}


async def test_who_looks_beside_the_data_of_the_service_is_told_of_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "SERVICE_DATA", tmp_path / "service")
    assert (await look(data)).wrong == SOUND
    (tmp_path / "service").mkdir()
    found = await look(data)
    assert found.wrong == SOUND | {"service": "warn"}
    assert "eyeclawctl doctor" in str(found["service"].fix)
    monkeypatch.setattr(doctor, "SERVICE_DATA", data)
    assert (await look(data)).wrong == SOUND


async def test_a_sound_folder_has_nothing_wrong(data: Path) -> None:
    assert (await look(data)).wrong == SOUND


@pytest.mark.parametrize("is_allowed", [False, True])
async def test_who_may_not_use_the_folder_is_not_told_to_put_a_backup_back(
    data: Path, monkeypatch: pytest.MonkeyPatch, is_allowed: bool
) -> None:
    def fail(folder: Path) -> None:
        with usable(folder):
            raise OSError(5, "Input/output error") if is_allowed else PermissionError(13, "no")

    monkeypatch.setattr(doctor, "inspect_folder", fail)
    fix = str((await look(data))["database"].fix)
    assert ("restore" in fix) == is_allowed
    assert ("eyeclawctl" in fix) != is_allowed


async def test_where_nothing_is_yet_it_says_how_to_begin(tmp_path: Path) -> None:
    found = await look(tmp_path / "data")
    assert found.wrong == {"data": "warn"}
    assert "eyeclaw serve" in str(found["data"].fix)
    assert not (tmp_path / "data").exists()


async def test_a_key_that_is_none_and_one_that_is_revoked_are_told_apart(data: Path) -> None:
    found = await look(data, key="ak_of-somebody-else")
    assert "none of this gateway's" in found["key"].text
    with closing(open_database(data)) as db:
        record, secret = create_key(db, "kitchen", now=datetime.now(UTC))
    assert (await look(data, key=secret)).wrong == SOUND
    with closing(open_database(data)) as db:
        revoke_key(db, record.id)
    found = await look(data, key=secret)
    assert found["key"].text == "The key kitchen is revoked."
    assert f"eyeclaw key restore {record.id}" in str(found["key"].fix)


async def test_no_key_and_no_bot_at_all(tmp_path: Path) -> None:
    open_database(tmp_path / "data").close()
    assert (await look(tmp_path / "data")).wrong == SOUND | {"keys": "fail", "bots": "fail"}


async def test_several_bots_and_none_of_them_the_default(data: Path) -> None:
    with closing(open_database(data)) as db, db:
        add_bot(db, "laptop", now=datetime.now(UTC))
        db.execute("UPDATE bots SET is_default = 0")
    assert (await look(data)).wrong == SOUND | {"default_bot": "warn"}


async def test_a_database_that_is_damaged_or_another_programs(data: Path) -> None:
    file = data / "eyeclaw.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + os.urandom(len(whole) - 8192))
    assert (await look(data))["database"].state == "fail"
    file.write_bytes(b"no database at all" * 100)
    assert "not a database" in (await look(data))["database"].text


async def test_a_database_of_a_newer_version_and_of_an_older_one(data: Path) -> None:
    with closing(sqlite3.connect(data / "eyeclaw.db")) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    assert "newer version" in (await look(data))["database"].text
    older = data.parent / "older"
    open_database(older, steps=STEPS[:-1]).close()
    assert "brings it up to date" in str((await look(older))["database"].fix)


async def test_a_folder_that_others_may_use_can_be_mended(data: Path) -> None:
    data.chmod(0o777)
    assert (await look(data))["data"].state == "fail"
    data.chmod(0o755)
    assert (await look(data)).wrong == SOUND | {"data": "warn"}
    (data / "eyeclaw.db").chmod(0o644)
    assert mend(data) == [f"closed {data} to others", f"closed {data / 'eyeclaw.db'} to others"]
    assert (await look(data)).wrong == SOUND
    assert mend(data) == []
    assert mend(data.parent / "new") == [f"made {data.parent / 'new'}"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
async def test_a_folder_of_somebody_else(data: Path) -> None:
    os.chown(data, 1, 1)
    found = await look(data)
    assert found["data"].state == "fail"
    assert "belongs to" in found["data"].text


async def test_a_clock_that_is_a_day_behind_what_was_written(data: Path) -> None:
    with closing(open_database(data)) as db, db:
        later = "2999-01-01T00:00:00.000Z"
        row = {
            **dict.fromkeys(("trace_id", "message_id", "agent_id", "session_id", "said"), "x"),
            **dict.fromkeys(("sdk_chunk_count", "sse_chunk_count", "missing_count"), 0),
            **dict.fromkeys(("duplicates", "resumed", "anomaly", "kept_since"), 0),
            **dict.fromkeys(("anomalies", "missing_sequences"), "[]"),
            "source": "rokid",
            "status": "active",
            "reason": "",
            "events": b"",
            "created_at": later,
            "updated_at": later,
        }
        columns, values = ", ".join(row), ", ".join("?" * len(row))
        db.execute(f"INSERT INTO stream_traces ({columns}) VALUES ({values})", list(row.values()))
    found = await look(data)
    assert found["clock"].state == "fail"
    assert "behind what was written" in found["clock"].text


async def test_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_free_bytes", lambda _: 1_000_000)
    assert (await look(data)).wrong == SOUND | {"disk": "fail"}


async def test_a_port_that_is_taken_and_an_address_that_is_not_ours(data: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        found = Found()
        found.add(await doctor.try_to_listen(load(data, f"127.0.0.1:{port}"), "--listen"))
    assert "stop what is there" in found["listen"].text
    found.add(await doctor.try_to_listen(load(data, "192.0.2.1:8001"), "--listen"))
    assert "no such address" in found["listen"].text


def load(data: Path, listen: str) -> HostPort:
    return load_settings(
        {"data": data, "listen": listen}, config=None, environ={}, cwd=data.parent
    ).listen


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))


@pytest.mark.usefixtures("few_files")
async def test_too_few_files(data: Path) -> None:
    found = await look(data)
    assert found.wrong == SOUND | {"files": "warn"}
    assert "LimitNOFILE" in str(found["files"].fix)


# ---- models --------------------------------------------------------------------------------


def provider(url: str, model: str = "small", name: str = "local") -> str:
    table = f'[providers.{name}]\nbase_url = "{url}"\nmodel = "{model}"\napi_key = "sk-secret"\n'
    return f'{table}[[bots]]\nname = "home"\nprovider = "{name}"\n'


async def found_of_model(data: Path, script: str, **more: str) -> Diagnosis:
    async with open_scripted_model(script) as model:
        found = await look(data, provider(model.base_url, **more))
    assert "sk-secret" not in str(found)
    return found["providers"]


async def test_a_model_that_can_be_asked(data: Path) -> None:
    for script in ("pieces", "400", "422"):
        assert (await found_of_model(data, script)).state == "ok"


@pytest.mark.parametrize(
    ("script", "state", "words", "fix"),
    [
        ("401", "fail", "wrong key", "Set the right key"),
        ("402", "fail", "Insufficient Balance", "Top the account up"),
        ("404", "fail", "no such model", "`model` or `base_url`"),
        ("404-text", "fail", "is base_url right", "`model` or `base_url`"),
        ("web-page", "fail", "a web page", "`model` or `base_url`"),
        ("429", "warn", "too many requests", "providers check local"),
        ("500", "warn", "fell over", "providers check local"),
    ],
)
async def test_a_model_that_refuses(
    data: Path, script: str, state: str, words: str, fix: str
) -> None:
    found = await found_of_model(data, script)
    assert found.state == state
    assert words in found.text
    assert fix in str(found.fix)


async def test_an_openclaw_whose_endpoint_is_off(data: Path) -> None:
    found = await found_of_model(data, "404-text", name="openclaw")
    assert "endpoint is off" in found.text
    assert "openclaw config set" in str(found.fix)


async def test_an_openclaw_that_is_dead(data: Path) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    found = await look(data, provider(f"http://127.0.0.1:{port}/v1", name="openclaw"))
    assert found["providers"].state == "fail"
    assert "nobody listens there" in found["providers"].text


async def test_a_model_that_is_not_among_those_that_there_are(data: Path) -> None:
    async with open_scripted_model("400") as model:
        model.models = ["large", "larger"]
        found = await look(data, provider(model.base_url))
        assert "no model 'small', but large, larger" in found["providers"].text
        model.models = ["small"]
        assert (await look(data, provider(model.base_url))).wrong == SOUND


async def test_a_real_question_finds_what_no_look_does(data: Path) -> None:
    async with open_scripted_model("empty") as model:
        settings = provider(model.base_url)
        assert (await look(data, settings))["providers"].state == "ok"
        assert (await look(data, settings, asks=True))["providers"].state == "fail"


async def test_a_bot_whose_provider_is_gone(data: Path) -> None:
    with closing(open_database(data)) as db:
        add_bot(db, "old", "gone", now=datetime.now(UTC))
    found = await look(data)
    assert "[providers.gone]" in str(found["providers"].fix)
