"""Labelling in the terminal: each label is kept at once, what is typed wrong is asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

from cli.account import Account
from cli.label import Labelling, printable, put_labels, read_ranking
from cli.main import app
from meguru.labels import read_items


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    lines = [
        {"question": "締切は?", "answers": ["10日です。", "11日です。"]},
        {"question": "窓口は?", "answers": ["総務部です。"]},
        {"question": "社歌は?"},
    ]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    return path


def typing(*typed: str) -> Callable[[str], str]:
    """A person who types these lines, and then closes the terminal."""
    left = list(typed)

    def ask(prompt: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    return ask


def label(path: Path, *typed: str) -> list[str]:
    told: list[str] = []
    Labelling(path, "hana", typing(*typed), told.append).run()
    return told


def test_accept_correct_and_rank(path: Path) -> None:
    label(path, "r 2 1", "a", "c", "社歌はありません。")
    found = [item.label for item in read_items(path)]
    assert [(one.verdict, one.answer, one.ranking) for one in found if one] == [
        ("rank", "11日です。", (1, 0)),
        ("accept", "総務部です。", ()),
        ("correct", "社歌はありません。", ()),
    ]
    assert {one.labelled_by for one in found if one} == {"hana"}


def test_what_was_trained_on_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    lines = [{"question": "q", "answer": "a", "split": one} for one in ("train", "held_out")]
    path.write_text("\n".join(map(json.dumps, lines)))
    label(path, "a", "a")
    assert [item.label is not None for item in read_items(path)] == [False, True]


def test_an_evaluation_s_answers_are_ranked_with_the_serving_version_s(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    sample = {"question": "q", "expected": "a", "answer": "b", "serving_answer": "c"}
    path.write_text(json.dumps(sample))
    label(path, "r 1 3 2")
    [item] = read_items(path)
    assert (item.label and item.label.ranking, item.rejected) == ((0, 2, 1), "b")


def test_a_number_accepts_that_answer_in_any_width(path: Path) -> None:
    label(path, "２")
    first = read_items(path)[0].label
    assert first is not None
    assert (first.verdict, first.answer) == ("accept", "11日です。")


def test_it_goes_on_where_it_was_left(path: Path) -> None:
    label(path, "1")
    told = label(path, "a", "q")
    assert not any("締切は?" in line for line in told)
    assert [item.label is not None for item in read_items(path)] == [True, True, False]


def test_back_labels_the_last_one_anew(path: Path) -> None:
    label(path, "1", "b", "2", "q")
    first = read_items(path)[0].label
    assert first is not None
    assert first.answer == "11日です。"


def test_skipped_ones_wait(path: Path) -> None:
    label(path, "s", "s", "s")
    assert [item.label for item in read_items(path)] == [None] * 3


@pytest.mark.parametrize("typed", ["", "a", "3", "0", "x", "r", "r 1", "r 1 1", "r 1 x", "r 1 3"])
def test_what_means_nothing_is_asked_again(path: Path, typed: str) -> None:
    told = label(path, typed, "1", "q")
    first = read_items(path)[0].label
    assert first is not None
    assert first.answer == "10日です。"
    assert len(told) > 6


def test_an_empty_correction_is_asked_again(path: Path) -> None:
    label(path, "c", "  ", "c", "12日です。")
    first = read_items(path)[0].label
    assert first is not None
    assert (first.verdict, first.answer) == ("correct", "12日です。")


def test_one_answer_alone_is_not_ranked() -> None:
    with pytest.raises(ValueError, match="accept or correct"):
        read_ranking(["1"], 1)


def test_an_answer_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\u202ec\n") == "a�[2Jb��c\n"
    assert printable("👨‍👩‍👧 が来ます") == "👨‍👩‍👧 が来ます"


class FakeAccount:
    """An account whose S3 keeps what is put."""

    def __init__(self) -> None:
        self.outputs = {"LakeBucket": "lake"}
        self.kept: dict[tuple[str, str], bytes] = {}

    def client(self, service: str) -> FakeAccount:
        assert service == "s3"
        return self

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.kept[Bucket, Key] = Body


def test_labels_are_put_where_evaluations_read_them(path: Path) -> None:
    account = FakeAccount()
    assert put_labels(cast(Account, account), path) == "labels/own.jsonl"
    assert account.kept == {("lake", "labels/own.jsonl"): path.read_bytes()}


def test_a_file_that_no_evaluation_would_read_is_not_put(path: Path) -> None:
    account = FakeAccount()
    with pytest.raises(ValueError, match=r"end in \.jsonl"):
        put_labels(cast(Account, account), path.rename(path.with_suffix(".json")))
    assert account.kept == {}


def test_the_command_says_how_far_it_is(path: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(path)], input="1\nq\n")
    assert result.exit_code == 0
    assert "1 of 3 are labelled" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "has no question"), ("{", "line 1: not JSON"), ('{"ask": 1}', "no text in 'question'")],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(content)
    result = CliRunner().invoke(app, ["label", str(path)])
    assert result.exit_code == 1
    assert said in result.output.replace("\n", " ")
    assert path.read_text() == content


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(tmp_path / "none.jsonl")])
    assert result.exit_code == 1
    assert "none.jsonl" in result.output.replace("\n", "")
