"""What is too long is counted by the serving model's tokenizer, and set aside by name."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from training.tokenizer import train_tokenizer

RECORD = {"question": "締切は?", "answer": "10日です"}
LONG = {"question": "一覧を全文で教えてください", "answer": "1. 前日に行い、控えを残す。" * 12}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    backend: Tokenizer = train_tokenizer([*RECORD.values(), *LONG.values()], 400).backend_tokenizer
    return backend


def archive(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir()
    with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))


def num_tokens(tokenizer: Tokenizer, record: dict[str, str]) -> int:
    return sum(len(tokenizer.encode(text).ids) + 2 for text in record.values())


@pytest.fixture
def served_lake(lake: Any, tokenizer: Tokenizer) -> Any:
    archive(lake.serving_model, "./tokenizer.json", tokenizer.to_str().encode())
    return lake


def test_long_record_is_set_aside_with_its_tokens(served_lake: Any, tokenizer: Tokenizer) -> None:
    served_lake.document("a.jsonl", [RECORD, LONG])
    limit = num_tokens(tokenizer, LONG) - 1
    curated = served_lake.curate(context_tokens=limit)
    assert list(curated.answers()) == [RECORD["question"]]
    (item,) = curated.quarantine()
    assert item["source"] == "raw/a.jsonl" and item["content"] == LONG
    assert f"have {limit + 1} tokens" in item["detail"] and f"at most {limit}" in item["detail"]
    assert curated.manifest()["set_aside"] == {"too_long": 1}


def test_record_that_just_fits_is_kept(served_lake: Any, tokenizer: Tokenizer) -> None:
    served_lake.document("a.jsonl", [RECORD, LONG])
    curated = served_lake.curate(context_tokens=num_tokens(tokenizer, LONG))
    assert curated.manifest()["set_aside"] == {}


def test_phrasing_that_is_too_long_costs_the_others_nothing(
    served_lake: Any, tokenizer: Tokenizer
) -> None:
    phrasings = ["期限は?", "締切はいつまでなのかを教えてください" * 5]
    served_lake.document("a.jsonl", [RECORD | {"phrasings": phrasings}])
    curated = served_lake.curate(context_tokens=40)
    assert set(curated.answers()) == {"締切は?", "期限は?"}
    assert [item["content"]["question"] for item in curated.quarantine()] == phrasings[1:]


def test_long_correction_leaves_its_document_as_it_is(served_lake: Any) -> None:
    served_lake.document("a.jsonl", [RECORD])
    served_lake.correct("fb-1", RECORD["question"], LONG["answer"], 1)
    curated = served_lake.curate(context_tokens=40)
    assert curated.answers() == {RECORD["question"]: RECORD["answer"]}
    assert curated.quarantine()[0]["source"] == "fb-1"


def test_turns_that_training_cuts_are_not_counted(served_lake: Any) -> None:
    turns = [{"role": "user", "content": LONG["answer"]}, {"role": "assistant", "content": "a"}]
    served_lake.correct("fb-1", "締切は?", "10日です", 1, context=turns)
    assert len(served_lake.curate(context_tokens=40).rows()) == 1
    system = [{"role": "system", "content": LONG["answer"]}]
    served_lake.correct("fb-2", "締切は?", "10日です", 1, context=system)
    curated = served_lake.curate(context_tokens=40)
    assert [item["source"] for item in curated.quarantine()] == ["fb-2"]


def test_of_a_preference_the_longer_answer_is_counted(served_lake: Any) -> None:
    pair = {"prompt": "締切は?", "chosen": "10日です", "rejected": "知りません"}
    served_lake.document("a.jsonl", [pair, pair | {"rejected": LONG["answer"]}])
    curated = served_lake.curate(context_tokens=40)
    assert len(curated.rows()) == 1
    (item,) = curated.quarantine()
    assert item["content"]["rejected"] == LONG["answer"]


def test_control_tokens_in_a_text_are_counted_as_text(
    served_lake: Any, tokenizer: Tokenizer
) -> None:
    served_lake.document("a.jsonl", [RECORD | {"answer": "<|end|>" * 9}])
    assert served_lake.curate(context_tokens=40).quarantine()[0]["source"] == "raw/a.jsonl"


@pytest.mark.parametrize("context_tokens", [0, 20])
def test_without_a_serving_model_nothing_is_counted(lake: Any, context_tokens: int) -> None:
    lake.document("a.jsonl", [RECORD, LONG])
    assert len(lake.curate(context_tokens).rows()) == 2


def test_model_without_a_tokenizer_is_refused(lake: Any) -> None:
    archive(lake.serving_model, "config.json", b"{}")
    with pytest.raises(ValueError, match=r"has no tokenizer\.json"):
        lake.curate(context_tokens=20)
