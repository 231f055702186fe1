"""The one strict decoder: exactly the declared kinds, every fault by its path, no value shown."""

from __future__ import annotations

import attrs
import orjson
import pytest
from decoded_kinds import Leaf, Tree, faults_of
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import BadMessage
from eyeclaw_trio.protocol.decoding import build, decode, encode, read_json

# ---- what is taken ------------------------------------------------------------------------------


def test_a_whole_message_becomes_the_class_with_each_field_in_its_place() -> None:
    body = {
        "name": "桂花",
        "ratio": 0.5,
        "is_open": True,
        "number": 7,
        "maybe": "yes",
        "either": 5,
        "extra": {"deep": [1, None, "x"]},
        "leaf": {"count": 1},
        "leaves": [{"count": 2, "colour": "green"}],
    }
    assert decode(orjson.dumps(body), Tree) == Tree(
        "桂花",
        0.5,
        is_open=True,
        number=7,
        maybe="yes",
        either=5,
        extra={"deep": [1, None, "x"]},
        leaf=Leaf(1),
        leaves=(Leaf(2, "green"),),
    )


def test_absent_fields_take_their_defaults() -> None:
    assert decode(b'{"name":"x"}', Tree) == Tree("x")


def test_unknown_fields_are_ignored() -> None:
    assert decode(b'{"name":"x","surprise":{"a":[1]}}', Tree) == Tree("x")


def test_an_optional_field_takes_null() -> None:
    assert decode(b'{"name":"x","maybe":null,"leaf":null}', Tree) == Tree("x")


def test_a_whole_number_is_a_number_too() -> None:
    built = decode(b'{"name":"x","ratio":3}', Tree)
    assert built.ratio == 3.0
    assert isinstance(built.ratio, float)


def test_a_choice_keeps_the_kind_that_came() -> None:
    assert decode(b'{"name":"x","either":"1"}', Tree).either == "1"
    assert decode(b'{"name":"x","either":1}', Tree).either == 1


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert decode(rb'{"name":"\ud83d\ude00"}', Tree).name == "😀"


def test_of_two_equal_keys_the_last_counts() -> None:
    assert decode(b'{"name":"first","name":"last"}', Tree).name == "last"


def test_text_is_read_as_bytes_are() -> None:
    assert decode('{"name":"桂"}', Tree) == decode('{"name":"桂"}'.encode(), Tree)


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "path", "expected"),
    [
        ({"name": None}, "name", "must be a string"),
        ({"name": 1}, "name", "must be a string"),
        ({"name": True}, "name", "must be a string"),
        ({"name": ["x"]}, "name", "must be a string"),
        ({"name": {"x": 1}}, "name", "must be a string"),
        ({"ratio": "1.5"}, "ratio", "must be a number"),
        ({"ratio": True}, "ratio", "must be a number"),
        ({"ratio": None}, "ratio", "must be a number"),
        ({"is_open": 1}, "is_open", "must be true or false"),
        ({"is_open": 0}, "is_open", "must be true or false"),
        ({"is_open": "true"}, "is_open", "must be true or false"),
        ({"is_open": None}, "is_open", "must be true or false"),
        ({"number": 1.0}, "number", "must be an integer"),
        ({"number": 1.5}, "number", "must be an integer"),
        ({"number": True}, "number", "must be an integer"),
        ({"number": False}, "number", "must be an integer"),
        ({"number": "1"}, "number", "must be an integer"),
        ({"number": None}, "number", "must be an integer"),
        ({"maybe": 1}, "maybe", "must be a string"),
        ({"maybe": False}, "maybe", "must be a string"),
        ({"either": None}, "either", "must be a string or an integer"),
        ({"either": True}, "either", "must be a string or an integer"),
        ({"either": 1.5}, "either", "must be a string or an integer"),
        ({"either": []}, "either", "must be a string or an integer"),
        ({"extra": None}, "extra", "must be an object"),
        ({"extra": []}, "extra", "must be an object"),
        ({"extra": [["a", 1]]}, "extra", "must be an object"),
        ({"extra": "{}"}, "extra", "must be an object"),
        ({"leaf": []}, "leaf", "must be an object"),
        ({"leaf": "x"}, "leaf", "must be an object"),
        ({"leaf": {"colour": "red"}}, "leaf.count", "is missing"),
        ({"leaf": {"count": "1"}}, "leaf.count", "must be an integer"),
        ({"leaves": {}}, "leaves", "must be an array"),
        ({"leaves": "[]"}, "leaves", "must be an array"),
        ({"leaves": None}, "leaves", "must be an array"),
        ({"leaves": [{"count": 1}, 5]}, "leaves[1]", "must be an object"),
        ({"leaves": [{"count": 1}, {}]}, "leaves[1].count", "is missing"),
        ({"leaves": [{"count": 1, "colour": "blue"}]}, "leaves[0].colour", "must be red or green"),
    ],
)
def test_a_value_of_another_kind_is_refused_and_named_by_its_path(
    wrong: dict[str, object], path: str, expected: str
) -> None:
    assert faults_of({"name": "x"} | wrong) == {path: expected}


def test_a_missing_field_is_named() -> None:
    assert faults_of({}) == {"name": "is missing"}


def test_all_faults_of_a_message_are_named_at_once() -> None:
    body = {
        "ratio": "r",
        "is_open": 1,
        "number": 1.5,
        "leaf": {"count": None, "colour": "blue"},
        "leaves": [{}, {"count": 1}, []],
    }
    assert set(faults_of(body)) == {
        "name",
        "ratio",
        "is_open",
        "number",
        "leaf.count",
        "leaf.colour",
        "leaves[0].count",
        "leaves[2]",
    }


def test_the_text_of_the_error_names_every_path() -> None:
    with pytest.raises(BadMessage, match=r"name: is missing; number: must be an integer"):
        decode(b'{"number":null}', Tree)


@pytest.mark.parametrize("value", [[], [["name", "x"]], "name", 5, True, None, 1.5])
def test_only_an_object_is_a_message(value: object) -> None:
    with pytest.raises(BadMessage) as caught:
        build(value, Tree)
    assert caught.value.faults == {"": "must be an object"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b'{"name":"x"',
        b'{"name":"x"} trailing',
        b'{"name":"x",}',
        b"{'name':'x'}",
        b'{"name":NaN}',
        b'{"name":"x","ratio":NaN}',
        b'{"name":"x","ratio":Infinity}',
        b'{"name":"x","ratio":-Infinity}',
        b'{"name":"x","ratio":1e400}',
        b'{"name":"x","number":01}',
        b'{"name":"a\nb"}',
        rb'{"name":"\ud800"}',
        rb'{"name":"\udc00\ud800"}',
        rb'{"name":"\ud83d"}',
    ],
)
def test_what_is_no_json_is_refused_with_a_place_and_without_the_text(text: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        decode(text, Tree)
    assert list(caught.value.faults) == [""]
    assert caught.value.faults[""].startswith("not JSON: line ")


@attrs.frozen
class Named:
    name: str | int | float


def test_an_integer_is_a_number_and_not_told_beside_it() -> None:
    with pytest.raises(BadMessage) as caught:
        decode(b'{"name":null}', Named)
    assert caught.value.faults == {"name": "must be a string or a number"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"name":"\xff"}', "not UTF-8: byte 9"),
        (b'{"name":"\xed\xa0\x80"}', "not UTF-8: byte 9"),
        (b'{"name":"\xc0\xaf"}', "not UTF-8: byte 9"),
        ('{"name":"你好"}'.encode("gbk"), "not UTF-8: byte 9"),
        ('{"name":"x"}'.encode("utf-16"), "not UTF-8: byte 0"),
        ('{"name":"x"}'.encode("utf-8-sig"), "not JSON: begins with a byte order mark"),
    ],
)
def test_what_is_in_another_encoding_is_told_so(text: bytes, why: str) -> None:
    with pytest.raises(BadMessage) as caught:
        decode(text, Tree)
    assert caught.value.faults == {"": why}


def test_a_text_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(BadMessage):
        decode('{"name":"\ud800"}', Tree)


@pytest.mark.parametrize("number", [2**64, 10**30, -(2**63) - 1, 10**300])
def test_an_integer_beyond_64_bits_is_not_quietly_rounded_into_one(number: int) -> None:
    with pytest.raises(BadMessage) as caught:
        decode(b'{"name":"x","number":%d}' % number, Tree)
    assert list(caught.value.faults) == ["number"]


@pytest.mark.parametrize("number", [2**64 - 1, 2**53 + 1, -(2**63)])
def test_an_integer_of_64_bits_stays_exact(number: int) -> None:
    assert decode(b'{"name":"x","number":%d}' % number, Tree).number == number


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("levels", [255, 1_000, 10_000, 200_000])
def test_absurd_depth_is_refused_and_nothing_overflows(opening: bytes, levels: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    deep = opening * levels + (b"" if opening == b"[" else b"1") + closing * levels
    with pytest.raises(BadMessage):
        decode(b'{"name":"x","extra":{"deep":' + deep + b"}}", Tree)


@given(st.integers(min_value=0, max_value=1_100), st.sampled_from(["[]", "{}"]))
def test_what_can_be_read_can_be_written_again_inside_an_envelope(levels: int, kind: str) -> None:
    # A question's metadata goes to the bot some levels deeper than it came.
    opening, closing = ("[", "]") if kind == "[]" else ('{"a":', "}")
    inner = opening * levels + "1" + closing * levels
    try:
        value = read_json('{"extra":' + inner + "}")
    except BadMessage:
        assert levels > 64
    else:
        assert encode({"identifier": "", "message": {"metadata": {"original": [value]}}})


def test_many_brackets_side_by_side_are_not_depth() -> None:
    assert read_json(b"[" + b"[],{}," * 2_000 + b"1]")[-1] == 1
    assert read_json('{"text":"' + "[{" * 2_000 + '"}') == {"text": "[{" * 2_000}
