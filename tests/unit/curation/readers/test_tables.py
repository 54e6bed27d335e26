"""Tables as people save them: their separators, headers, blanks, and what is broken in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from curation.records import Record, SetAside

Parse = Callable[[str, str], list[Record | SetAside]]
HEADER = "question,answer\n"


def told(parsed: list[Record | SetAside]) -> list[str]:
    """`question=answer` of each record, and reason and line of each that is set aside."""
    return [
        f"{one.questions[0]}={one.answer}"
        if isinstance(one, Record)
        else f"{one.reason} {one.detail.split(':')[0]}"
        for one in parsed
    ]


@pytest.mark.parametrize(
    "content",
    [
        "question;answer\nq;a\n",
        "question\tanswer\nq\ta\n",
        "question|answer\r\nq|a\r\n",
        "質問，回答\nq，a\n",
        "問い；答え\nq；a\n",
        "質問｜回答\nq｜a\n",
        "sep=;\nquestion;answer\nq;a\n",
        "Question , ＡＮＳＷＥＲ\nq, a\n",
        '"Q","A"\n"q","a"\n',
        "No.,質 問,回答:,備考\n1,q,a,\n",
        "answer,question\na,q\n",
        "question,answer\rq,a\r",
        "\ufeffquestion,answer\n\n,\n  ,\nq,a\n\n",
        '"question,answer\nq,a\n',
        'quest"ion,answer\nq,a\n',
        HEADER + "q,a,,,\n",
        "question,answer,phrasings\nq,a\n",
        "question,answer,memo,memo\nq,a,1,2\n",
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_read(parse: Parse, name: str, content: str) -> None:
    assert [one.strip() for one in told(parse(name, content))] == ["q=a"]


def test_blank_after_separators(parse: Parse) -> None:
    assert told(parse("a.csv", 'question, answer\nq, "a, b"\n')) == ["q=a, b"]
    assert told(parse("b.csv", HEADER + 'q, "a, b"\n')) == ["q=a, b"]


def test_joined_files(parse: Parse) -> None:
    joined = HEADER + "q1,a1\n\ufeff" + HEADER + "q2,a2\nanswer,question\na3,q3\n"
    assert told(parse("a.csv", joined)) == ["q1=a1", "q2=a2", "q3=a3"]


def test_lines_before_the_header_are_set_aside(parse: Parse) -> None:
    content = "社内の質問,,\n,,\n質問,回答,備考\nq,a,\n"
    assert told(parse("a.csv", content)) == ["not_a_record line 1", "q=a"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("question,answer,answer", "'answer', 'answer' are both the answer"),
        ("question,Answer,ａｎｓｗｅｒ", "'Answer', 'ａｎｓｗｅｒ' are both the answer"),
        ("question,質問,answer", "'question', '質問' are both the question"),
    ],
)
def test_repeated_column(parse: Parse, header: str, said: str) -> None:
    parsed = parse("a.csv", f"{header}\nq,a,b\nq,a,c\n")
    assert told(parsed) == ["repeated_column line 2", "repeated_column line 3"]
    assert all(isinstance(one, SetAside) and said in one.detail for one in parsed)


def test_unknown_columns_are_named_beside_the_known(parse: Parse) -> None:
    one, two = parse("a.csv", "Frage;Antwort\nq1;a1\nq2;a2\n")
    assert told([one, two]) == ["unknown_columns line 2", "unknown_columns line 3"]
    assert isinstance(one, SetAside)
    assert "'Frage', 'Antwort'" in one.detail and "質問" in one.detail
    assert one.content == "q1;a1"


def test_no_header_at_all_loses_no_row(parse: Parse) -> None:
    parsed = parse("a.csv", "食堂はどこですか?,2階です。\n締切はいつですか?,10日です。\n")
    assert told(parsed) == ["unknown_columns line 1", "unknown_columns line 2"]
    assert told(parse("b.csv", "foo,bar")) == ["unknown_columns line 1"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # A quote within a quoted cell, in one line and over several.
        ('q1,"a "1"."\nq2,a2\n', ["broken_csv line 2", "q2=a2"]),
        ('q1,"a\nb "c" d\ne"\nq2,a2\n', ["broken_csv line 2", "q2=a2"]),
        ('q1,"a, b\nc "d", e\nf, g"\nq2,a2\n', ["broken_csv line 2", "q2=a2"]),
        ('"q "1"\nq",a1\nq2,a2\n', ["broken_csv line 2", "q2=a2"]),
        # A quote that is never closed: before other quotes, before none, at the end.
        ('"q1,a1\nq2,a2\n"q3","a3"\n', ["broken_csv line 2", "q2=a2", "q3=a3"]),
        ('q1,"a1\nq2,a2\nq3,"a\n3"\n', ["broken_csv line 2", "q2=a2", "q3=a\n3"]),
        ('q1,a1\n"q2,a2\nq3,a3\n', ["q1=a1", "broken_csv line 3", "q3=a3"]),
        ('q1,a1\nq2,"a2\nmore\n', ["q1=a1", "broken_csv line 3"]),
        ('q1,"a1\nq2,""\nq3,a3\n', ["broken_csv line 2", "missing_answer line 3", "q3=a3"]),
        # One after the other.
        (
            '"q1,a1\n"q2,a2\n"q3,a3\nq4,a4\n',
            [f"broken_csv line {n}" for n in (2, 3, 4)] + ["q4=a4"],
        ),
        ('q1,"a"1"\nq2,"a"2"\nq3,a3\n', ["broken_csv line 2", "broken_csv line 3", "q3=a3"]),
        ('q1,"a1\nq2,"a"2"\nq3,a3\n', ["broken_csv line 2", "broken_csv line 3", "q3=a3"]),
        # Cells too few and too many.
        ("q1\nq2,a2\n", ["missing_answer line 2", "q2=a2"]),
        ("q1,a, b\nq2,a2\n", ["broken_csv line 2", "q2=a2"]),
    ],
)
def test_broken_row(parse: Parse, rows: str, expected: list[str]) -> None:
    assert told(parse("a.csv", HEADER + rows)) == expected
    assert told(
        parse("b.csv", (HEADER + rows).replace("\n", "\r\n").replace("a\r\n3", "a\n3"))
    ) == (expected)


def test_long_text_after_a_quote_that_is_never_closed(parse: Parse) -> None:
    rows = [f"q{number},a{number}" for number in range(5_000)]
    rows[10] = '"' + rows[10]
    parsed = parse("a.csv", HEADER + "\n".join(rows))
    assert [one for one in told(parsed) if "=" not in one] == ["broken_csv line 12"]
    assert len(parsed) == len(rows)


def test_columns_called_as_a_repeated_one_would_be_move_no_cell(parse: Parse) -> None:
    parsed = parse("a.csv", "x,x (3),x,question,answer\n1,2,3,q,a\n")
    assert told(parsed) == ["q=a"]
