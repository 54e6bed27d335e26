"""Asking one provider all questions: what fails costs that question, and no other provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cli.compare.reply import Client, NoReply, Reply
from evaluation.metrics import Sample
from meguru.dataset_version import Row
from meguru.limits import Message

# A provider that is down must not cost a timeout for each of a thousand questions.
MAX_FAILURES_IN_A_ROW = 5


@dataclass(frozen=True)
class Answered:
    """What a provider answered, with each question; why it didn't answer others; and how often."""

    name: str
    answers: list[tuple[Row, Reply]] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def samples(self) -> list[Sample]:
        return [Sample(row, reply.text) for row, reply in self.answers]

    @property
    def num_failed(self) -> int:
        return sum(self.reasons.values())


def ask_all(
    name: str,
    connect: Callable[[], Client],
    rows: Sequence[Row],
    system: str = "",
    at_once: int = 1,
) -> Answered:
    """Ask each question, `at_once` at a time, until the provider can't answer any."""
    try:
        client = connect()
    except NoReply as error:
        return Answered(name, reasons={str(error): len(rows)})

    def ask(row: Row) -> Reply | NoReply:
        try:
            return client.ask(conversation(row, system))
        except NoReply as error:
            return error

    answers: list[tuple[Row, Reply]] = []
    reasons: Counter[str] = Counter()
    failures = 0
    with ThreadPoolExecutor(at_once) as threads:
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            for row, reply in zip(some, threads.map(ask, some), strict=True):
                if isinstance(reply, Reply):
                    failures = 0
                    answers.append((row, reply))
                else:
                    failures += MAX_FAILURES_IN_A_ROW if reply.is_final else 1
                    reasons[str(reply)] += 1
            left = len(rows) - start - len(some)
            if left and failures >= MAX_FAILURES_IN_A_ROW:
                reasons["not asked any more"] += left
                break
    return Answered(name, answers, dict(reasons))


def conversation(row: Row, system: str) -> list[Message]:
    """What is asked: the turns before the question and the question, after the system message."""
    turns = [one for one in row.messages[:-1] if not (system and one["role"] == "system")]
    return [{"role": "system", "content": system}, *turns] if system else turns
