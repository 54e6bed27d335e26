"""Every bad kind of raw object is set aside with its reason; what is good beside it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.parsing import parse_document
from curation.records import Record, SetAside

GOOD = '{"question": "q", "answer": "a"}'


def parse(tmp_path: Path, name: str, content: bytes | str) -> list[Record | SetAside]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(parse_document(path, f"raw/{name}"))


def reasons(parsed: list[Record | SetAside]) -> list[str]:
    return [one.reason if isinstance(one, SetAside) else "" for one in parsed]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "broken_json"),
        ("NaN", "broken_json"),
        ('{"question": 1e999, "answer": "a"}', "broken_json"),
        ("[" * 100_000, "broken_json"),
        ("null", "not_a_record"),
        ("[1]", "not_a_record"),
        ('"text"', "not_a_record"),
        ("{}", "missing_question"),
        ('{"question": null, "answer": "a"}', "missing_question"),
        ('{"question": " \u200b", "answer": "a"}', "missing_question"),
        ('{"question": "q"}', "missing_answer"),
        ('{"question": "q", "answer": ""}', "missing_answer"),
        ('{"question": 5, "answer": "a"}', "wrong_type"),
        ('{"question": "q", "answer": 1.5}', "wrong_type"),
        ('{"question": "q", "answer": true}', "wrong_type"),
        ('{"question": "q", "answer": ["a"]}', "wrong_type"),
        ('{"question": "q", "answer": "a", "phrasings": "p"}', "wrong_type"),
        ('{"question": "q", "answer": "a", "phrasings": [null]}', "wrong_type"),
        ('{"question": "q", "answer": "a", "phrasings": [""]}', "wrong_type"),
        ('{"question": "\\ud800", "answer": "a"}', "undecodable"),
        ('{"question": "q", "answer": "a", "phrasings": ["\\udfff"]}', "undecodable"),
        (json.dumps({"question": "q" * 501, "answer": "a"}), "too_long"),
        (json.dumps({"question": "q", "answer": "a" * 2001}), "too_long"),
        (json.dumps({"question": "q", "answer": "a" * 5_000_000}), "too_long"),
        (json.dumps({"question": "q", "answer": "a", "phrasings": ["p" * 501]}), "too_long"),
    ],
)
def test_bad_line_beside_a_good_one(tmp_path: Path, line: str, reason: str) -> None:
    parsed = parse(tmp_path, "a.jsonl", f"{line}\n{GOOD}\n")
    assert reasons(parsed) == [reason, ""]


@pytest.mark.parametrize(
    ("members", "detail"),
    [
        ({"phrasings": "p"}, "'phrasings' has to be a list of texts, and is text"),
        ({"phrasings": 3}, "'phrasings' has to be a list of texts, and is a number"),
        ({"phrasings": {"a": "b"}}, "'phrasings' has to be a list of texts, and is an object"),
        ({"phrasings": ["p", None]}, "number 2 of 'phrasings' has to be text, and is null"),
        ({"phrasings": ["p", "p", " "]}, "number 3 of 'phrasings' has to be text, and is empty"),
        ({"phrasings": [["p"]]}, "number 1 of 'phrasings' has to be text, and is a list"),
        ({"question": True}, "'question' has to be text, and is true"),
        ({"answer": 1.5}, "'answer' has to be text, and is a number"),
    ],
)
def test_what_has_a_wrong_type_is_named(
    tmp_path: Path, members: dict[str, object], detail: str
) -> None:
    record = {"question": "q", "answer": "a", **members}
    [parsed] = parse(tmp_path, "a.jsonl", json.dumps(record))
    assert isinstance(parsed, SetAside)
    assert (parsed.reason, parsed.detail) == ("wrong_type", f"line 1: {detail}")


def test_limits_are_taken(tmp_path: Path) -> None:
    record = json.dumps({"question": "q" * 500, "answer": "a" * 2000, "phrasings": None})
    assert reasons(parse(tmp_path, "a.jsonl", record)) == [""]


@pytest.mark.parametrize("content", ["\n\n", "\ufeff", "\r\n"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.csv", "a.tsv"])
def test_nothing_in_it(tmp_path: Path, name: str, content: str) -> None:
    assert reasons(parse(tmp_path, name, content)) == ["no_records"]


def test_no_byte_at_all(tmp_path: Path) -> None:
    assert reasons(parse(tmp_path, "a.jsonl", "")) == []


def test_a_header_alone(tmp_path: Path) -> None:
    assert reasons(parse(tmp_path, "a.csv", "question,answer\n")) == ["no_records"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "[" * 100_000, "broken_json"),
        ("a.json", "5", "not_a_record"),
        ("a.jsonl", b"\xff\xfd", "undecodable"),
        ("a.csv", "質問".encode("cp932"), "undecodable"),
        ("a.pdf", "x", "unsupported_format"),
        ("a", "x", "unsupported_format"),
        ("a.csv", 'question,answer\n"q,a\n', "broken_csv"),
        ("a.csv", 'question,answer\n"q"x,a\n', "broken_csv"),
        ("a.csv", "question,answer\nq,Hello, world\n", "broken_csv"),
        ("a.csv", "question,answer\nq\n", "missing_answer"),
        ("a.csv", "Frage,Antwort\nq,a\n", "unknown_columns"),
    ],
)
def test_bad_object(tmp_path: Path, name: str, content: bytes | str, reason: str) -> None:
    assert reasons(parse(tmp_path, name, content)) == [reason]


def test_text_as_people_save_it(tmp_path: Path) -> None:
    lines = f"\ufeff{GOOD}\r\n\r\n" + GOOD.replace('"q"', '"x\u2028y\u0085z"')
    first, second = parse(tmp_path, "a.JSONL", lines)
    assert isinstance(first, Record) and isinstance(second, Record)
    assert second.questions == ("x\u2028y\u0085z",)


def test_json_array_and_object(tmp_path: Path) -> None:
    assert len(parse(tmp_path, "a.json", f"[{GOOD}, {GOOD}]")) == 2
    assert reasons(parse(tmp_path, "b.json", GOOD)) == [""]
    assert reasons(parse(tmp_path, "c.json", f"[{GOOD}, null]")) == ["", "not_a_record"]


def test_list_without_an_end(tmp_path: Path) -> None:
    assert reasons(parse(tmp_path, "a.json", f"[{GOOD},")) == ["", "broken_json"]


def test_csv(tmp_path: Path) -> None:
    content = (
        "\ufeffquestion,answer,phrasings\r\n"
        'q1,"line 1\r\nline ""2""","p1\r\np2\u2028still\n\n"\r\n'
        "\r\n"
        f"q2,{'a' * 200_000},\r\n"
        "q3,a3\r\n"
    )
    first, long, last = parse(tmp_path, "a.csv", content)
    assert isinstance(first, Record) and isinstance(last, Record)
    assert first.questions == ("q1", "p1", "p2\u2028still")
    assert first.answer == 'line 1\r\nline "2"'
    assert reasons([long]) == ["too_long"]
    assert last.questions == ("q3",)


def test_cells_beyond_the_header_are_kept(tmp_path: Path) -> None:
    (one,) = parse(tmp_path, "a.csv", "question,answer\nq,Hello, world\n")
    assert isinstance(one, SetAside)
    assert one.content["beyond_the_header"] == [" world"]
