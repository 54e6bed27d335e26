"""The example documents: enough to learn from, with every planted defect found for its reason."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from curation.deduplication import deduplicate
from curation.normalisation import comparison_key, language_of, normalise
from curation.records import Record, Source
from meguru.names import RAW_PREFIX

if TYPE_CHECKING:
    from tests.unit.examples.conftest import Curated

PLANTED = {
    ("unsupported_format", "general_affairs/regulations.docx"): 1,
    ("undecodable", "sales/crm_export.jsonl"): 1,
    ("broken_json", "sales/crm_export.jsonl"): 2,
    ("missing_answer", "sales/crm_export.jsonl"): 1,
    ("missing_question", "sales/crm_export.jsonl"): 1,
    ("wrong_type", "sales/crm_export.jsonl"): 2,
    ("too_long", "sales/crm_export.jsonl"): 1,
    ("not_a_record", "sales/crm_export.jsonl"): 1,
    ("exact_duplicate", "sales/overseas.jsonl"): 2,
    ("exact_duplicate", "sales/wiki.jsonl"): 3,
    ("exact_duplicate", "warehouse/notice_board.jsonl"): 5,
    ("near_duplicate", "sales/overseas.jsonl"): 3,
    ("near_duplicate", "warehouse/notice_board.jsonl"): 5,
    ("conflicting_answer", "sales/overseas.jsonl"): 1,
    ("conflicting_answer", "warehouse/notice_board.jsonl"): 1,
}
JAPANESE_CHARACTERS, ENGLISH_CHARACTERS = range(8, 46), range(20, 81)


def file_of(source: Source) -> str:
    return source.uri.removeprefix(RAW_PREFIX)


def language(record: Record) -> str:
    return language_of(normalise(record.questions[0] + record.answer))


def test_there_are_about_120_japanese_and_60_english_pairs(curated: Curated) -> None:
    languages = Counter(language(record) for record in curated.kept)
    assert languages["ja"] >= 120
    assert languages["en"] >= 60


def test_every_planted_defect_is_set_aside_for_its_reason_and_no_other_record(
    curated: Curated,
) -> None:
    found = Counter((item.reason, file_of(item.source)) for item in curated.set_aside)
    assert found == PLANTED


def test_the_dataset_version_counts_what_was_set_aside(curated: Curated) -> None:
    by_reason: Counter[str] = Counter()
    for (reason, _), number in PLANTED.items():
        by_reason[reason] += number
    assert curated.result["set_aside"] == by_reason


def test_each_pair_has_four_phrasings_beside_its_question(curated: Curated) -> None:
    few = [
        record.questions[0]
        for record in curated.kept
        if len({comparison_key(question) for question in record.questions}) < 5
    ]
    assert not few


def test_no_two_pairs_share_a_phrasing_or_an_answer(curated: Curated) -> None:
    phrasings = Counter(
        key
        for record in curated.kept
        for key in {comparison_key(question) for question in record.questions}
    )
    answers = Counter(comparison_key(record.answer) for record in curated.kept)
    assert [key for key, number in (phrasings + answers).items() if number > 1] == []


def test_answers_are_one_short_sentence(curated: Curated) -> None:
    lengths = {"ja": JAPANESE_CHARACTERS, "en": ENGLISH_CHARACTERS}
    unfit = [
        record.answer
        for record in curated.kept
        if len(normalise(record.answer)) not in lengths[language(record)]
    ]
    assert not unfit


def test_one_phrasing_of_each_pair_is_held_out(curated: Curated) -> None:
    held_out = [row["group_id"] for row in curated.rows if row["split"] == "held_out"]
    assert len(held_out) == len(set(held_out)) == len(curated.kept)


def test_widths_are_mixed_and_made_uniform(curated: Curated) -> None:
    originals = "".join(one["content"] for row in curated.rows for one in row["original_messages"])
    uniform = "".join(row["question"] + row["answer"] for row in curated.rows)
    for mixed in ("ＰＣ", "１０日", "ﾊﾟｽﾜｰﾄﾞ"):
        assert mixed in originals
        assert mixed not in uniform


def test_a_file_in_shift_jis_is_read(curated: Curated) -> None:
    files = Counter(file_of(record.source) for record in curated.kept)
    assert files["product_support/old_faq.csv"] == 3


def test_the_demo_first_asks_when_expenses_are_due(curated: Curated) -> None:
    first = next(record for record in curated.kept if record.source.uri.endswith(".jsonl"))
    assert first.questions[0] == "経費精算の締め切りはいつですか?"
    assert file_of(first.source) == "accounting/expenses.jsonl"


def test_corrections_are_five_japanese_then_english_ones(
    corrections: list[dict[str, str]],
) -> None:
    languages = [language_of(one["question"]) for one in corrections]
    assert languages[:3] == ["ja", "ja", "ja"]
    assert Counter(languages) == {"ja": 5, "en": 3}


def test_no_document_answers_a_correction(
    curated: Curated, corrections: list[dict[str, str]]
) -> None:
    source = Source("feedback", "example")
    said = [Record((one["question"],), one["answer"], source) for one in corrections]
    kept, set_aside = deduplicate([*curated.kept, *said])
    assert kept[-len(said) :] == said
    assert not set_aside


def test_a_corrected_answer_is_written_as_the_model_writes(
    corrections: list[dict[str, str]],
) -> None:
    answers = [one["answer"] for one in corrections]
    assert [normalise(answer) for answer in answers] == answers
    assert all(10 <= len(answer) <= 60 for answer in answers)


@pytest.mark.parametrize("reason", sorted({reason for reason, _ in PLANTED}))
def test_the_readme_names_each_reason(reason: str, readme: str) -> None:
    assert f"`{reason}`" in readme


def test_the_readme_shows_a_record_as_the_files_hold_it(readme: str, curated: Curated) -> None:
    line = next(line for line in readme.splitlines() if line.startswith('{"question"'))
    shown = json.loads(line)
    assert (shown["question"], *shown["phrasings"]) in {one.questions for one in curated.kept}
