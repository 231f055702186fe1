"""What is refused on a page is said in the reader's language: every sentence that the store and the
pages raise has its Chinese one."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from traced_pages import API, LIST, keep, make_turn, signed_in

import eyeclaw_trio
from eyeclaw_trio.admin.words.refusals import CHINESE, in_chinese

ROOT: Final = Path(eyeclaw_trio.__file__).parent
# What only a start or a command can meet has no page.
NO_PAGE: Final = {"database.py", "folder_lock.py"}
SOURCES: Final = sorted(
    file
    for file in (
        *(ROOT / "store").glob("*.py"),
        *(ROOT / "admin").rglob("*.py"),
        *(ROOT / "app" / name for name in ("backup_shelf.py", "provider_desk.py")),
    )
    if file.name not in NO_PAGE
)
STORE_ERRORS: Final = {"StoreError", "NoSuchRecord"}
REFUSALS: Final = {"RequestRefused": 1, "TryLater": 0}  # which argument says what was refused


def sentence(node: ast.expr) -> str | None:
    """What this says, with a 7 for each value; None where it is no text by itself."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in parts)
        case _:
            return None


def said_by(node: ast.AST) -> list[ast.expr]:
    """What this says to whoever is refused."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[said, *_]) if name in STORE_ERRORS:
            return [said]
        case ast.Call(func=ast.Name(id=name), args=args) if name in REFUSALS:
            said, *rest = args[REFUSALS[name] :]
            details = rest[:1] if name == "RequestRefused" else []
            values = [it.values if isinstance(it, ast.Dict) else [it] for it in details]
            return [said, *(each for several in values for each in several)]
        case _:
            return []


def sentences() -> set[str]:
    found = {
        sentence(each)
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for each in said_by(node)
    }
    return {each for each in found if each and not re.fullmatch(r"[\w/.-]*|7: 7", each)} | {
        "Not found"
    }


def test_every_sentence_that_a_page_may_show_is_there_in_chinese() -> None:
    found = sentences()
    assert len(found) > 60
    assert [each for each in sorted(found) if not re.search("[一-鿿]", in_chinese(each))] == []


@pytest.mark.parametrize("english", CHINESE)
def test_both_say_the_same_values(english: str) -> None:
    assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", CHINESE[english]))


def test_a_sentence_that_nobody_has_put_into_chinese_stays_as_it_is() -> None:
    assert in_chinese("something new") == "something new"
    nearest = "provider: not in the settings; is it echo?"
    assert in_chinese(nearest) == "设置里没有这个模型服务；是 echo 吗？"
    assert in_chinese("there is no bot \n{x}") == "没有编号或名称为 \n{x} 的 Bot"


async def test_a_reader_of_chinese_pages_is_refused_in_chinese_and_a_script_in_english(
    tmp_path: Path,
) -> None:
    async with signed_in(tmp_path) as (pages, browser):
        await keep(pages, make_turn("trace_1", None))
        browser.cookies["eyeclaw_language"] = "zh"
        page = (await browser.post(f"{LIST}/trace_1/delete")).text
        assert "这次问答还在进行，结束后才能删除它的追踪记录" in page
        assert "this turn still runs" not in page
        asked = (await browser.get(f"{API}?limit=0")).json
        assert asked == {"error": "没有这个每页条数", "detail": {"limit": "要写 1 到 500 的数"}}
        browser.cookies["eyeclaw_language"] = "en"
        asked = (await browser.get(f"{API}?limit=0")).json
        assert asked["error"] == "No such length of a page"
