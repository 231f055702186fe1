"""What an error never says, what is written, and what one message may cost."""

from __future__ import annotations

import orjson
import pytest
from decoded_kinds import Tree, faults_of
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import (
    MOST_FAULTS,
    MOST_VALUES,
    build,
    count_values,
    encode,
    read_json,
)

_SECRET = "hunter2"


def complaint_about(value: object) -> str:
    """What the decoder says of a value, empty when it takes it."""
    try:
        build(value, Tree)
    except BadMessage as bad:
        return f"{bad} {bad.faults} {bad.__cause__ or ''}"
    return ""


_secret_values = st.recursive(
    st.sampled_from([_SECRET, f"x{_SECRET}y", 7_777_777, -7_777_777.5]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.just(f"k{_SECRET}"), inner, max_size=1)
    ),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "ratio", "is_open", "number", "leaf", "leaves", "extra"]),
        _secret_values,
    ),
    st.lists(st.dictionaries(st.sampled_from(["count", "colour"]), _secret_values), max_size=2),
)
def test_no_value_and_no_unknown_key_appears_in_the_faults(
    body: dict[str, object], leaves: list[dict[str, object]]
) -> None:
    for candidate in (body, body | {"leaves": leaves}, body | {"leaf": {_SECRET: _SECRET}}):
        said = complaint_about(candidate)
        assert _SECRET not in said
        assert "7777777" not in said


@pytest.mark.parametrize("text", [b"hunter2", b'{"hunter2', b'{"a":hunter2}', b'"hunter2\\q"'])
def test_text_that_is_no_json_is_not_quoted(text: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        read_json(text)
    assert "hunter2" not in str(caught.value)


# ---- writing ------------------------------------------------------------------------------------


def test_json_is_compact_and_in_utf8_without_escapes() -> None:
    assert encode({"a": "你好😀", "b": [1, None, True]}) == (
        '{"a":"你好😀","b":[1,null,true]}'.encode()
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_is_written_is_read_back(value: object) -> None:
    assert read_json(encode(value)) == value


# ---- what one message may cost ------------------------------------------------------------------


@pytest.mark.parametrize("value", ["[]", "{}", "1", '""', '"\\\\"', '"\\""', '{"a":0}'])
@pytest.mark.parametrize("is_text", [True, False], ids=["text", "bytes"])
def test_a_message_of_too_many_values_is_refused_before_they_are_made(
    value: str, *, is_text: bool
) -> None:
    def decode_many(count: int) -> object:
        text = '{"name":"x","extra":{"many":[' + ",".join([value] * count) + "]}}"
        return read_json(text if is_text else text.encode())

    assert isinstance(decode_many(MOST_VALUES // 3), dict)
    with pytest.raises(BadMessage) as caught:
        decode_many(MOST_VALUES * 2)
    assert caught.value.faults == {"": "must hold at most 20000 values"}


@pytest.mark.parametrize("piece", ["{[,]}", '\\"', "\\\\", '\\\\\\",', "，"])
def test_what_stands_inside_a_text_is_no_value(piece: str) -> None:
    text = piece * 100_000
    assert read_json(f'{{"text":"{text}"}}')["text"] == orjson.loads(f'"{text}"')


@given(
    st.recursive(
        st.text('"\\[]{},:x') | st.integers(0, 9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('"\\,{x'), inner),
        max_leaves=40,
    )
)
def test_the_values_of_a_message_are_counted_as_they_are(value: object) -> None:
    def count(value: object) -> int:
        if isinstance(value, dict | list):
            inside = list(value.values()) if isinstance(value, dict) else value
            return max(len(inside), 1) + sum(map(count, inside))
        return 0

    assert count_values(orjson.dumps(value)) == count(value)


def test_an_array_is_looked_through_as_far_as_its_faults_are_told() -> None:
    faults = faults_of({"name": "x", "leaves": [{"count": 1}, *[{"count": "1"}] * 1_500]})
    assert len(faults) == MOST_FAULTS + 1
    assert next(iter(faults)) == "leaves[1].count"
    assert list(faults)[-1] == "…"
    assert faults_of({"name": "x", "leaves": [{}] * 2_001}) == {
        "leaves": "must hold at most 2000 entries"
    }
