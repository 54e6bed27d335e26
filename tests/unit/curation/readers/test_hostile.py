"""No raw object, however it is made, takes more time than its length is worth."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from curation.parsing import parse_document
from curation.records import Record

GOOD = '{"question": "q", "answer": "a"}'
NUM = 50_000
MARKS = "\u0301\u0316"
DEEP = '{"question": [\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("keys.jsonl", "{" + ",".join(f'"{n}": 1' for n in [*range(NUM), NUM - 1]) + f"}}\n{GOOD}"),
        ("quotes.jsonl", '{"question": "' + '\\"' * NUM + f"\n{GOOD}"),
        ("quotes.json", '{"rows": "' + '\\"' * NUM + f"\n{GOOD}"),
        ("broken.json", "[\n" + '{"question": "q" "answer": "a"},\n' * NUM + f"{GOOD}]"),
        ("strings.json", '{"' * NUM + f"\n{GOOD}"),
        ("deep.jsonl", DEEP * NUM + GOOD),
        ("deep.json", DEEP * NUM + GOOD),
        ("marks.jsonl", f'{{"question": "q", "answer": "{MARKS * 10 * NUM}"}}\n{GOOD}'),
        ("marks.csv", f"question,answer\nq,{MARKS * 10 * NUM}\nq,a"),
    ],
    ids=lambda one: one if len(one) < 20 else "",
)
def test_it_is_read_in_time_and_the_good_record_found(tmp_path: Path, name: str, text: str) -> None:
    """What grows with the square of the length takes from ten seconds to hours here."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    started = time.process_time()
    parsed = list(parse_document(path, f"raw/{name}"))
    assert time.process_time() - started < 5
    assert [one.questions for one in parsed if isinstance(one, Record)] == [("q",)]


def test_a_limit_that_a_library_raised_takes_no_longer(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        test_it_is_read_in_time_and_the_good_record_found(tmp_path, "d.json", DEEP * NUM + GOOD)
    finally:
        sys.setrecursionlimit(before)
