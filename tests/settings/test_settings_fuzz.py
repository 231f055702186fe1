"""Configurations by a grammar, from a seed: settings or clear errors, no traceback and no hang."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from deadlines import fail_after_seconds
from fuzzing import fuzz_rounds

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import SettingsCheck, check_settings, load_settings
from eyeclaw_trio.settings.layers import dotted, known_paths
from eyeclaw_trio.settings.shown import show_settings

SECRET = "sk-do-not-show-4711"
# No configuration of the grammar's size may take longer, on a loaded machine either.
AT_MOST = 10.0


# What fits a setting, by its name or by that of the table it is in.
FITTING = {
    **dict.fromkeys(("listen", "admin_listen"), ('"127.0.0.1:0"', '"[::1]:8002"', '"a.example:1"')),
    **dict.fromkeys(("data", "api_key_file"), ('"key"', '"data"')),
    **dict.fromkeys(("tls_certificate", "tls_key"), ('"key"',)),
    **dict.fromkeys(("patience", "limits"), ("1", "30")),
    **dict.fromkeys(("provider", "chat_provider"), ('"echo"', '"openclaw"')),
    **dict.fromkeys(("default", "frame_shortcut", "sse_error_event"), ("true", "false")),
    "binding": ('"off"',),
    "allowed_origins": ("[]", '["*"]', '["https://a.example"]'),
    "allowed_hosts": ("[]", '["a.example", "::1"]'),
    "traces": ("1", "true"),
    "kind": ('"echo"', '"openai"'),
    "base_url": ('"http://127.0.0.1:1/v1"', '"https://a.example"'),
    "api_key": (f'"{SECRET}"',),
    "api_key_env": ('"ZHIPU_API_KEY"', '"NOWHERE"'),
    "fallback": ('["echo"]', "[]"),
    "conversation": ('"shared"',),
    "region": ('"home"', '"abroad"'),
    "extra": ("{}", "{ seed = 1, a = [1, { b = 0.5 }] }"),
    "speech": ('"as_is"',),
    "name": ('"a"', '"b"'),
}


class Grammar:
    """Texts that are nearly right: known settings, twisted in one place or another."""

    def __init__(self, dice: random.Random, folder: Path) -> None:
        self.dice = dice
        self.folder = folder
        # How much of it is odd: of two in five nothing, so that some are settings.
        self.oddness = dice.choice((0.0, 0.0, 0.05, 0.15, 0.5))

    def pick(self, *ways: Callable[[], str]) -> str:
        return self.dice.choice(ways)()

    # ---- values ---------------------------------------------------------------------------------

    def value(self, depth: int = 0) -> str:
        ways = [self.text, self.number, self.good, self.good, self.word]
        if depth < 3:
            ways += [lambda: self.array(depth), lambda: self.table(depth), self.deep]
        return self.pick(*ways)

    def good(self) -> str:
        """What fits some setting."""
        return self.dice.choice(
            (
                *('"127.0.0.1:0"', '"[::1]:8002"', "true", "false", "1", "30", "0.5", '"echo"'),
                *('"openclaw"', '"http://127.0.0.1:1/v1"', '["https://a.example"]', '["echo"]'),
                *("{ a = 1 }", '"off"', '"a"', f'"{SECRET}"', '"key"', '["a.example"]', "[]"),
            )
        )

    def text(self) -> str:
        body = self.dice.choice(
            (
                *(
                    "",
                    " ",
                    "~",
                    "~nobody/x",
                    "/dev/zero",
                    "fifo",
                    "key",
                    ".",
                    "\\u0000",
                    "a\\u0000b",
                ),
                *(
                    "x" * 300,
                    "é",
                    "\\U0001F600",
                    "\\u202E",
                    "\\u001B]0;x\\u0007",
                    "a:b:c",
                    "[::1",
                    "*",
                ),
                *("a" * 64 + ":1", "a..b:1", "http://", "http://[/", "http://a:99999/", "[]:1"),
                *("http://" + "a" * 64, "http://a.../", "http://é/", "127.0.0.1:65536", ":::1"),
                *("../" * 2000, SECRET + " x", "\\uFFFF", "%00", "{}", "[" * 40, "1" * 5_000),
            )
        )
        return self.dice.choice(('"{}"', '"""{}"""', '"{}"')).format(body)

    def number(self) -> str:
        return self.dice.choice(
            (
                *("0", "-1", "1_000", "1e400", "-1e400", "nan", "inf", "-inf", "0x" + "f" * 6_000),
                *("9" * 4_400, "1" * 400, "0.0", "1e-400", "0o7", "0b1", str(2**63), str(2**64)),
                *("1979-05-27", "1979-05-27 07:32:00", "07:32:00", "1979-05-27T00:32:00-07:00"),
                *("2026-02-30", "1_", "01", "+1", "1.", ".5", "0x", "1e", "--1"),
            )
        )

    def word(self) -> str:
        return self.dice.choice(
            ("True", "null", "yes", "", "=", "[", "{", "]", '"', "'", "#", "\\")
        )

    def array(self, depth: int) -> str:
        items = [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
        return "[" + self.dice.choice((", ", ",", " ,\n", " # x\n, ")).join(items) + "]"

    def table(self, depth: int) -> str:
        pairs = (f"{self.name()} = {self.value(depth + 1)}" for _ in range(self.dice.randrange(4)))
        return "{ " + ", ".join(pairs) + " }"

    def deep(self) -> str:
        levels = self.dice.choice((20, 150, 400, 900, 5_000))
        opening, closing = self.dice.choice((("[", "]"), ("{ a = ", " }"), ("[{ a = ", " }]")))
        return opening * levels + "1" + closing * (levels if self.dice.random() < 0.9 else 3)

    # ---- keys -----------------------------------------------------------------------------------

    def name(self) -> str:
        return self.dice.choice(
            (
                *("a", '""', "''", '"a.b"', "'\\'", '"\\u0000"', '"\\u001b[31m"', "x" * 200, "é"),
                *("-", "_", "1", '"é"', "a b", "listen", "name", "kind"),
            )
        )

    def path(self) -> list[str]:
        path = [str(part) for part in self.dice.choice(list(known_paths("openclaw")))]
        if self.dice.random() >= self.oddness:
            return path
        match self.dice.randrange(4):
            case 0:
                path[-1] = path[-1][:-1] + self.dice.choice("xyz_")
            case 1:
                path.append(self.name())
            case 2:
                path.pop(0)
            case 3:
                path = [self.name() for _ in range(self.dice.choice((1, 2, 5, 70, 3_000)))]
        return path or ["a"]

    def fitting(self, path: list[str]) -> str:
        """What fits this setting, mostly."""
        return self.dice.choice(FITTING.get(path[-1], FITTING.get(path[0], ("1",))))

    def line(self, path: list[str]) -> str:
        is_wild = self.dice.random() < self.oddness
        return f"{path[-1]} = {self.value() if is_wild else self.fitting(path)}"

    def toml(self) -> str:
        """Tables of settings, each once, here and there with what does not belong there."""
        tables: dict[str, list[str]] = {"": []}
        paths = [self.path() for _ in range(self.dice.randrange(1, 12))]
        if self.dice.random() < 0.5:  # no provider without these
            paths += [["providers", "openclaw", key] for key in ("base_url", "model")]
        for path in {tuple(path): path for path in paths}.values():
            inside = [part for part in path[:-1] if not part.isdigit()]
            table = f"[{'.'.join(inside)}]" if inside else ""
            tables.setdefault(f"[{table}]" if inside[:1] == ["bots"] else table, []).append(
                self.line(path)
            )
        lines = [line for table, inner in tables.items() for line in (table, *inner)]
        text = self.dice.choice(("\n", "\n", "\r\n")).join(lines)
        if self.dice.random() < self.oddness / 2:  # somebody's editor, or a half-written file
            cut = self.dice.randrange(len(text) + 1)
            text = text[:cut] + self.dice.choice(("", "\0", "\x1b", "\n[", '"""', "\ufeff", "#"))
        return text

    def environ(self) -> dict[str, str]:
        paths = [self.path() for _ in range(self.dice.choice((0, 0, 0, 1, 3)))]
        given = {"EYECLAW_" + "__".join(path).upper(): self.variable(path) for path in paths}
        if self.dice.random() < self.oddness / 5:
            odd = ("EYECLAW_", "EYECLAW___", f"EYECLAW_BOTS__{'9' * 5_000}__NAME")
            given[self.dice.choice(odd)] = self.variable(["a"])
        if self.dice.random() < 0.3:
            given[self.dice.choice(("OPENCLAW_GATEWAY_TOKEN", "ZHIPU_API_KEY"))] = SECRET
        return given

    def variable(self, path: list[str]) -> str:
        if self.dice.random() >= self.oddness:
            return self.fitting(path).strip("\"'[]")
        return self.pick(
            lambda: self.value().strip("\"'[]"),
            lambda: '{"a":' * self.dice.choice((1, 500, 30_000)) + "1",
            lambda: "[" * 50_000,
            lambda: "1" * 5_000,
            lambda: '{"a": 1e999, "b": NaN}',
            lambda: "\udcff",
            lambda: "１２",
        )

    def bytes(self) -> bytes:
        data = bytearray(self.toml().encode("utf-8", "surrogatepass"))
        if data and self.dice.random() < self.oddness / 5:
            data[self.dice.randrange(len(data))] = self.dice.randrange(256)
        return bytes(data)


@pytest.mark.fuzz
def test_any_configuration_is_settings_or_clear_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "key").write_text(SECRET)
    good = 0
    for dice in fuzz_rounds("the configuration"):
        grammar = Grammar(dice, tmp_path)
        content, environ = grammar.bytes(), grammar.environ()
        flags = {"listen": dice.choice((None, "a:1", "::", "\udcff", "9" * 5_000))}
        (tmp_path / "eyeclaw.toml").write_bytes(content)
        with fail_after_seconds(AT_MOST):
            good += judge(check_settings(flags, config=None, environ=environ, cwd=tmp_path))
            with suppress(ConfigurationError):
                load_settings(flags, config=None, environ=environ, cwd=tmp_path)
    print(f"{good} of them were settings")


def judge(check: SettingsCheck) -> bool:
    """Every fault is a sentence with its place; what was read can be shown."""
    for fault in check.faults:
        assert fault.problem.strip()
        assert str(fault.source or "")
        assert len(str(fault)) < 10_000
        assert SECRET not in str(fault)
    if check.settings is None:
        assert check.faults
        return False
    shown = show_settings(check.settings)
    assert all(each.key for each in shown)
    return True


def test_dotted_names_are_as_people_write_them() -> None:
    assert dotted(("bots", 0, "a b")) == 'bots[0]."a b"'
