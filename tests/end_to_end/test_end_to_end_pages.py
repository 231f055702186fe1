"""Getting to the pages of a real gateway: the address, the setup code, the commands beside it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio
from fakes import Glasses
from house import House
from running_gateway import Gateway

PASSWORD = "correct horse battery"


@asynccontextmanager
async def connection_to(address: str) -> AsyncIterator[Glasses]:
    host, _, port = address.rpartition(":")
    async with await trio.open_tcp_stream(host.strip("[]"), int(port)) as stream:
        yield Glasses(stream)


async def ask_page(
    gateway: Gateway, method: str, target: str, form: dict[str, str] | None = None, **more: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body."""
    port = gateway.admin_listen.rpartition(":")[2]
    kind = "application/x-www-form-urlencoded"
    headers = [("Host", f"127.0.0.1:{port}"), ("Content-Type", kind), *more.items()]
    async with connection_to(f"127.0.0.1:{port}") as peer:
        body = urlencode(form).encode() if form is not None else b""
        await peer.send(body, method=method, target=target, key=None, headers=headers)
        response = await peer.receive_head()
        got: dict[str, Any] = {name.decode(): value.decode() for name, value in response.headers}
        return response.status_code, got, (await peer.receive_body()).decode()


async def test_the_public_address_says_that_it_works_and_nothing_else(tmp_path: Path) -> None:
    async with House(tmp_path).serve() as gateway, gateway.glasses() as person:
        await person.send(method="GET", target="/", key=None)
        response = await person.receive_head()
        body = (await person.receive_body()).decode()
    headers = dict(response.headers)
    assert response.status_code == 200
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert "<h1>eyeclaw works</h1>" in body
    assert not re.search(r"admin|8002|0\.1\.0|<script|http://|https://", body)


@pytest.mark.parametrize(
    ("listen", "hosts", "is_shown"),
    [("127.0.0.1:0", [], False), ("0.0.0.0:0", [], True), ("127.0.0.1:0", ["a.example"], True)],
)
async def test_a_setup_code_is_printed_where_others_may_make_the_first_visit(
    tmp_path: Path, listen: str, hosts: list[str], is_shown: bool
) -> None:
    house = House(tmp_path)
    house.configure(f"[admin]\nallowed_hosts = {hosts}\n")
    async with house.serve("--admin-listen", listen) as gateway:
        assert gateway.child is not None
        shown = re.search(r"setup code:\n\n    (\S+)\n", gateway.child.log)
        assert (shown is not None) == is_shown
        form = {"password": PASSWORD}
        if shown is not None:
            status, _, _ = await ask_page(gateway, "POST", "/admin/setup", form)
            assert status == 401
            form["code"] = shown[1]
        status, headers, _ = await ask_page(gateway, "POST", "/admin/setup", form)
        assert (status, headers["location"]) == (303, "/admin/")
        assert PASSWORD not in gateway.child.log
    async with house.serve("--admin-listen", listen) as gateway:  # it has a password now
        assert gateway.child is not None
        assert "setup code" not in gateway.child.log


async def test_the_password_by_command_is_obeyed_by_a_running_gateway(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        done = await trio.to_thread.run_sync(house.set_password, PASSWORD)
        assert (done.status, done.stdout) == (0, "")
        assert "sessions ended: 0" in done.stderr
        status, headers, _ = await ask_page(gateway, "POST", "/admin/login", {"password": PASSWORD})
        assert status == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert (await ask_page(gateway, "GET", "/admin/", Cookie=cookie))[0] == 200
        again = await trio.to_thread.run_sync(house.set_password, "another password")
        assert "sessions ended: 1" in again.stderr
        assert (await ask_page(gateway, "GET", "/admin/", Cookie=cookie))[0] == 303
        short = await trio.to_thread.run_sync(house.set_password, "short")
        assert (short.status, short.stdout) == (1, "")
        assert "too short" in short.stderr
        assert "short\n" not in short.stderr.replace("too short", "")


async def test_a_token_by_command_opens_the_api_until_it_is_revoked(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.serve() as gateway:
        made = await house.result("admin", "token", "script")
        assert set(made) == {"id", "name", "token"}
        bearer = f"Bearer {made['token']}"
        status, _, body = await ask_page(gateway, "GET", "/admin/api/status", Authorization=bearer)
        assert status == 200, body
        (listed,) = await house.result("admin", "token", "--list")
        assert (listed["id"], listed["name"]) == (made["id"], "script")
        assert made["token"] not in str(listed)
        assert await house.result("admin", "token", "--revoke", str(made["id"])) == {
            "id": made["id"],
            "revoked": True,
        }
        status, _, _ = await ask_page(gateway, "GET", "/admin/api/status", Authorization=bearer)
        assert status == 401
        gone = await house.command("admin", "token", "--revoke", str(made["id"]))
        assert (gone.status, gone.stdout) == (1, "")
        for wrong in ([], ["a", "--list"], ["--list", "--revoke", "1"], ["--revoke", "x"]):
            assert (await house.command("admin", "token", *wrong)).status == 2
