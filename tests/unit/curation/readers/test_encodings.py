"""Encodings are told by rule, and strictly; what isn't in the one of its file costs a record."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from curation.records import Record, SetAside

Parse = Callable[[str, bytes], list[Record | SetAside]]
HEADER = b"question,answer\n"
ROWS = (
    "食堂はどこにありますか?,本館の2階にあります。\n"
    "締め切りはいつですか?,毎月の10日までに出してください。\n"
)
UTF_8 = ROWS.encode()
CP932 = ROWS.encode("cp932")


def reasons(parsed: list[Record | SetAside]) -> list[str]:
    return [one.reason if isinstance(one, SetAside) else "" for one in parsed]


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "cp932", "euc_jp", "iso2022_jp"),
        *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    ],
)
@pytest.mark.parametrize("header", ["question,answer", "質問,回答"])
def test_japanese_is_read(parse: Parse, encoding: str, header: str) -> None:
    expected = [tuple(row.split(",")) for row in ROWS.splitlines()]
    parsed = parse("a.csv", f"{header}\n{ROWS}".encode(encoding))
    assert [(one.questions[0], one.answer) for one in parsed if isinstance(one, Record)] == expected


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Wo ist Zürich?,Süden\nGrüße?,schöne Größe\n", "latin-1"),
        ("Où?,Là-bas, où ça\n", "cp1252"),
        ("食堂在哪里?,在主楼的二楼。\n截止日期?,每月十号。\n", "gbk"),
        ("食堂在哪裡?,在主樓的二樓。\n截止日期?,每月十號。\n", "big5"),
        ("식당은 어디?,본관 이층에 있습니다.\n언제까지?,매월 십일.\n", "euc_kr"),
        ("ｼﾒｷﾘﾊ?,ﾄｵｶ\n", "cp932"),
    ],
)
def test_what_leaves_room_for_another_is_not_guessed(
    parse: Parse, text: str, encoding: str
) -> None:
    assert set(reasons(parse("a.csv", HEADER + text.encode(encoding)))) == {"undecodable"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (UTF_8 + "表,表です。\n".encode("cp932") + UTF_8, 4),
        (CP932 * 5 + "表,これは表です。\n".encode() + CP932, 12),
        # Its bytes are characters in CP932, too.
        (CP932 * 5 + "休みは?,あり\n".encode() + CP932, 12),
        (CP932 * 5 + b"\x81\x20,\xff\n" + CP932, 12),
        (UTF_8 + b"q,\xed\xa0\x80\n" + UTF_8, 4),
    ],
)
def test_foreign_line_costs_itself(parse: Parse, content: bytes, line: int) -> None:
    parsed = parse("a.csv", HEADER + content)
    (aside,) = [one for one in parsed if isinstance(one, SetAside)]
    assert aside.reason == "undecodable"
    assert aside.detail.startswith(f"line {line}: the byte 0x")
    assert len(parsed) == content.count(b"\n")


def test_what_a_foreign_line_may_say_is_told(parse: Parse) -> None:
    aside = parse("a.csv", HEADER + UTF_8 + "表,表です。\n".encode("cp932"))[-1]
    assert isinstance(aside, SetAside)
    assert "as Shift_JIS it reads '表,表です。'" in aside.detail


def test_nothing_of_foreign_bytes_is_lost(parse: Parse) -> None:
    foreign = b"q,\x90\xe2\xff"
    aside = parse("a.csv", HEADER + UTF_8 + foreign)[-1]
    assert isinstance(aside, SetAside)
    assert aside.content.encode("utf-8", "surrogateescape") == foreign


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04" + bytes(range(256)), b"%PDF-1.7\n", b"\x89PNG\r\n", bytes(range(256)) * 9],
)
@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl"])
def test_what_is_no_text_is_one_item(parse: Parse, name: str, content: bytes) -> None:
    (aside,) = parse(name, content)
    assert isinstance(aside, SetAside)
    assert aside.reason == "undecodable" and aside.detail.startswith("not a text")


def test_zero_byte_does_not_make_a_file_of_another_encoding(parse: Parse) -> None:
    parsed = parse(
        "a.jsonl", b'{"question": "q", "answer": "\0"}\n{"question": "q", "answer": "a"}'
    )
    assert reasons(parsed) == ["broken_json", ""]


def test_half_a_character_at_the_end_of_utf_16(parse: Parse) -> None:
    parsed = parse("a.csv", (HEADER.decode() + ROWS).encode("utf-16") + b"x")
    assert reasons(parsed) == ["", "", "undecodable"]
