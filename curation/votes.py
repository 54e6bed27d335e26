"""Votes on single answers: one for each answer, where nothing better is known of its question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from curation.corrections import Identity, identity
from curation.normalisation import comparison_key
from curation.records import Record, SetAside


def count_votes(
    votes: Iterable[Record], known: Iterable[Record], held_out: Iterable[Identity]
) -> tuple[list[Record], list[SetAside]]:
    """A record for each answer that more people found good than bad, or the other way round.

    `known` are the corrections: an answer to a question that was corrected is no matter of votes.
    What is said of a question in `held_out` would give away what a model is measured with. Returns
    the records, each the newest vote of its side, and what was set aside.
    """
    corrected = {identity(one, record.context) for record in known for one in record.questions}
    measured = set(held_out)
    by_answer: defaultdict[tuple[Identity, str], dict[str, Record]] = defaultdict(dict)
    set_aside: list[SetAside] = []
    for vote in sorted(votes, key=lambda record: (record.created_at, record.source.uri)):
        asked = identity(vote.questions[0], vote.context)
        if asked in corrected:
            set_aside.append(_set_aside(vote, "superseded", "the answer was corrected"))
        elif asked in measured:
            detail = "its question is held out, to measure models with"
            set_aside.append(_set_aside(vote, "held_out", detail))
        else:
            # One that was sent again counts once.
            by_answer[asked, comparison_key(vote.answer)].setdefault(vote.source.uri, vote)
    counted = []
    for each in by_answer.values():
        total = sum(vote.rating for vote in each.values())
        if total:
            rating = 1 if total > 0 else -1
            newest = [vote for vote in each.values() if vote.rating == rating][-1]
            counted.append(replace(newest, rating=rating))
        else:
            detail = "as many found this answer good as bad"
            set_aside += [_set_aside(vote, "undecided", detail) for vote in each.values()]
    return counted, set_aside


def _set_aside(vote: Record, reason: str, detail: str) -> SetAside:
    return SetAside(reason, detail, vote.source, vote.as_content())
