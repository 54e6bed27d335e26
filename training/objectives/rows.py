"""What to say where no example can be made of any row."""

from __future__ import annotations

from meguru.limits import Refused, SetAside, TooLong


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
