"""Whatever arrives is in the dataset or in quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import curation.__main__ as job
from curation.parsing import parse_document
from curation.records import Parsed

TEXTS = st.text("あい1 ,?ｱ①\n\u200b\ud800", max_size=4) | st.sampled_from(["締切は?", "5日"])
VALUES = (
    TEXTS
    | st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(TEXTS)
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"question": VALUES, "answer": VALUES},
        optional={"phrasings": st.lists(TEXTS, max_size=3) | VALUES},
    )
    | VALUES,
    max_size=8,
)
SETTINGS = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def lost(lake: Any, values: list[Any]) -> list[Any]:
    """What of a raw object is neither in the dataset nor in quarantine."""
    lake.document("a.jsonl", values)
    curated = lake.curate()
    kept = {(row["original_question"], row["original_answer"]) for row in curated.rows()}
    set_aside = [item["content"] for item in curated.quarantine()]
    return [value for value in values if not _is_kept(value, kept) and not _is_in(value, set_aside)]


def _is_kept(value: Any, kept: set[tuple[str, str]]) -> bool:
    return isinstance(value, dict) and any(
        (question, value["answer"]) in kept
        for question in [value["question"]]
        if isinstance(question, str) and isinstance(value["answer"], str)
    )


def _is_in(value: Any, set_aside: list[Any]) -> bool:
    for content in set_aside:
        if content == value:
            return True
        if isinstance(content, dict) and isinstance(value, dict):
            names = ("question", "answer")
            if all(content.get(name) == value[name] for name in names):
                return True
    return False


@given(values=RECORDS)
@SETTINGS
def test_nothing_is_lost(make_lake: Callable[[], Any], values: list[Any]) -> None:
    assert lost(make_lake(), values) == []


def test_parser_that_drops_a_record_is_caught(lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def dropping(path: Path, uri: str) -> Iterator[Parsed]:
        yield from list(parse_document(path, uri))[1:]

    values = [{"question": f"質問{number}", "answer": f"{number}日"} for number in range(3)]
    monkeypatch.setattr(job, "parse_document", dropping)
    assert lost(lake, values) == values[:1]


@pytest.mark.parametrize("depth", range(940, 1000, 3))
def test_deep_nesting_on_the_verge(lake: Any, depth: int) -> None:
    nested = '{"question": "q", "answer": ' + "[" * depth + "]" * depth + "}"
    lake.document("a.jsonl", nested)
    (path,) = (lake.curate().output / "quarantine").rglob("*.jsonl")
    # Deeper than a reader may go: what counts is that it is all there.
    assert path.read_text("utf-8").count("[") >= depth


CORRECTION = {
    "feedback_id": "fb-good",
    "question": "q",
    "corrected_output": "a",
    "created_at": "2026-11-22T09:00:00+09:00",
}
MOMENTS = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
MEMBERS: Any = st.recursive(
    VALUES | MOMENTS | st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE00F)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
MESSAGES = st.lists(st.fixed_dictionaries({"role": MEMBERS, "content": MEMBERS}), max_size=2)


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(CORRECTION, MEMBERS),
            "created_at": MOMENTS | MEMBERS,
            "context": MESSAGES | MEMBERS,
            "answer": MEMBERS,
            "rating": st.sampled_from([1, -1]) | MEMBERS,
        },
    ),
    with_preferences=st.booleans(),
)
@SETTINGS
def test_a_correction_costs_itself_at_most(
    make_lake: Callable[[], Any], changes: dict[str, Any], with_preferences: bool
) -> None:
    lake = make_lake()
    lake.feedback("fb-good", CORRECTION)
    lake.feedback("fb-fuzzed", CORRECTION | {"feedback_id": "fb-fuzzed", "question": "r"} | changes)
    curated = lake.curate(with_preferences=with_preferences)
    assert curated.result["feedback_ids"] == ["fb-fuzzed", "fb-good"]
    learnt = {row["source_uri"] for row in curated.rows()}
    superseded = [item["source"] for item in curated.quarantine() if "superseded" in str(item)]
    assert "fb-good" in learnt or "fb-good" in superseded


def test_a_folder_called_like_a_correction_is_none(lake: Any) -> None:
    lake.feedback("fb-good", CORRECTION)
    lake.feedback("fb-1.json/fb-2", CORRECTION | {"feedback_id": "fb-2", "question": "r"})
    assert lake.curate().result["feedback_ids"] == ["fb-2", "fb-good"]
