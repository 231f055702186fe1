"""README and docs/: what they promise is there, and both languages say it.

Every page exists twice, in docs/en and docs/zh, with the same sections and the same code.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from eyeclaw_trio.cli import main
from eyeclaw_trio.core.texts import apology
from eyeclaw_trio.core.trace import Outcome
from eyeclaw_trio.errors import AnswerTooLong, BotBusy, BotFailed, BotOffline, BotSilent, Reason
from eyeclaw_trio.settings import Settings, load_settings
from eyeclaw_trio.settings.kinds import Kind
from eyeclaw_trio.settings.schema import SCHEMA, Listed, Named, Schema
from eyeclaw_trio.settings.shown import show_settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ENGLISH = [ROOT / "README.md", *sorted(DOCS.glob("en/*.md"))]


def chinese_of(page: Path) -> Path:
    face = page.parent == ROOT
    return page.with_suffix(".zh-CN.md") if face else page.parent.with_name("zh") / page.name


PAGES = [each for page in ENGLISH for each in (page, chinese_of(page))]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def code_of(page: Path) -> list[tuple[str, str]]:
    """Its blocks with a language, without comments, which are translated."""
    return [
        (language, "\n".join(_without_comment(line) for line in text.splitlines()))
        for language, text in FENCE.findall(page.read_text("utf-8"))
        if language
    ]


def _without_comment(line: str) -> str:
    """TOML, shell, ini and nginx: all of them begin a comment with a number sign."""
    return re.sub(r"(^|\s)#.*", "", line).rstrip()


def headings_of(page: Path) -> list[str]:
    prose = FENCE.sub("", page.read_text("utf-8"))
    return re.findall(r"^(#+ .*)$", prose, re.MULTILINE)


def anchor_of(heading: str) -> str:
    """As the usual renderers of Markdown make it."""
    text = re.sub(r"[`*]", "", heading.lstrip("#").strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def links_of(page: Path) -> list[str]:
    prose = FENCE.sub("", page.read_text("utf-8"))
    return [each for each in LINK.findall(prose) if not each.startswith("http")]


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.stem)
def test_both_languages_have_the_same_sections_links_and_code(page: Path) -> None:
    chinese = chinese_of(page)

    assert [len(each.split()[0]) for each in headings_of(page)] == [
        len(each.split()[0]) for each in headings_of(chinese)
    ]
    assert code_of(page) == code_of(chinese)
    targets, their_targets = (
        sorted(
            each.partition("#")[0].replace(".zh-CN.md", ".md").replace("/zh/", "/en/")
            for each in links_of(one)
        )
        for one in (page, chinese)
    )
    assert targets == their_targets


def test_no_page_is_there_in_one_language_only() -> None:
    english, chinese = ({page.name for page in DOCS.glob(f"{each}/*")} for each in ("en", "zh"))
    assert english == chinese
    assert {each.name for each in DOCS.iterdir()} == {"en", "zh", "images"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            anchors = {anchor_of(each) for each in headings_of(target)}
            assert anchor in anchors, f"{page.name}: {link}"


@pytest.mark.parametrize("face", ["README.md", "README.zh-CN.md"])
def test_a_newcomer_reads_the_face_to_its_end(face: str) -> None:
    assert len((ROOT / face).read_text("utf-8").splitlines()) <= 150


def test_every_page_is_named_on_the_face() -> None:
    for page in PAGES:
        face = "README.zh-CN.md" if page.parent.name == "zh" else "README.md"
        if page.parent != ROOT:
            assert str(page.relative_to(ROOT)) in links_of(ROOT / face)


# ---- settings ------------------------------------------------------------------------------


def settings_of(page: Path, *, with_commented: bool) -> str:
    """The block of all settings; lines such as `# name = value` are settings without a default."""
    text = next(text for language, text in FENCE.findall(page.read_text("utf-8")) if language)
    return re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE) if with_commented else text


def paths_of(schema: Mapping[str, Schema | Kind], above: str = "") -> Iterator[str]:
    for name, kind in schema.items():
        path = f"{above}{name}"
        if isinstance(kind, Named | Listed):
            # A table within them says again for one bot what stands above for all.
            inner = {key: each for key, each in kind.inner.items() if isinstance(each, Kind)}
            yield from paths_of(inner, f"{path}.")
        elif isinstance(kind, Mapping):
            yield from paths_of(kind, f"{path}.")
        else:
            yield path


def test_the_page_of_the_settings_has_all_of_them_and_no_other() -> None:
    document = tomllib.loads(settings_of(DOCS / "en" / "settings.md", with_commented=True))
    document["providers"] = document["providers"]["NAME"]
    document["bots"] = document["bots"][0]
    written = {
        f"{name}.{key}" if isinstance(value, dict) else name
        for name, value in document.items()
        for key in (value if isinstance(value, dict) else [name])
    }

    assert written == set(paths_of(SCHEMA))


def test_the_page_of_the_settings_says_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "eyeclaw.toml").write_text(
        settings_of(DOCS / "en" / "settings.md", with_commented=False), "utf-8"
    )

    def shown(settings: Settings) -> dict[str, object]:
        return {
            each.key: each.value
            for each in show_settings(settings)
            if not each.key.startswith(("providers.", "bots", "chat_provider"))
        }

    environ = {"OPENCLAW_GATEWAY_TOKEN": "token"}
    written = load_settings({}, config=None, environ=environ, cwd=tmp_path)
    (tmp_path / "eyeclaw.toml").write_text("", "utf-8")
    plain = load_settings({}, config=None, environ=environ, cwd=tmp_path)

    assert shown(written) == shown(plain)


# ---- commands ------------------------------------------------------------------------------


def subcommands_of(group: click.Group) -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def commands_of(group: click.Command, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(group, click.Group):
        for name, command in subcommands_of(group).items():
            yield from commands_of(command, (*above, name))
        if group.invoke_without_command:
            yield above
    else:
        yield above


def test_the_page_of_the_commands_has_all_of_them() -> None:
    page = (DOCS / "en" / "commands.md").read_text("utf-8")
    elsewhere = {("serve",), ("connect",)}  # what runs for ever is not in a list of examples
    for path in commands_of(main):
        text = " ".join(("eyeclaw", *path))
        assert text in page or path in elsewhere, f"{text} is missing"


def shell_lines() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language, text in code_of(page):
            if language == "sh":
                for line in text.replace("\\\n", " ").splitlines():
                    yield page.name, line


def test_every_command_line_in_the_pages_is_one_that_there_is() -> None:
    """Names of commands and options; what is asked of them is not run here."""
    found = 0
    for page, line in shell_lines():
        match = re.search(r"(?:^|[\s/])eyeclaw ([a-z].*)", line)
        if match is None or "git clone" in line:
            continue
        words = match[1].split(" | ")[0].split()
        command: click.Command = main
        while words and isinstance(command, click.Group) and words[0] in subcommands_of(command):
            command = subcommands_of(command)[words.pop(0)]
        known = {option for each in command.params for option in each.opts}
        used = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        assert used <= known, f"{page}: {line}"
        assert command is not main, f"{page}: {line}"
        found += 1
    assert found > 40


# ---- traces --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["en/traces.md", "zh/traces.md"])
def test_the_page_of_the_traces_has_every_outcome_and_every_sentence(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")

    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == [each.value for each in Outcome]
    failed = apology(BotFailed(), "zh")
    for failure in (BotOffline(), BotSilent(), BotBusy(), AnswerTooLong(), BotFailed()):
        assert f"`{apology(failure, 'zh')}`" in text
    for reason in Reason:
        sentence = apology(BotFailed(reason=reason), "zh").removeprefix(failed)
        assert not sentence or f"`{sentence}`" in text


# ---- figures -------------------------------------------------------------------------------

SUMMARY = json.loads((ROOT / "bench" / "results" / "summary.json").read_text("utf-8"))
SERVERS = ("gateway", "uvicorn", "node", "hypercorn", "nchan")


def measured(scenario: str, figure: str, form: str = "{:.3g}") -> list[str]:
    """The median of each server, as it stands in the table; a dash where there is none."""
    servers = SUMMARY["scenarios"][scenario]["servers"]
    return [
        form.format(servers[name][figure][0]) if figure in servers.get(name, {}) else "–"
        for name in SERVERS
    ]


@pytest.mark.parametrize("page", ["en/performance.md", "zh/performance.md"])
def test_the_figures_of_the_page_are_those_of_the_last_whole_run(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")][1:]
        for line in text.splitlines()
        if line.startswith("|") and line.count("|") == len(SERVERS) + 2
    ]

    assert measured("relay", "cpu_us_per_chunk") in rows
    assert measured("streams-5000", "cpu_us_per_chunk") in rows
    assert measured("relay-small", "cpu_us_per_chunk", "{:.0f}") in rows
    assert measured("idle-answers", "kb_per_connection", "{:.0f}") in rows
    halves = zip(
        measured("light", "delay_p50", "{:.2f}"),
        measured("light", "delay_p99", "{:.2f}"),
        strict=True,
    )
    assert [f"{middle} / {high}" for middle, high in halves] in rows


def test_the_face_says_the_same_figures() -> None:
    cost = measured("relay", "cpu_us_per_chunk")[0]
    added = measured("light", "delay_p50", "{:.1f}")[0]
    for name, cost_unit, added_unit in (
        ("README.md", "µs", "ms"),
        ("README.zh-CN.md", "微秒", "毫秒"),
    ):
        text = (ROOT / name).read_text("utf-8")
        assert f"{cost} {cost_unit}" in text
        assert f"{added} {added_unit}" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_whoever_follows_a_chunk_finds_each_file_and_function_that_the_page_names(
    language: str,
) -> None:
    page = (DOCS / language / "structure.md").read_text("utf-8")
    code = {
        str(path.relative_to(ROOT / "eyeclaw_trio").with_suffix("")): path.read_text("utf-8")
        for path in (ROOT / "eyeclaw_trio").rglob("*.py")
    }
    named = re.findall(r"`([a-z_]+/[a-z_]+)`", page)
    assert len(named) > 30
    assert set(named) <= code.keys()
    way = page.partition("Watch.read")[2].partition("| `core/places`")[0]
    names = [each.rpartition(".")[2] for each in re.findall(r"`([A-Za-z_.]+)`", way)]
    assert len(names) > 10
    defined = set(
        re.findall(r"^\s*(?:async def|def|class) (\w+)", "\n".join(code.values()), re.MULTILINE)
    )
    assert set(names) <= defined
