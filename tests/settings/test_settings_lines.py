"""On which line of a file each key stands."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.settings.lines import KeyPath, find_lines

TRICKY = '''\
# a = 1
top = 1                          # line 2
"quoted.name" = """
[not.a.table]
a = 1 \\""" still in it
""""
'literal' = \'\'\'
b = 2
\'\'\'\'\'
many = [                         # line 10
  1, # [x]
  { deep = "}", more = [1, 2] }, # line 12
]
dotted . "key" = 1979-05-27 07:32:00

[table]                          # line 16
a.b = { c = 1, "d" = [
] }

[[list]]
name = "]]"
[list.inner]                     # line 22
x = 1
[[list]]                         # line 24
inner.x = 2
[[list.more]]
[[list.more]]                    # line 27
y = true'''


def test_lines_are_found_through_everything_that_toml_allows() -> None:
    assert tomllib.loads(TRICKY)
    lines = find_lines(TRICKY)
    expected: dict[KeyPath, int] = {
        ("top",): 2,
        ("quoted.name",): 3,
        ("literal",): 7,
        ("many",): 10,
        ("many", 0): 11,
        ("many", 1, "deep"): 12,
        ("many", 1, "more", 1): 12,
        ("dotted", "key"): 14,
        ("table",): 16,
        ("table", "a", "b", "d"): 17,
        ("list", 0, "name"): 21,
        ("list", 0, "inner", "x"): 23,
        ("list", 1): 24,
        ("list", 1, "inner", "x"): 25,
        ("list", 1, "more", 0): 26,
        ("list", 1, "more", 1, "y"): 28,
    }
    assert {path: lines.get(path) for path in expected} == expected
    assert ("not",) not in lines


def _array(items: list[str]) -> str:
    return "[\n" + ", # x\n".join(items) + "\n]"


NAMES = st.text("ab.'\" #=[]é\\", max_size=3)
VALUES: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(
        ["1", "1979-05-27 07:32:00", "'#]'", '"\\"}"', '"""\n"\n\\""""', "'''\n[a]\nb=1''''"]
    ),
    lambda inner: st.lists(inner, max_size=3).map(_array),
    max_leaves=4,
)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3))
def test_every_key_is_found_on_the_line_where_it_was_written(
    tables: dict[str, dict[str, str]],
) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    for table, pairs in tables.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[ {_quoted(table)} ] # [[x]]\n"
        for name, value in pairs.items():
            expected[(table, name)] = text.count("\n") + 1
            text += f"\t{_quoted(name)}\t= {value}\n"
    tomllib.loads(text)
    lines = find_lines(text)
    assert {path: lines.get(path) for path in expected} == expected
    assert {path for path in lines if len(path) < 3} == set(expected)
