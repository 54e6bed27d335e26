"""Which conversations are held out, to measure with: the same ones however many others come."""

from __future__ import annotations

from collections.abc import Iterable

from curation.normalisation import comparison_key
from curation.records import Record
from meguru.fingerprint import fingerprint

# One in ten; of many, half as many as often as it takes to be no more than can be measured.
SHARE, MAX_HELD_OUT = 0.1, 1_000
# Of so many at least one is held out.
MIN_CONVERSATIONS = 10


def places_to_hold_out(records: Iterable[Record]) -> frozenset[str]:
    """The places of those conversations among the records that no training may see.

    Those that begin alike have one place, so that no part of a held-out one is learnt with another.
    As their number grows a place may come to be learnt, but none that was learnt is held out, but
    for where the only one was deleted.
    """
    places = {place_of(record) for record in records if record.is_conversation}
    share = SHARE
    while share * len(places) > MAX_HELD_OUT:
        share /= 2
    held_out = {place for place in places if int(place[:8], 16) < share * 2**32}
    if not held_out and len(places) >= MIN_CONVERSATIONS:
        held_out = {min(places)}
    return frozenset(held_out)


def place_of(record: Record) -> str:
    """Where a conversation stands in an order of chance: by what the user said first."""
    return fingerprint(comparison_key(record.first_question))
