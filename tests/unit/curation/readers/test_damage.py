"""Damage to one record of a file costs no other one, wherever and however it is done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.records import Record, SetAside

Parse = Callable[[str, bytes | str], list[Record | SetAside]]
Pair = tuple[str, str]
SETTINGS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# A cell that begins with a separator or a line end can't be told from one that ends there.
CELLS = st.builds(
    "{}{}{}".format,
    st.sampled_from("あa1"),
    st.text('あa ,;\n"1', max_size=8),
    st.sampled_from("。z"),
)
PAIRS = st.lists(st.tuples(CELLS, CELLS), min_size=2, max_size=6)
SEPARATORS = st.sampled_from(",;\t|，")


def rows_of(pairs: list[Pair], separator: str, line_end: str = "\r\n", **options: Any) -> list[str]:
    """A table's rows as text, the header first."""
    rows = []
    for row in [("question", "answer"), *pairs]:
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=separator, lineterminator=line_end, **options).writerow(row)
        rows.append(file.getvalue())
    return rows


def kept(parsed: list[Record | SetAside]) -> list[Pair]:
    return [(one.questions[0], one.answer) for one in parsed if isinstance(one, Record)]


def numbered(pairs: list[Pair]) -> list[Pair]:
    """Each question once, so that what is lost can be told."""
    return [(f"{question}{number}", answer) for number, (question, answer) in enumerate(pairs)]


@given(
    pairs=PAIRS,
    separator=SEPARATORS,
    line_end=st.sampled_from(["\r\n", "\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@SETTINGS
def test_clean_table_is_read_back(
    parse: Parse, pairs: list[Pair], separator: str, line_end: str, quoting: Any
) -> None:
    content = "".join(rows_of(pairs, separator, line_end, quoting=quoting))
    assert kept(parse("a.csv", content)) == pairs


@given(data=st.data(), pairs=PAIRS, separator=SEPARATORS, quotes_all=st.booleans())
@SETTINGS
def test_quote_too_many_or_too_few_in_a_table(
    parse: Parse, data: Any, pairs: list[Pair], separator: str, quotes_all: bool
) -> None:
    pairs = numbered(pairs)
    quoting = csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL
    rows = rows_of(pairs, separator, quoting=quoting)
    victim = data.draw(st.integers(1, len(pairs)), "victim")
    row = rows[victim].removesuffix("\r\n")
    position = data.draw(st.integers(0, len(row) - 1), "position")
    added = data.draw(st.booleans(), "added")
    damaged = row[:position] + '"' + row[position:] if added else row.replace('"', "", 1)
    rows[victim] = damaged + "\r\n"
    others = [pair for number, pair in enumerate(pairs, 1) if number != victim]
    parsed = parse("a.csv", "".join(rows))
    assert [pair for pair in kept(parsed) if pair in others] == others
    assert len(parsed) >= len(pairs)


def json_texts(pairs: list[Pair], indent: int | None) -> list[str]:
    return [
        json.dumps({"question": question, "answer": answer}, ensure_ascii=False, indent=indent)
        for question, answer in pairs
    ]


def damage_of(data: Any, text: str) -> str:
    """The text with one character taken out, or one added; it has as many lines as before."""
    position: int = data.draw(st.integers(1, len(text) - 2), "position")
    added: str = data.draw(st.sampled_from(["", *'"{}[],:\\x\x00']), "added")
    after = position if added or text[position] == "\n" else position + 1
    return text[:position] + added + text[after:]


@pytest.mark.parametrize("indent", [None, 0, 2])
@given(data=st.data(), pairs=PAIRS)
@SETTINGS
def test_character_too_many_or_too_few_in_json_lines(
    parse: Parse, indent: int | None, data: Any, pairs: list[Pair]
) -> None:
    pairs = numbered(pairs)
    texts = json_texts(pairs, indent)
    victim = data.draw(st.integers(0, len(pairs) - 1), "victim")
    texts[victim] = damage_of(data, texts[victim])
    others = [pair for number, pair in enumerate(pairs) if number != victim]
    parsed = parse("a.jsonl", "\n".join(texts))
    assert [pair for pair in kept(parsed) if pair in others] == others
    assert len(parsed) >= len(pairs)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("frame", ["[{}]", '{{"data": [{}]}}'])
@given(data=st.data(), pairs=PAIRS)
@SETTINGS
def test_character_too_many_or_too_few_in_a_list(
    parse: Parse, indent: int | None, frame: str, data: Any, pairs: list[Pair]
) -> None:
    pairs = numbered(pairs)
    texts = json_texts(pairs, indent)
    victim = data.draw(st.integers(0, len(pairs) - 1), "victim")
    texts[victim] = damage_of(data, texts[victim])
    others = [pair for number, pair in enumerate(pairs) if number != victim]
    between = ", " if indent is None else ",\n"
    parsed = parse("a.json", frame.format(between.join(texts)))
    assert [pair for pair in kept(parsed) if pair in others] == others
    assert len(parsed) >= len(pairs)


@given(data=st.data(), pairs=PAIRS, name=st.sampled_from(["a.csv", "a.jsonl"]))
@SETTINGS
def test_bytes_of_another_encoding(parse: Parse, data: Any, pairs: list[Pair], name: str) -> None:
    pairs = numbered(pairs)
    texts = json_texts(pairs, None) if name == "a.jsonl" else rows_of(pairs, ",")
    lines = [text.strip("\r\n").encode() for text in texts]
    victim = data.draw(st.integers(len(lines) - len(pairs), len(lines) - 1), "victim")
    position = data.draw(st.integers(1, len(lines[victim]) - 1), "position")
    wrong = data.draw(st.sampled_from([b"\x90", b"\x95\x5c", b"\xff\xfe", b"\xed\xa0\x80"]))
    lines[victim] = lines[victim][:position] + wrong + lines[victim][position:]
    others = [pair for pair in pairs if pair != pairs[victim - len(lines)]]
    parsed = parse(name, b"\r\n".join(lines))
    assert [pair for pair in kept(parsed) if pair in others] == others
    assert "undecodable" in {one.reason for one in parsed if isinstance(one, SetAside)}
