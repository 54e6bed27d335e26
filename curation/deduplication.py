"""Finds records that say the same, exactly or nearly, or answer one question in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from curation.normalisation import comparison_key
from curation.records import Record, SetAside, shown
from curation.sameness import Wording, ask_the_same, say_the_same
from meguru.names import day_of_raw_key

# A question with so many near it is a form letter's; what is like none of them is another one.
MAX_COMPARED = 50


class Entry:
    """A record as it is compared.

    `day` (ISO 8601) is when it arrived, "" where its key doesn't say; `since` the day from which on
    its answer has been given without another one in between.
    """

    def __init__(self, record: Record) -> None:
        day = day_of_raw_key(record.source.uri)
        self.record, self.day = record, day.isoformat() if day else ""
        self.since, self._has_changed = self.day, False
        self.answer_key = comparison_key(record.answer)
        self.scope = self._scope()
        self.question_keys = [(self.scope, comparison_key(one)) for one in record.questions]

    def _scope(self) -> Hashable:
        """What two records have in common that may ask the same: the turns before the question.

        What says how good an answer is is the same only if it is about the same answers.
        """
        turns = tuple((one["role"], comparison_key(one["content"])) for one in self.record.context)
        if not self.record.is_judged:
            return turns
        return turns, self.answer_key, comparison_key(self.record.rejected), self.record.rating

    @cached_property
    def question(self) -> Wording:
        return Wording(self.record.questions[0])

    @cached_property
    def answer(self) -> Wording:
        return Wording(self.record.answer)

    def answers_as(self, other: Entry) -> bool:
        return self.answer_key == other.answer_key or say_the_same(self.answer, other.answer)

    def is_newer_than(self, other: Entry) -> bool:
        return bool(self.day and other.day) and self.day > other.day

    def see_older(self, other: Entry, is_same: bool) -> None:
        self._has_changed |= not is_same
        if is_same and other.day and not self._has_changed:
            self.since = other.day


def deduplicate(records: Iterable[Record]) -> tuple[list[Record], list[SetAside]]:
    """Keep the newest record of each question, of those as new the first; set the others aside.

    An exact or near duplicate asks the same and answers the same. Of two answers to one question
    the one of the later day counts, and the other is superseded; where the days are the same or
    not known it is a conflict: a person has to say which is right. A further phrasing that another
    record has is left to that one. `created_at` of what is kept is the day its answer dates from.
    """
    known = KnownRecords()
    kept: list[Entry] = []
    set_aside: list[SetAside] = []
    for entry in sorted(map(Entry, records), key=lambda entry: entry.day, reverse=True):
        if (same := known.with_question(entry)) is not None:
            is_same = entry.answers_as(same)
            same.see_older(entry, is_same)
            set_aside.append(_duplicate(entry, same) if is_same else _otherwise(entry, same))
        elif (same := known.with_answer(entry)) is not None:
            same.see_older(entry, is_same=True)
            set_aside.append(_duplicate(entry, same))
        elif (newer := known.with_phrasing(entry)) is not None:
            newer.see_older(entry, is_same=False)
            set_aside.append(_otherwise(entry, newer))
        else:
            set_aside += known.leave_phrasings(entry)
            known.add(entry)
            kept.append(entry)
    return [replace(entry.record, created_at=entry.since) for entry in kept], set_aside


class KnownRecords:
    """The records kept so far, for finding one that says the same."""

    def __init__(self) -> None:
        self._by_question: dict[Hashable, Entry] = {}
        self._near: defaultdict[Hashable, list[Entry]] = defaultdict(list)

    def add(self, entry: Entry) -> None:
        for key in entry.question_keys:
            self._by_question.setdefault(key, entry)
        for near in (*_question_keys(entry), _answer_key(entry)):
            if len(self._near[near]) < MAX_COMPARED:
                self._near[near].append(entry)

    def with_question(self, entry: Entry) -> Entry | None:
        """The one that asks the same, in these words or nearly."""
        if (known := self._by_question.get(entry.question_keys[0])) is not None:
            return known
        for key in _question_keys(entry):
            for near in self._near.get(key, ()):
                if say_the_same(entry.question, near.question):
                    return near
        return None

    def with_answer(self, entry: Entry) -> Entry | None:
        """The one that has the very answer, and whose question is about the same."""
        for near in self._near.get(_answer_key(entry), ()):
            if ask_the_same(entry.question, near.question):
                return near
        return None

    def with_phrasing(self, entry: Entry) -> Entry | None:
        """The newer one that is all about what `entry` also asks, and answers it otherwise."""
        for key in entry.question_keys:
            known = self._by_question.get(key)
            if known and known.question_keys[0] == key and known.is_newer_than(entry):
                return None if entry.answers_as(known) else known
        return None

    def leave_phrasings(self, entry: Entry) -> list[SetAside]:
        """Take from `entry` the phrasings of others; returns those that are answered otherwise."""
        own, otherwise = [], []
        for question, key in zip(entry.record.questions, entry.question_keys, strict=True):
            known = self._by_question.get(key)
            if known is None:
                own.append(question)
            elif not entry.answers_as(known):
                alone = Entry(replace(entry.record, questions=(question,)))
                otherwise.append(_otherwise(alone, known))
        entry.record = replace(entry.record, questions=tuple(own))
        return otherwise


def _question_keys(entry: Entry) -> Iterator[Hashable]:
    if entry.question.content:
        yield "words", entry.scope, entry.question.content_key
    if entry.question.written:
        yield "written", entry.scope, entry.question.written


def _answer_key(entry: Entry) -> Hashable:
    return "answer", entry.scope, entry.answer_key, entry.question.subject_key


def _duplicate(entry: Entry, kept: Entry) -> SetAside:
    asks_the_same = entry.question_keys[0] in kept.question_keys
    is_exact = asks_the_same and entry.answer_key == kept.answer_key
    detail = f"says the same as {_named(kept)}, which is kept"
    return _set_aside("exact_duplicate" if is_exact else "near_duplicate", detail, entry)


def _otherwise(entry: Entry, kept: Entry) -> SetAside:
    answer = shown(kept.record.answer)
    if kept.is_newer_than(entry):
        detail = f"{_named(kept)} of {kept.day} is newer than {entry.day} and says: {answer}"
        return _set_aside("superseded", detail, entry)
    detail = (
        f"{_named(kept)} says otherwise and is kept: {answer}; neither is newer by the day in its "
        "key, so correct or delete the wrong one"
    )
    return _set_aside("conflicting_answer", detail, entry)


def _named(entry: Entry) -> str:
    return f"'{shown(entry.record.questions[0])}' in {entry.record.source.uri}"


def _set_aside(reason: str, detail: str, entry: Entry) -> SetAside:
    return SetAside(reason, detail, entry.record.source, entry.record.as_content())
