"""People's votes: the last word of each on each answer, broken files left out by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.votes import preference, read_votes


def put(folder: Path, name: str, **said: Any) -> None:
    values = {
        "model_package_arn": "arn:v1",
        "consumer": "app",
        "inference_id": name,
        "created_at": "2026-11-01T00:00:00Z",
        "rating": 0,
        **said,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("said", "votes"),
    [
        ({"rating": 1}, [True]),
        ({"rating": -1}, [False]),
        ({"rating": 0, "comment": "hm"}, []),
        ({"corrected_output": "10日です。"}, [False]),
        ({"preferred_inference_id": "a"}, [True]),
        ({"preferred_inference_id": "another"}, [False]),
    ],
)
def test_what_counts_for_and_against(tmp_path: Path, said: Any, votes: list[bool]) -> None:
    put(tmp_path, "a", **said)
    assert [vote.is_for for vote in read_votes(tmp_path).votes] == votes


def test_the_last_word_of_one_on_one_answer_counts(tmp_path: Path) -> None:
    put(tmp_path, "a", inference_id="x", rating=1, created_at="2026-11-02T00:00:00Z")
    put(tmp_path, "b", inference_id="x", rating=-1, created_at="2026-11-01T00:00:00Z")
    put(tmp_path, "c", inference_id="x", rating=-1, consumer="other")
    assert sorted(vote.is_for for vote in read_votes(tmp_path).votes) == [False, True]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"rating": 1}', b"\xff\xfe"])
def test_a_broken_file_is_named_and_leaves_the_others(tmp_path: Path, content: bytes) -> None:
    put(tmp_path / "dt=2026-11-01", "good", rating=1)
    (tmp_path / "broken.json").write_bytes(content)
    votes = read_votes(tmp_path)
    assert (len(votes.votes), votes.broken) == (1, ["broken.json"])


def test_win_rate_of_each_version(tmp_path: Path) -> None:
    for number in range(12):
        put(tmp_path, f"a{number}", rating=1 if number < 9 else -1)
    put(tmp_path, "b", rating=-1, model_package_arn="arn:v2")
    first, second = preference(read_votes(tmp_path).votes)
    assert (first["num_for"], first["num_votes"], first["win_rate"]) == (9, 12, 0.75)
    assert first["low"] < 0.75 < first["high"]
    assert (second["win_rate"], second["low"]) == (0.0, None)


def test_no_votes(tmp_path: Path) -> None:
    assert preference(read_votes(tmp_path / "none").votes) == []
