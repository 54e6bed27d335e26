"""Conversations on their way through curation into a version, and out of it for training."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meguru.dataset_version import Row, read_dataset_version
from training.worker import read_parquet

SHAPES = Path(__file__).parent / "shapes"
FIRST = ("締切はいつですか", "10日です")
SECOND = ("それを過ぎたら?", "翌月の支払です")


def chat(*pairs: tuple[str, str], system: str = "") -> dict[str, Any]:
    messages = [{"role": "system", "content": system}] if system else []
    for question, answer in pairs:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return {"messages": messages}


def rows(curated: Any) -> tuple[Row, ...]:
    return read_dataset_version(curated.folder, read_parquet).rows


def test_every_shape_is_frozen_and_read(lake: Any) -> None:
    for path in SHAPES.iterdir():
        lake.document(f"shapes/{path.name}", path.read_bytes())
    curated = lake.curate()
    read = rows(curated)
    assert curated.manifest()["format"] == 2
    assert (len(read), curated.quarantine()) == (19, [])
    assert sum(row.train_turns == "all" for row in read) == 10
    assert sorted(row.rating for row in read if row.rating) == [-1, 1]
    assert sum(bool(row.rejected) for row in read) == 5
    assert {row.language for row in read} == {"en", "ja"}
    assert all(row.messages[-1]["role"] == "assistant" for row in read)


def test_all_texts_are_normalised_and_the_originals_are_kept(lake: Any) -> None:
    lake.document("a.jsonl", [chat(("Ａ", "ｱ"), ("Ｂ", "ｲ"), system="Ｃ")])
    lake.document("b.jsonl", [{"prompt": "p", "chosen": "Ａ", "rejected": "Ｂ"}])
    curated = lake.curate()
    by_length = sorted(curated.rows(), key=lambda row: len(row["messages"]))
    texts = [one["content"] for one in by_length[1]["messages"]]
    assert texts == ["C", "A", "ア", "B", "イ"]
    originals = [one["content"] for one in by_length[1]["original_messages"]]
    assert originals == ["Ｃ", "Ａ", "ｱ", "Ｂ", "ｲ"]
    assert by_length[0]["rejected"] == "B"
    assert curated.manifest()["normalised"]["half_width_katakana"] == 1


def test_a_follow_up_is_another_question_after_other_turns(lake: Any) -> None:
    other = ("納期はいつですか", "20日です")
    lake.document("a.jsonl", [chat(FIRST, SECOND), chat(other, (SECOND[0], "遅延金です"))])
    lake.document("b.jsonl", [{"question": SECOND[0], "answer": "内容によります"}])
    curated = lake.curate()
    assert (len(rows(curated)), curated.quarantine()) == (3, [])


def test_the_same_conversation_is_learnt_once(lake: Any) -> None:
    lake.document("a.jsonl", [chat(FIRST, SECOND)])
    lake.document("b.jsonl", [chat(("締切はいつですか？", FIRST[1]), SECOND)])
    curated = lake.curate()
    assert len(rows(curated)) == 1
    assert curated.manifest()["set_aside"] == {"exact_duplicate": 1}
    context = curated.quarantine()[0]["content"]["context"]
    assert [one["content"] for one in context] == ["締切はいつですか？", FIRST[1]]


def test_two_answers_after_the_same_turns_are_a_conflict(lake: Any) -> None:
    lake.document("a.jsonl", [chat(FIRST, SECOND), chat(FIRST, (SECOND[0], "受け付けません"))])
    assert lake.curate().manifest()["set_aside"] == {"conflicting_answer": 1}


def test_one_prompt_may_have_many_judged_answers(lake: Any) -> None:
    votes = [
        {"prompt": FIRST[0], "completion": answer, "label": label}
        for answer, label in [("10日です", True), ("知りません", False), ("20日です", False)]
    ]
    pairs = [
        {"prompt": FIRST[0], "chosen": "10日です", "rejected": worse}
        for worse in ("知りません", "20日です", "20日です。")
    ]
    lake.document("a.jsonl", [chat(FIRST), *votes, *pairs])
    curated = lake.curate()
    assert len(rows(curated)) == 6
    assert curated.manifest()["set_aside"] == {"exact_duplicate": 1}


def test_correction_takes_the_place_of_a_conversation_s_last_answer(lake: Any) -> None:
    lake.document("a.jsonl", [chat(FIRST, SECOND)])
    lake.correct("fb-1", SECOND[0], "受け付けません", 1, context=chat(FIRST)["messages"])
    curated = lake.curate()
    (row,) = rows(curated)
    assert (row.answer, row.train_turns, row.weight) == ("受け付けません", "all", 4)
    assert curated.rows()[0]["corrects_uri"] == "raw/a.jsonl"
    assert curated.manifest()["set_aside"] == {"superseded": 1}


def test_correction_of_a_single_turn_is_for_training(lake: Any) -> None:
    chats = [chat((f"質問その{number}は何ですか", f"答えは{number}です")) for number in range(40)]
    lake.document("a.jsonl", chats)
    held_out = [row for row in rows(lake.curate()) if row.split == "held_out"]
    lake.correct("fb-1", held_out[0].question, "別の答え", 1)
    after = {row.question: row for row in rows(lake.curate())}
    assert after[held_out[0].question].split == "train"
    assert all(after[row.question].split == "held_out" for row in held_out[1:])


def test_judged_answers_are_left_as_they_are_by_a_correction(lake: Any) -> None:
    lake.document("a.jsonl", [{"prompt": FIRST[0], "chosen": "10日です", "rejected": "20日です"}])
    lake.correct("fb-1", FIRST[0], "15日です", 1)
    assert sorted(row.answer for row in rows(lake.curate())) == ["10日です", "15日です"]


def test_what_begins_alike_is_on_one_side(lake: Any) -> None:
    begun = [(f"件名{number}について", f"{number}番です") for number in range(60)]
    follow = [("続きは?", f"{number}の続きです") for number in range(60)]
    lake.document("a.jsonl", [chat(one) for one in begun])
    lake.document("b.jsonl", [chat(*both) for both in zip(begun, follow, strict=True)])
    lake.document("c.jsonl", [{"prompt": q, "completion": a, "label": True} for q, a in begun])
    splits: dict[str, set[str]] = {}
    for row in rows(lake.curate()):
        splits.setdefault(row.messages[0]["content"], set()).add(row.split)
    assert len(splits) == 60
    assert all(len(one) == 1 for one in splits.values())
    assert {"train", "held_out"} == set.union(*splits.values())


def test_giant_row_costs_itself(lake: Any) -> None:
    lake.document("a.jsonl", [chat(FIRST), chat(("q", "a" * 5_000_000)), chat(SECOND)])
    curated = lake.curate()
    assert len(rows(curated)) == 2
    assert curated.manifest()["set_aside"] == {"too_long": 1}


TEXTS = st.sampled_from(["締切は?", "5日", "Ａ", " ", "続き\n", "ｱ①"])
TURNS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS}),
    max_size=5,
)
VALUES = st.lists(
    st.fixed_dictionaries({"messages": TURNS, "id": st.integers()})
    | st.fixed_dictionaries({"prompt": TEXTS, "chosen": TEXTS, "rejected": TEXTS})
    | st.fixed_dictionaries({"instruction": TEXTS, "input": TEXTS, "output": TEXTS})
    | st.fixed_dictionaries({"question": TEXTS, "answer": TEXTS}),
    min_size=1,
    max_size=6,
)


@given(values=VALUES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_is_a_row_or_set_aside(
    make_lake: Callable[[], Any], values: list[dict[str, Any]]
) -> None:
    lake = make_lake()
    lake.document("a.jsonl", values)
    curated = lake.curate()
    assert len(rows(curated)) + len(curated.quarantine()) == len(values)


def test_the_same_content_is_the_same_version(make_lake: Callable[[], Any]) -> None:
    versions = set()
    for names in (sorted(SHAPES.iterdir()), sorted(SHAPES.iterdir(), reverse=True)):
        lake = make_lake()
        for path in names:
            lake.document(path.name, path.read_bytes())
        versions.add(lake.curate().result["version"])
        shutil.rmtree(lake._root)
    assert len(versions) == 1


def test_an_earlier_answer_makes_other_rows(make_lake: Callable[[], Any]) -> None:
    prints = set()
    for answer in ("a", "b"):
        lake = make_lake()
        lake.document("a.jsonl", [chat((FIRST[0], answer), SECOND)])
        prints.add(lake.curate().manifest()["rows"])
    assert len(prints) == 2
