"""A company's own evaluation set: what people labelled with `meguru label`, read from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluation.contamination import find_leaks
from evaluation.words import language_of
from meguru.dataset_version import Row
from meguru.labels import Item, read_usable_items

SPLIT = "labelled"
MAX_LISTED = 20


@dataclass(frozen=True)
class OwnQuestions:
    """`rows` are labelled questions with their right answers, and the rejected ones of ranked ones.

    `problems` names what couldn't be read; `num_unlabelled` waits for a person, and `num_learnt`
    were left out, as the training split has them.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    num_unlabelled: int = 0
    num_learnt: int = 0

    def describe(self) -> dict[str, Any]:
        return {
            "num_questions": len(self.rows),
            "num_pairs": sum(bool(row.rejected) for row in self.rows),
            "num_unlabelled": self.num_unlabelled,
            "num_learnt": self.num_learnt,
            "num_problems": len(self.problems),
            "problems": self.problems[:MAX_LISTED],
        }


def read_own_questions(folder: Path, training: Sequence[Row]) -> OwnQuestions:
    """Every labelled question of the .jsonl files below `folder`, once.

    A file or line that is broken is named, and leaves the others in. What the training split has
    is left out: it was learnt, and people's corrections go there by themselves.
    """
    paths = sorted(path for path in folder.rglob("*.jsonl") if path.is_file())
    return read_labelling_files(paths, training)


def read_labelling_files(paths: Iterable[Path], training: Sequence[Row]) -> OwnQuestions:
    """The same of files that are named."""
    items: dict[str, Item] = {}
    problems: list[str] = []
    for path in paths:
        try:
            found, said = read_usable_items(path)
        except OSError as error:
            found, said = [], [f"{path.name}: {error.strerror}"]
        problems += said
        items |= {item.item_id: item for item in found}
    labelled = [item for item in items.values() if item.label]
    rows = {item.item_id: _row(item, item.label.answer) for item in labelled if item.label}
    learnt = {leak.row.record_id for leak in find_leaks(rows.values(), training)}
    return OwnQuestions(
        rows=[row for row in rows.values() if row.record_id not in learnt],
        problems=problems,
        num_unlabelled=len(items) - len(labelled),
        num_learnt=len(learnt),
    )


def _row(item: Item, answer: str) -> Row:
    language = language_of(item.question + answer)
    row = Row.of_question(
        item.item_id, item.question, answer, item.item_id, language, SPLIT, context=item.context
    )
    return replace(row, rejected=item.rejected)
