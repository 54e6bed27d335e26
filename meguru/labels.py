"""The labelling file: questions with answers to choose from, and what a person said of them.

JSON lines, one question each: `question`, `answers` (or `expected`, `answer` and `serving_answer`,
as an evaluation's samples.jsonl has them), where they are known `context` and `id`, and `label`
once somebody has labelled it. What else stands in a line stays in it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from meguru.fingerprint import fingerprint

Verdict = Literal["accept", "correct", "rank"]
# An evaluation's answers to choose from: the right one, the model's, and the serving version's. It
# comes last, so that the others keep their numbers in what was ranked without it.
OF_SAMPLES = ("expected", "answer", "serving_answer")
VERDICTS: tuple[Verdict, ...] = ("accept", "correct", "rank")
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Label:
    """What a person said: `answer` is the right one, `ranking` the answers' indices, best first."""

    verdict: Verdict
    answer: str
    ranking: tuple[int, ...] = ()
    labelled_at: str = ""
    labelled_by: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "answer": self.answer,
            "ranking": list(self.ranking),
            "labelled_at": self.labelled_at,
            "labelled_by": self.labelled_by,
        }


@dataclass(frozen=True)
class Item:
    """One question. `values` is its line as it was read, of which only the label is rewritten."""

    question: str
    answers: tuple[str, ...]
    context: tuple[dict[str, str], ...] = ()
    label: Label | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def item_id(self) -> str:
        own = self.values.get("id") or self.values.get("record_id")
        return str(own) if own else fingerprint([list(self.context), self.question])[:16]

    @property
    def is_trained_on(self) -> bool:
        """Of a samples.jsonl: a question that was learnt can't measure a model."""
        return self.values.get("split") == "train"

    @property
    def rejected(self) -> str:
        """The worst of ranked answers; "" where none is ranked below another."""
        ranking = self.label.ranking if self.label else ()
        return self.answers[ranking[-1]] if len(ranking) > 1 else ""

    def labelled(self, label: Label) -> Item:
        return replace(self, label=label)

    def as_line(self) -> str:
        values = {key: value for key, value in self.values.items() if key != "label"}
        if self.label:
            values["label"] = self.label.as_dict()
        return json.dumps(values, ensure_ascii=False)


def read_items(path: Path) -> list[Item]:
    """The questions of a labelling file; ValueError names the line that is none."""
    items, problems = read_usable_items(path)
    if problems:
        raise ValueError(problems[0])
    return items


def read_usable_items(path: Path) -> tuple[list[Item], list[str]]:
    """The questions of a labelling file, and for each line that is none, which and why."""
    items, problems = [], []
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            items.append(read_item(json.loads(line.decode("utf-8"))))
        except UnicodeDecodeError:
            problems.append(f"{path.name}, line {number}: not UTF-8 text")
        except json.JSONDecodeError as error:
            problems.append(f"{path.name}, line {number}: not JSON ({error.msg})")
        except ValueError as error:
            problems.append(f"{path.name}, line {number}: {error}")
    return items, problems


def read_item(values: Any) -> Item:
    """A line's question; ValueError says what is missing or of another kind."""
    if not isinstance(values, dict):
        raise ValueError("not an object with 'question' and 'answers'")
    question = values.get("question")
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"no text in 'question'; it has {', '.join(map(str, values)) or 'no key'}")
    answers = _answers(values)
    context = values.get("context") or []
    if not isinstance(context, list) or not all(map(_is_message, context)):
        raise ValueError("'context' is no list of messages, each with 'role' and 'content'")
    label = _label(values) if values.get("label") is not None else None
    turns = tuple({"role": one["role"], "content": one["content"]} for one in context)
    return Item(question, answers, turns, label, values)


def write_items(path: Path, items: Sequence[Item]) -> None:
    """Write the whole file anew, or leave it as it was: never half of it."""
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(item.as_line() + "\n" for item in items)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            Path(name).chmod(path.stat().st_mode & 0o7777)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _answers(values: dict[str, Any]) -> tuple[str, ...]:
    given = values.get("answers")
    if given is None:
        given = [values[key] for key in OF_SAMPLES if values.get(key) is not None]
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError("'answers' is no list of texts")
    return tuple(dict.fromkeys(one for one in given if one.strip()))


def _label(values: dict[str, Any]) -> Label:
    given = values["label"]
    if not isinstance(given, dict) or given.get("verdict") not in VERDICTS:
        raise ValueError(f"'label' has no 'verdict' of {', '.join(VERDICTS)}")
    answer, ranking = given.get("answer"), given.get("ranking") or []
    if not isinstance(answer, str) or not answer.strip():
        raise ValueError("'label' has no text in 'answer'")
    if not isinstance(ranking, list) or (ranking and not _is_order(ranking, values)):
        raise ValueError(
            f"'label' has a 'ranking' that is no order of the {len(_answers(values))} answers"
        )
    return Label(
        given["verdict"],
        answer,
        tuple(map(int, ranking)),
        str(given.get("labelled_at", "")),
        str(given.get("labelled_by", "")),
    )


def _is_order(ranking: list[Any], values: dict[str, Any]) -> bool:
    """Of all answers, or of those that there were before the serving version's was one."""
    earlier = {name: value for name, value in values.items() if name != OF_SAMPLES[-1]}
    counts = {len(_answers(values)), len(_answers(earlier))}
    return any(sorted(map(str, ranking)) == sorted(map(str, range(n))) for n in counts)


def _is_message(one: Any) -> bool:
    return (
        isinstance(one, dict) and one.get("role") in _ROLES and isinstance(one.get("content"), str)
    )
