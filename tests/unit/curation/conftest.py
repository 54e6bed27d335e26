"""A lake in a folder, and what curation makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.__main__ import curate
from curation.records import Record, Source
from meguru.normalisation import RULES


@dataclass
class Curated:
    """What a run of curation left in its output folder."""

    output: Path
    result: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.output / "datasets" / "text" / str(self.result["version"])

    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_bytes())
        return manifest

    def rows(self) -> list[dict[str, Any]]:
        """Each as it is frozen, and with the last two of its messages by their names."""
        shards = [self.folder / shard["path"] for shard in self.manifest()["shards"]]
        return [named(row) for shard in shards for row in pq.read_table(shard).to_pylist()]

    def answers(self) -> dict[str, str]:
        """The answer to each question; a question answered twice fails the test."""
        answers = {row["question"]: row["answer"] for row in self.rows()}
        assert len(answers) == len(self.rows())
        return answers

    def quarantine(self) -> list[dict[str, Any]]:
        paths = sorted((self.output / "quarantine").rglob("*.jsonl"))
        lines = [line for path in paths for line in path.read_text("utf-8").split("\n") if line]
        return [json.loads(line) for line in lines]


def named(row: dict[str, Any]) -> dict[str, Any]:
    original_question, original_answer = row["original_messages"][-2:]
    return {
        **row,
        "context": row["messages"][:-2],
        "original_question": original_question["content"],
        "original_answer": original_answer["content"],
    }


class Lake:
    def __init__(self, root: Path) -> None:
        self._root, self._num_runs = root, 0

    def document(self, name: str, content: bytes | str | list[Any]) -> None:
        """A raw object; a list is written as JSON Lines."""
        if isinstance(content, list):
            content = "\n".join(json.dumps(value) for value in content)
        path = self._root / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def feedback(self, name: str, value: Any, day: str = "2026-11-22") -> None:
        path = self._root / "feedback" / f"dt={day}" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())

    def correct(
        self,
        name: str,
        question: str,
        answer: str,
        hour: int,
        context: list[dict[str, str]] | None = None,
        **more: Any,
    ) -> None:
        said = {
            **({} if context is None else {"context": context}),
            "feedback_id": name,
            "question": question,
            "corrected_output": answer,
            "created_at": f"2026-11-22T{hour:02}:00:00+00:00",
        }
        self.feedback(name, said, **more)

    def delete(self, name: str) -> None:
        (self._root / "raw" / name).unlink()

    @property
    def serving_model(self) -> Path:
        """Where the job finds the model that serves, if there is one."""
        return self._root / "serving_model"

    def curate(
        self,
        context_tokens: int = 0,
        rules: Sequence[str] = RULES,
        *,
        with_preferences: bool = False,
    ) -> Curated:
        self._num_runs += 1
        output = self._root / f"output-{self._num_runs}"
        result = curate(
            self._root,
            output,
            dataset="text",
            feedback_weight=4,
            rules=rules,
            context_tokens=context_tokens,
            with_preferences=with_preferences,
        )
        return Curated(output, result)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.fixture
def make_lake(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Lake]:
    return lambda: Lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def record() -> Callable[..., Record]:
    def make(question: str, answer: str, *phrasings: str) -> Record:
        return Record((question, *phrasings), answer, Source("document", "raw/a.jsonl"))

    return make
