"""A dataset version is its content: the same is the same, and another is another."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation import dataset
from meguru.fingerprint import fingerprint
from meguru.normalisation import RULES

RECORDS = [
    {"question": f"質問{number}は?", "answer": f"{number}日①㈱"}
    | {"phrasings": [f"{number}の{end}" for end in ("期限", "締切", "提出日")]}
    for number in range(5)
]


def test_version_is_the_manifests_hash(lake: Any) -> None:
    lake.document("a.jsonl", RECORDS)
    curated = lake.curate()
    content = (curated.folder / "manifest.json").read_bytes()
    assert curated.result["version"] == hashlib.sha256(content).hexdigest()
    for shard in curated.manifest()["shards"]:
        assert (
            hashlib.sha256((curated.folder / shard["path"]).read_bytes()).hexdigest()
            == (shard["sha256"])
        )
    result = (curated.output / "result" / "result.json").read_bytes()
    assert curated.result["version"].encode() in result


def test_same_content_is_the_same_version(make_lake: Callable[[], Any]) -> None:
    versions: set[str] = set()
    for names in (("a.jsonl", "b/c.jsonl"), ("b/c.jsonl", "a.jsonl")):
        lake = make_lake()
        for name in names:
            lake.document(name, RECORDS[:2] if name == "a.jsonl" else RECORDS[2:])
            os.utime(next(lake._root.rglob(name)), (len(versions), len(versions)))
        versions |= {lake.curate().result["version"] for _ in range(2)}
    assert len(versions) == 1


def test_one_row_makes_another_version(make_lake: Callable[[], Any]) -> None:
    versions = set()
    for last in ("5日", "6日"):
        lake = make_lake()
        lake.document("a.jsonl", [*RECORDS, {"question": "最後は?", "answer": last}])
        versions.add(lake.curate().result["version"])
    assert len(versions) == 2


def test_rows_are_the_same_whatever_they_were_read_from(make_lake: Callable[[], Any]) -> None:
    fingerprints, versions = set(), set()
    for name, junk in (("a.jsonl", b""), ("b.jsonl", b""), ("a.jsonl", b"\0\0\0\1Bud1")):
        lake = make_lake()
        lake.document(name, RECORDS)
        if junk:
            lake.document(".DS_Store", junk)
        curated = lake.curate()
        fingerprints.add(curated.manifest()["rows"])
        versions.add(curated.result["version"])
    assert (len(fingerprints), len(versions)) == (1, 3)


def chat(*said: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(said)
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("messages", chat("前の質問", "前の答え", "質問", "答え")),
        ("messages", chat("別の質問", "答え")),
        ("messages", chat("質問", "別の答え")),
        ("split", "held_out"),
        ("weight", 10),
        ("rejected", "悪い答え"),
        ("rating", -1),
    ],
)
def test_what_is_learnt_makes_other_rows(name: str, value: Any) -> None:
    row = {"messages": chat("質問", "答え"), "split": "train", "weight": 1}
    row |= {"train_turns": "last", "rejected": "", "rating": 0}
    second = {**row, "messages": chat("二", "答え")}
    other = {"source_uri": "raw/a", "original_messages": [], "corrects_uri": ""}
    before = dataset.rows_fingerprint([row, second])
    assert dataset.rows_fingerprint([second, row | other]) == before
    assert dataset.rows_fingerprint([{**row, name: value}, second]) != before


def test_turns_that_are_learnt_make_other_rows_where_there_are_such() -> None:
    row = {"split": "train", "weight": 1, "rejected": "", "rating": 0}
    for said, is_other in ((("q", "a"), False), (("q0", "a0", "q", "a"), True)):
        prints = [
            dataset.rows_fingerprint([{**row, "messages": chat(*said), "train_turns": turns}])
            for turns in ("last", "all")
        ]
        assert (prints[0] != prints[1]) is is_other


def test_questions_and_answers_are_called_as_in_the_first_format(lake: Any) -> None:
    """Rows, ids and their fingerprint as they were frozen before there were conversations."""
    before = [
        {"role": "system", "content": "Ｂｅ kind"},
        {"role": "user", "content": "前は?"},
        {"role": "assistant", "content": "あと"},
    ]
    lake.document("a.jsonl", RECORDS)
    lake.correct("fb-0", "質問0は?", "10日", 1)
    lake.correct("fb-1", "質問1は?", "10日", 1, context=before)
    curated = lake.curate()
    ids = sorted([row["record_id"], row["group_id"], row["split"]] for row in curated.rows())
    assert fingerprint(ids) == "9a8bdbb9b2179a3e2b08089c595cc73b059ea03d35135a3437947dd6d0feb1a5"
    assert curated.manifest()["rows"] == (
        "482afaa44e85384f1d0c1ec307a2909d8ed6038c4d1390740f52857f11717d02"
    )


def test_all_feedback_that_was_read_is_named(lake: Any) -> None:
    """What is learnt, what another correction supersedes, and what is broken."""
    lake.document("a.jsonl", RECORDS)
    for number, text in enumerate(("一", "二")):
        lake.correct(f"fb-{number}", "質問0は?", text, hour=number)
    lake.feedback("fb-2", b"{")
    assert lake.curate().result["feedback_ids"] == ["fb-0", "fb-1", "fb-2"]


def test_original_is_kept_beside_the_normalised(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "㈱Ａの①は？", "answer": "ｶﾅ"}])
    (row,) = lake.curate().rows()
    assert (row["question"], row["answer"]) == ("㈱Aの①は？", "カナ")
    assert (row["original_question"], row["original_answer"]) == ("㈱Ａの①は？", "ｶﾅ")


def test_held_out_stays_when_documents_come(lake: Any) -> None:
    lake.document("m.jsonl", RECORDS)
    before = {row["record_id"]: row["split"] for row in lake.curate().rows()}
    lake.document(
        "a.jsonl", [{"question": "別の質問", "answer": "別の答え", "phrasings": ["x", "y"]}]
    )
    after = {row["record_id"]: row["split"] for row in lake.curate().rows()}
    assert before.items() <= after.items()
    assert list(before.values()).count("held_out") == len(RECORDS)


def test_first_phrasing_is_never_held_out(lake: Any) -> None:
    lake.document("a.jsonl", RECORDS)
    held_out = {row["question"] for row in lake.curate().rows() if row["split"] == "held_out"}
    assert held_out.isdisjoint(record["question"] for record in RECORDS)


def test_few_phrasings_are_all_for_training(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "q", "answer": "a", "phrasings": ["p", "ｑ"]}])
    assert [row["split"] for row in lake.curate().rows()] == ["train", "train"]


def test_shards(lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROWS_PER_SHARD", 6)
    lake.document("a.jsonl", RECORDS)
    curated = lake.curate()
    shards = curated.manifest()["shards"]
    assert [shard["rows"] for shard in shards] == [6, 6, 6, 2]
    assert pq.read_schema(curated.folder / shards[0]["path"]).equals(dataset.SCHEMA)


def test_empty_lake(lake: Any) -> None:
    curated = lake.curate()
    assert (curated.manifest()["num_records"], curated.manifest()["shards"]) == (0, [])


def test_what_normalisation_changed_is_counted(lake: Any) -> None:
    lake.document(
        "a.jsonl",
        [
            {"question": "Ａは?", "answer": "10⁶ Ω\r\n  以上", "phrasings": ["Ａとは?"]},
            {"question": "b", "answer": "ｶﾅとＢ"},
        ],
    )
    changes = {"full_width_letters": 3, "line_ends": 2, "half_width_katakana": 1}
    curated = lake.curate()
    assert curated.manifest()["normalised"] == dict.fromkeys(RULES, 0) | changes
    assert curated.answers()["Aは?"] == "10⁶ Ω\n  以上"


def test_normalisation_by_some_rules_and_none(lake: Any) -> None:
    lake.document("a.jsonl", [{"question": "Ａは?", "answer": " ｶﾅ"}])
    some = lake.curate(rules=("full_width_letters",))
    assert some.answers() == {"Aは?": " ｶﾅ"}
    assert some.manifest()["normalised"] == {"full_width_letters": 1}
    off = lake.curate(rules=())
    assert off.answers() == {"Ａは?": " ｶﾅ"}
    assert off.manifest()["normalised"] == {}
    assert off.result["version"] != some.result["version"]


def test_what_is_deleted_is_in_no_later_version(lake: Any) -> None:
    lake.document("hr/2026/01/10/a.jsonl", [{"question": "日当は?", "answer": "2,000円"}])
    lake.document("hr/2026/11/01/a.jsonl", [{"question": "日当は?", "answer": "3,000円"}])
    before = lake.curate()
    assert before.answers() == {"日当は?": "3,000円"}
    lake.delete("hr/2026/11/01/a.jsonl")
    after = lake.curate()
    assert after.answers() == {"日当は?": "2,000円"}
    assert list(after.manifest()["sources"]) == ["raw/hr/2026/01/10/a.jsonl"]
    assert after.quarantine() == []
