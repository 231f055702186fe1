"""`openapi.json` is true: it has every route and no other, and what is answered is as it says."""

from __future__ import annotations

import re
from pathlib import Path

from api_contract import assert_as_described
from pages_client import open_pages

from eyeclaw_trio.admin.office import RunningTurn
from eyeclaw_trio.admin.site import RESOURCES


async def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        described = (await browser.get("/admin/api/openapi.json")).json
    assert described["openapi"].startswith("3.")
    promised = {
        (method.upper(), path)
        for path, methods in described["paths"].items()
        for method in methods
        if method != "parameters"
    }
    routed = {
        (method, re.sub(r":\w+}", "}", route.path))
        for resource in RESOURCES
        for route in resource.routes
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert promised == routed


async def test_every_name_in_a_path_is_described_and_every_reference_leads_somewhere(
    tmp_path: Path,
) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        answer = await browser.get("/admin/api/openapi.json")
    schemas = answer.json["components"]["schemas"]
    assert "Error" in schemas
    for name in re.findall(r'"#/components/schemas/(\w+)"', answer.text):
        assert name in schemas
    for path, methods in answer.json["paths"].items():
        wanted = set(re.findall(r"{(\w+)}", path))
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            found = {
                each["name"] for each in operation.get("parameters", []) if each["in"] == "path"
            }
            assert found == wanted, (method, path)


async def test_the_status_is_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        pages.now.turns = [
            RunningTurn("trace_1", 1, "rokid", 2.5, None, 0),
            RunningTurn("trace_2", None, "chat", 1.5, 0.5, 3),
        ]
        answer = await browser.get("/admin/api/status")
        assert_as_described(answer, "GET", "/admin/api/status")
        assert [each["silent"] for each in answer.json["running_turns"]] == [None, 0.5]


async def test_tokens_are_made_listed_and_revoked_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        kind = "application/json"
        made = await browser.ask(
            "POST", "/admin/api/tokens", b'{"name": " backup "}', content_type=kind
        )
        assert_as_described(made, "POST", "/admin/api/tokens", status=201)
        assert made.json["name"] == "backup"
        listed = await browser.get("/admin/api/tokens")
        assert_as_described(listed, "GET", "/admin/api/tokens")
        assert made.json["token"] not in listed.text
        path = f"/admin/api/tokens/{made.json['id']}"
        for status in (204, 404):
            gone = await browser.ask("DELETE", path)
            assert_as_described(gone, "DELETE", "/admin/api/tokens/{token_id}", status=status)
        for body in (b"", b"{", b'{"name": 1}', b"{}", b'{"name": "  "}', b'{"name": "\\u0007"}'):
            refused = await browser.ask("POST", "/admin/api/tokens", body, content_type=kind)
            assert_as_described(refused, "POST", "/admin/api/tokens", status=400)
        for length in (129, 100_000):
            body = b'{"name": "%s"}' % (b"x" * length)
            refused = await browser.ask("POST", "/admin/api/tokens", body, content_type=kind)
            assert refused.status in (400, 413)
        form = await browser.post("/admin/api/tokens", {"name": "x"})
        assert_as_described(form, "POST", "/admin/api/tokens", status=415)


async def test_sessions_are_listed_and_ended_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        listed = await browser.get("/admin/api/sessions")
        assert_as_described(listed, "GET", "/admin/api/sessions")
        path = f"/admin/api/sessions/{listed.json[0]['id']}"
        ended = await browser.ask("DELETE", path)
        assert_as_described(ended, "DELETE", "/admin/api/sessions/{session_id}", status=204)
        assert (await browser.get("/admin/api/sessions")).status == 401


async def test_what_is_not_there_is_an_error_as_described(tmp_path: Path) -> None:
    async with open_pages(tmp_path) as pages:
        browser = await pages.signed_in()
        for method, path, status in (
            ("GET", "/admin/api/nothing", 404),
            ("GET", "/admin/api/live/nothing", 404),
            ("GET", "/admin/api/live/sessions", 404),
            ("PUT", "/admin/api/tokens", 405),
            ("DELETE", "/admin/api/tokens/x", 404),
        ):
            answer = await browser.ask(method, path)
            assert answer.status == status, path
            assert set(answer.json) == {"error", "detail"}
