"""JSON as people write it: lines, lists, lists within objects, records over several lines."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from curation.records import Record, SetAside

Parse = Callable[[str, str], list[Record | SetAside]]


def record(number: int) -> str:
    return f'{{"question": "q{number}", "answer": "a"}}'


ONE, TWO, THREE = record(1), record(2), record(3)
BROKEN = '{"question": "q"2", "answer": "a"}'
TWICE = '{"question": "q2", "answer": "a", "answer": "b"}'
CHAT = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}


def told(parsed: list[Record | SetAside]) -> list[str]:
    return [
        one.questions[0] if isinstance(one, Record) else f"{one.reason} {one.detail.split(':')[0]}"
        for one in parsed
    ]


def pretty(indent: int) -> str:
    values = [
        {"question": f"q{number}", "answer": "a", "of": [{"x": 1}, {"x": 2}]} for number in (1, 2)
    ]
    return "\n".join(json.dumps(value, indent=indent) for value in values)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json"])
@pytest.mark.parametrize(
    "content",
    [
        f"{ONE}\n{TWO}\n",
        f"{ONE}\r{TWO}\r",
        f"{ONE}\r\n\r\n{TWO}",
        f"{ONE}{TWO}",
        f"{ONE} {TWO}\n",
        f"{ONE},\n{TWO},\n",
        f"\ufeff{ONE}\n\ufeff{TWO}\n\ufeff",
        f"[{ONE}, {TWO}]",
        f"[\n{ONE},\n{TWO}\n]\n",
        f"[{ONE},\n {TWO},\n]\n",
        f"[{ONE}]\n[{TWO}]",
        f'{{"data": [{ONE}, {TWO}]}}',
        f'{{"status": "ok", "result": {{"items": [\n{ONE},\n{TWO}\n], "n": 2}}, "tags": ["x"]}}',
        f'{{\n"question": "q1",\n"of":\n{{\n"x": 1\n}},\n"answer": "a"\n}}\n{TWO}',
        pretty(0),
        pretty(2),
        '{"質問": "q1", "回答": "a"}\n{"Ｑ": "q2", "Ａ": "a"}',
    ],
)
def test_two_records(parse: Parse, name: str, content: str) -> None:
    assert told(parse(name, content)) == ["q1", "q2"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"{ONE}\n{BROKEN}\n{THREE}", ["q1", "broken_json line 2", "q3"]),
        (f"{ONE} {BROKEN} {THREE}", ["q1", "broken_json line 1", "q3"]),
        (f"{ONE}\n{TWO[:-5]}\n{THREE}", ["q1", "broken_json line 2", "q3"]),
        (f"{ONE}\n{TWO[:-4]}: [\n{THREE}", ["q1", "broken_json line 2", "q3"]),
        (f"{ONE}\n{TWICE}\n{THREE}", ["q1", "repeated_key line 2", "q3"]),
        (f"[{ONE},{TWICE},{THREE}]", ["q1", "repeated_key line 1", "q3"]),
        (
            f'{ONE}\n{{"question": "q", "answer": "a", "of": {{"x": 1, "x": 2}}}}\n{THREE}',
            ["q1", "repeated_key line 2", "q3"],
        ),
        (
            f'{ONE}\n{{"question": "q", "answer": "a", "Answer": "b"}}\n{THREE}',
            ["q1", "repeated_key line 2", "q3"],
        ),
        (
            f'{ONE}\n{{"question": "q", "answer": "a", "score": NaN}}\n{THREE}',
            ["q1", "broken_json line 2", "q3"],
        ),
        (
            f'{ONE}\n{{"question": "q", "answer": {"9" * 5000}}}\n{THREE}',
            ["q1", "broken_json line 2", "q3"],
        ),
        (
            f'{ONE}\n{{"question": "q2", "answer": "a\nb"}}\n{THREE}',
            ["q1", "broken_json line 2", "q3"],
        ),
        (f"{ONE}\n{TWO}}}\n{THREE}", ["q1", "broken_json line 2", "q3"]),
        (f"// said\n{ONE}\n{THREE}", ["broken_json line 1", "q1", "q3"]),
        (f"{ONE}\n{json.dumps(CHAT, indent=2)}\n{THREE}", ["q1", "x", "q3"]),
        (f'{{"question": "q1",\n{THREE}', ["broken_json line 1", "q3"]),
        ('{"a":' * 20_000, ["broken_json line 1"]),
        ("[" * 20_000, ["broken_json line 1"]),
        (f'{{"train": [{ONE}], "test": [{TWO}]}}', ["unknown_keys line 1"]),
        (f'{{"data": [\n{ONE},\n{BROKEN},\n{THREE}\n]}}', ["q1", "broken_json line 3", "q3"]),
        (f'{{"data": [\n{ONE},\n{TWICE},\n{THREE}\n]}}', ["q1", "repeated_key line 3", "q3"]),
        (json.dumps(CHAT)[:-9], ["broken_json line 1"]),
    ],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_what_is_broken_costs_itself(
    parse: Parse, name: str, content: str, expected: list[str]
) -> None:
    assert told(parse(name, content)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"[\n{ONE},\n{BROKEN},\n{THREE}\n]", ["q1", "broken_json line 3", "q3"]),
        (f"[{ONE}, {BROKEN}, {THREE}]", ["q1", "broken_json line 1", "q3"]),
        (f"[{ONE},\n{TWO},\n{THREE[:9]}", ["q1", "q2", "broken_json line 3"]),
        (f"[{ONE},\n{TWO},\n", ["q1", "q2", "broken_json line 1"]),
        (f"[null, {ONE}, 5]", ["not_a_record line 1", "q1", "not_a_record line 1"]),
        ("[]", []),
    ],
)
def test_broken_list(parse: Parse, content: str, expected: list[str]) -> None:
    assert told(parse("a.json", content)) == expected


def test_what_arrived_is_kept(parse: Parse) -> None:
    aside = parse("a.jsonl", f"{ONE}\n{BROKEN}\n")[1]
    assert isinstance(aside, SetAside) and aside.content == BROKEN


def test_line_within_a_broken_record_is_told(parse: Parse) -> None:
    (aside,) = parse("a.jsonl", '\n{\n  "question": "q",\n  "answer": oops\n}')
    assert isinstance(aside, SetAside)
    assert aside.detail == "line 2: Expecting value (line 4, column 13)"


def chat(number: int, names: tuple[str, ...], before: dict[str, int]) -> dict[str, object]:
    name, role, content = names
    said = [("user", f"q{number}"), ("assistant", "a"), ("user", "x"), ("assistant", "b")]
    return before | {name: [{role: one, content: text} for one, text in said]}


def cut(text: str) -> str:
    return text[: len(text) // 2]


def quoted(text: str) -> str:
    return text.replace('"x"', '"x"y"')


def without_a_comma(text: str) -> str:
    return text.replace("},", "}", 1)


@pytest.mark.parametrize(
    "names", [("messages", "role", "content"), ("conversations", "from", "value")]
)
@pytest.mark.parametrize("before", [{}, {"id": 1}])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("damage", [cut, quoted, without_a_comma])
@pytest.mark.parametrize("form", ["{}\n{}\n{}", "[{},\n{},\n{}]", '{{"data": [{},\n{},\n{}]}}'])
@pytest.mark.parametrize("is_first", [True, False])
def test_broken_chat_costs_itself_and_is_told_once(
    parse: Parse,
    names: tuple[str, ...],
    before: dict[str, int],
    indent: int | None,
    damage: Callable[[str], str],
    form: str,
    is_first: bool,
) -> None:
    texts = [json.dumps(chat(number, names, before), indent=indent) for number in (1, 2, 3)]
    place = 0 if is_first else 1
    texts[place] = damage(texts[place])
    parsed = parse(
        "a.jsonl" if form[0] == "{" and form[1] == "}" else "a.json", form.format(*texts)
    )
    firsts = [
        one.context[0]["content"] if isinstance(one, Record) else one.reason for one in parsed
    ]
    expected = ["q1", "q2", "q3"]
    expected[place] = "broken_json"
    assert firsts == expected
