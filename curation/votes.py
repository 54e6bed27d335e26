"""Votes on answers: one for each, or each two, where nothing better is known of their question."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from curation.corrections import Identity, identity
from curation.normalisation import comparison_key
from curation.records import Record, SetAside


def count_votes(
    votes: Iterable[Record], known: Iterable[Record], held_out: Iterable[Identity]
) -> tuple[list[Record], list[SetAside]]:
    """A record for each answer that more people found good than bad, or the other way round.

    And one for each two answers to a question of which more people preferred the one.
    `known` are the corrections: an answer to a question that was corrected is no matter of votes.
    What is said of a question in `held_out` would give away what a model is measured with. Returns
    the records, each the newest vote of its side, and what was set aside.
    """
    corrected = {identity(one, record.context) for record in known for one in record.questions}
    measured = set(held_out)
    by_answer: defaultdict[tuple[Identity, frozenset[str]], dict[str, Record]] = defaultdict(dict)
    set_aside: list[SetAside] = []
    for vote in sorted(votes, key=lambda record: (record.created_at, record.source.uri)):
        asked = identity(vote.questions[0], vote.context)
        if asked in corrected:
            set_aside.append(_set_aside(vote, "superseded", "the answer was corrected"))
        elif asked in measured:
            detail = "its question is held out, to measure models with"
            set_aside.append(_set_aside(vote, "held_out", detail))
        else:
            answers = filter(None, (vote.answer, vote.rejected))
            # One that was sent again counts once.
            by_answer[asked, frozenset(map(comparison_key, answers))].setdefault(
                vote.source.uri, vote
            )
    counted = []
    for each in by_answer.values():
        sides = Counter(map(_side, each.values())).most_common()
        if len(sides) == 1 or sides[0][1] > sides[1][1]:
            newest = [vote for vote in each.values() if _side(vote) == sides[0][0]][-1]
            # The better of two answers is not a good one for that.
            counted.append(replace(newest, rating=0) if newest.rejected else newest)
        else:
            set_aside += [_set_aside(vote, "undecided", _tie(vote)) for vote in each.values()]
    return counted, set_aside


def _side(vote: Record) -> str | int:
    """What a vote is for: the better of two answers, or whether the only one is good."""
    return comparison_key(vote.answer) if vote.rejected else vote.rating


def _tie(vote: Record) -> str:
    if vote.rejected:
        return "as many preferred the one answer as the other"
    return "as many found this answer good as bad"


def _set_aside(vote: Record, reason: str, detail: str) -> SetAside:
    return SetAside(reason, detail, vote.source, vote.as_content())
