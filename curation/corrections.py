"""Feedback's corrections take their place among the documents' records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curation.normalisation import comparison_key
from curation.records import Record, SetAside, Source, shown
from meguru.limits import Message

Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Correction:
    """A record as corrected: `corrects` is the document it takes the answer's place in, if any."""

    record: Record
    corrects: Source | None


def apply_corrections(
    documents: list[Record], corrections: list[Record]
) -> tuple[list[Record], list[Correction], list[SetAside]]:
    """Hold each correction against the documents.

    A question after other turns is another one than the same words alone. Of several corrections
    of one question the newest counts. A document that has the question is set aside, and its other
    phrasings get the corrected answer: they ask for the same. Where several of its phrasings were
    corrected, each has its own answer, and the others get the newest. A document whose answer is of
    a later day (UTC) than the correction, and another, counts for more than the correction. What
    says how good an answer is stays as it is. Returns the documents left, the corrections, and what
    was set aside.
    """
    newest, set_aside = _newest(corrections)
    by_question = {
        identity(question, document.context): document
        for document in documents
        if not document.is_judged
        for question in document.questions
    }
    applied: list[Correction] = []
    replaced: set[int] = set()
    # The newest comes first and takes the phrasings no other correction is of.
    for key, correction in reversed(newest.items()):
        document = by_question.get(key)
        if document is None:
            applied.append(Correction(correction, None))
            continue
        if _is_answered_anew(document, correction):
            set_aside.append(_outdated(correction, document))
            continue
        questions = correction.questions
        if id(document) not in replaced:
            replaced.add(id(document))
            set_aside.append(_superseded(document, correction))
            questions += tuple(
                phrasing
                for phrasing in document.questions
                if _is_corrected_by(identity(phrasing, document.context), key, newest)
            )
        record = replace(
            correction,
            questions=tuple(dict.fromkeys(questions)),
            train_turns=document.train_turns,
        )
        applied.append(Correction(record, document.source))
    left = [document for document in documents if id(document) not in replaced]
    return left, applied, set_aside


def _is_corrected_by(
    phrasing: Identity, correction: Identity, newest: dict[Identity, Record]
) -> bool:
    return phrasing == correction or phrasing not in newest


def _is_answered_anew(document: Record, correction: Record) -> bool:
    """Whether the document's answer is newer: the same file put again is the answer corrected."""
    is_later = document.created_at > correction.created_at[: len("2026-11-22")]
    return is_later and comparison_key(document.answer) != comparison_key(correction.answer)


def identity(question: str, context: Sequence[Message] = ()) -> Identity:
    """What two questions have in common that ask the same: the turns before them, and the words."""
    turns = ((message["role"], comparison_key(message["content"])) for message in context)
    return (*turns, ("user", comparison_key(question)))


def _newest(corrections: list[Record]) -> tuple[dict[Identity, Record], list[SetAside]]:
    newest: dict[Identity, Record] = {}
    set_aside: list[SetAside] = []
    seen: set[str] = set()
    for correction in sorted(
        corrections, key=lambda record: (record.created_at, record.source.uri)
    ):
        if correction.source.uri in seen:
            continue
        seen.add(correction.source.uri)
        key = identity(correction.questions[0], correction.context)
        if key in newest:
            set_aside.append(_superseded(newest.pop(key), correction))
        newest[key] = correction
    return newest, set_aside


def _superseded(record: Record, correction: Record) -> SetAside:
    detail = f"corrected by feedback {correction.source.uri}"
    if correction.created_at:
        detail += f" of {correction.created_at[:10]}"
    return _set_aside(detail, record)


def _outdated(correction: Record, document: Record) -> SetAside:
    detail = (
        f"{document.source.uri} answers otherwise since {document.created_at}, which is after "
        f"the correction of {correction.created_at[:10]}: {shown(document.answer)}"
    )
    return _set_aside(detail, correction)


def _set_aside(detail: str, record: Record) -> SetAside:
    return SetAside("superseded", detail, record.source, record.as_content())
