"""Rows as examples: what none can be made of is set aside, by its name."""

from __future__ import annotations

from dataclasses import dataclass

from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.example import Example, encode_row
from meguru.limits import TooLong


@dataclass(frozen=True)
class Refused:
    """A row whose conversation the model's chat template doesn't take."""

    record_id: str
    source_uri: str
    reason: str


SetAside = TooLong | Refused


def encode(encoder: ChatEncoder, row: Row, context_tokens: int) -> Example | SetAside:
    """`row` for the model, with as much of its context as fits into `context_tokens`."""
    try:
        return encode_row(encoder, row, context_tokens)
    except ValueError as error:
        return Refused(row.record_id, row.source_uri, str(error))


def why_none(set_aside: list[SetAside], context_tokens: int) -> str:
    """What to say where every row was set aside."""
    if refused := [one for one in set_aside if isinstance(one, Refused)]:
        return f"no record of the dataset can be learnt; of {refused[0].record_id}: " + (
            refused[0].reason
        )
    shortest = min((one.num_tokens for one in set_aside if isinstance(one, TooLong)), default=0)
    return (
        f"no record of the dataset fits max_position_embeddings={context_tokens}; "
        f"the shortest has {shortest} tokens"
    )
