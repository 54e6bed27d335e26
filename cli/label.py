"""Labelling in the terminal: a person accepts, corrects or ranks answers, one by one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cli.account import Account
from meguru.labels import Item, Label, Verdict, read_items, write_items
from meguru.names import LABELS_PREFIX

HELP = (
    "a or a number: accept that answer · c: correct it · r 2 1 …: rank, best first · "
    "s: skip · b: back · q: quit (what is labelled is kept)"
)
Ask = Callable[[str], str]
Tell = Callable[[str], None]


class Quit(Exception):
    """The person wants to stop."""


class Labelling:
    """One session over a labelling file, which is written anew after every label.

    `ask` shows a prompt and gives what is typed (EOFError at its end), `tell` shows a line.
    """

    def __init__(self, path: Path, labeller: str, ask: Ask, tell: Tell) -> None:
        self._path, self._labeller, self._ask, self._tell = path, labeller, ask, tell
        self.items = read_items(path)
        if not self.items:
            raise ValueError(
                f"{path} has no question: write one JSON object a line, with 'question'"
            )

    @property
    def num_labelled(self) -> int:
        return sum(item.label is not None for item in self.items)

    def run(self) -> None:
        """Go through what has no label yet, until nothing is left or the person quits."""
        waiting = [
            index
            for index, item in enumerate(self.items)
            if item.label is None and not item.is_trained_on
        ]
        if waiting:
            self._tell(HELP)
        at = 0
        try:
            while at < len(waiting):
                self._show(waiting[at])
                at = max(0, at + self._decide(waiting[at]))
        except (Quit, EOFError):
            pass

    def _show(self, index: int) -> None:
        item = self.items[index]
        self._tell(f"\n{index + 1} of {len(self.items)}, {self.num_labelled} labelled")
        for turn in item.context:
            self._tell(f"  {turn['role']}: {printable(turn['content'])}")
        self._tell(f"  question: {printable(item.question)}")
        for number, answer in enumerate(item.answers, 1):
            self._tell(f"  {number}: {printable(answer)}")
        if not item.answers:
            self._tell("  (no answer yet: c to write the right one)")

    def _decide(self, index: int) -> int:
        """Ask until the answer means something; how many questions to go on from here."""
        item = self.items[index]
        while True:
            word, *rest = self._ask("label").split() or [""]
            word = unicodedata.normalize("NFKC", word).lower()
            if word in ("q", "quit"):
                raise Quit
            if word in ("s", "skip"):
                return 1
            if word in ("b", "back"):
                return -1
            try:
                label = self._label(item, word, rest)
            except ValueError as error:
                self._tell(f"  {error}")
                continue
            self.items[index] = item.labelled(label)
            write_items(self._path, self.items)
            return 1

    def _label(self, item: Item, word: str, rest: list[str]) -> Label:
        """ValueError says what to type instead."""
        if word in ("c", "correct"):
            return self._made("correct", self._right_answer())
        if word in ("r", "rank"):
            ranking = read_ranking(rest, len(item.answers))
            return self._made("rank", item.answers[ranking[0]], ranking)
        if word in ("a", "accept"):
            if len(item.answers) != 1:
                raise ValueError(
                    f"there are {len(item.answers)} answers: type the right one's number"
                )
            word = "1"
        if word.isdecimal() and 1 <= int(word) <= len(item.answers):
            return self._made("accept", item.answers[int(word) - 1])
        raise ValueError(HELP)

    def _right_answer(self) -> str:
        answer = self._ask("the right answer").strip()
        if not answer:
            raise ValueError("nothing was written: c again, or s to skip")
        return answer

    def _made(self, verdict: Verdict, answer: str, ranking: tuple[int, ...] = ()) -> Label:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Label(verdict, answer, ranking, now, self._labeller)


def read_ranking(words: list[str], count: int) -> tuple[int, ...]:
    """Indices, best first, of the numbers from 1 that were typed; ValueError if it is none."""
    if count < 2:
        raise ValueError("there is only one answer to rank: accept or correct it")
    numbers = [int(word) - 1 for word in words if word.isdecimal()]
    if len(numbers) != len(words) or sorted(numbers) != list(range(count)):
        raise ValueError(f"rank all {count} answers once, best first: r 2 1 and so on")
    return tuple(numbers)


def printable(text: str) -> str:
    """Text that can't move the terminal's cursor or change its colours: answers are anybody's."""
    return "".join(
        one if one in "\n\t\u200d" or unicodedata.category(one) not in ("Cc", "Cf", "Cs") else "�"
        for one in text
    )


def put_labels(account: Account, path: Path) -> str:
    """Put a labelling file into the lake, where the next evaluation reads it; its key."""
    if path.suffix != ".jsonl":
        raise ValueError(f"{path.name}: the evaluation reads files whose names end in .jsonl")
    key = LABELS_PREFIX + path.name
    account.client("s3").put_object(
        Bucket=account.outputs["LakeBucket"], Key=key, Body=path.read_bytes()
    )
    return key
