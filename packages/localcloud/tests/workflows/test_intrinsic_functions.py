"""Intrinsic functions: AWS's documented examples, their limits, and any JSON through them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.workflows.errors import StateError
from localcloud.workflows.intrinsic_functions import check, evaluate
from localcloud.workflows.paths import Data

DATA = {
    "name": "Arnav",
    "array": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    "repeated": [1, 2, 1, True, {"a": 1}, {"a": 1}, 1.0],
    "left": {"a": {"x": 1}, "b": 2},
    "right": {"a": {"y": 2}, "c": 3},
    "text": "1,2;3 4",
    "json": '{"a": [1, null]}',
}
EXAMPLES = [
    ("States.Format('Hello, my name is {}.', $.name)", "Hello, my name is Arnav."),
    ("States.Format('{} {} {}', 1, null, $.left)", '1 null {"a":{"x":1},"b":2}'),
    (r"States.Format('\{\}{}\'', 'x')", "{}x'"),
    ("States.StringToJson($.json)", {"a": [1, None]}),
    ("States.JsonToString($.left)", '{"a":{"x":1},"b":2}'),
    ("States.Array($.name, 1, true, 'x')", ["Arnav", 1, True, "x"]),
    ("States.Array()", []),
    ("States.ArrayPartition($.array, 4)", [[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
    ("States.ArrayContains($.array, 5)", True),
    ("States.ArrayContains($.array, '5')", False),
    ("States.ArrayContains(States.Array(1), true)", False),
    ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
    ("States.ArrayRange(3, 0, -1)", [3, 2, 1, 0]),
    ("States.ArrayGetItem($.array, 5)", 6),
    ("States.ArrayLength($.array)", 9),
    ("States.ArrayUnique($.repeated)", [1, 2, True, {"a": 1}]),
    ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
    ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", "Data to encode"),
    ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
    ("States.JsonMerge($.left, $.right, false)", {"a": {"y": 2}, "b": 2, "c": 3}),
    ("States.MathRandom(4, 5)", 4),
    ("States.MathAdd(111, -1)", 110),
    ("States.MathAdd(-1.49, -1.5)", -2),
    ("States.MathAdd(1.49, 1.5)", 3),
    ("States.MathAdd(0.5, 2.5)", 4),
    ("States.ArrayRange(0.5, 3.4, 1)", [1, 2, 3]),
    ("States.MathRandom(3.5, 4.5)", 4),
    ("States.ArrayPartition(States.Array(1, 2, 3), 1.5)", [[1, 2], [3]]),
    ("States.StringToJson(' ')", None),
    ("States.StringToJson('')", None),
    ("States.Array('a\"b')", ['a"b']),
    ("States.StringSplit($.text, ',; ')", ["1", "2", "3", "4"]),
    ("States.StringSplit('a.+b', '+')", ["a.", "b"]),
    ("States.ArrayGetItem(States.StringSplit('a/b', '/'), States.MathAdd(0, 1))", "b"),
]


@pytest.mark.parametrize(("call", "expected"), EXAMPLES)
def test_examples(call: str, expected: Any) -> None:
    check(call)
    assert evaluate(call, Data(DATA)) == expected


@pytest.mark.parametrize(
    "call",
    [
        "States.ArrayGetItem($.array, 9)",
        "States.ArrayGetItem($.array, -1)",
        "States.ArrayPartition($.array, 0)",
        "States.ArrayRange(1, 5000, 1)",
        "States.ArrayRange(1, 2, 0)",
        "States.ArrayLength($.name)",
        "States.Base64Decode('*')",
        "States.Hash('x', 'CRC32')",
        "States.JsonMerge($.left, $.right, true)",
        "States.JsonMerge($.left, 1, false)",
        "States.MathRandom(5, 5)",
        "States.StringToJson('{')",
        "States.Format('{}')",
    ],
)
def test_bad_arguments_are_an_intrinsic_failure(call: str) -> None:
    with pytest.raises(StateError) as failure:
        evaluate(call, Data(DATA))
    assert failure.value.error == "States.IntrinsicFailure"


@pytest.mark.parametrize(
    "call",
    [
        "States.Nope()",
        "States.UUID(",
        "States.Format('x)",
        "States.UUID() x",
        "format('x')",
        "States.MathAdd(1)",
        r"States.Format('say \"{}\"', 'tea')",
        r"States.Array('\n')",
        "States.Array(1,,2)",
        "States.Array(" * 11 + "1" + ")" * 11,
    ],
)
def test_what_is_not_a_call_is_refused(call: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check(call)


def test_a_seed_repeats_a_random_number() -> None:
    calls = {evaluate("States.MathRandom(1, 1000000, 42)", Data({})) for _ in range(5)}
    assert len(calls) == 1


json_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=10,
)


@given(json_documents)
def test_json_survives_being_text(value: Any) -> None:
    data = Data({"v": value})
    assert evaluate("States.StringToJson(States.JsonToString($.v))", data) == value


@given(st.lists(json_documents, max_size=8), st.integers(1, 5))
def test_partitions_join_to_the_array(values: list[Any], size: int) -> None:
    parts = evaluate("States.ArrayPartition($.v, $.size)", Data({"v": values, "size": size}))
    assert [value for part in parts for value in part] == values
    assert all(len(part) <= size for part in parts)


@given(json_texts)
def test_base64_there_and_back(text: str) -> None:
    encoded = evaluate("States.Base64Encode($)", Data(text))
    assert base64.b64decode(encoded).decode() == text
    assert evaluate("States.Base64Decode($)", Data(encoded)) == text


@given(json_texts)
def test_any_text_can_be_quoted(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("{", "\\{").replace("}", "\\}")
    assert evaluate(f"States.Array('{quoted}')", Data({})) == [text]
    assert evaluate(f"States.Format('{quoted}')", Data({})) == text
    assert json.loads(evaluate(f"States.JsonToString('{quoted}')", Data({}))) == text
