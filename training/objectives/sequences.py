"""Token sequences as a batch, padded or packed, and the logits of those of their tokens that count.

Packed, sequences lie one after another in one row, and nothing is padded. Each begins at position
0, by which transformers keeps attention within it: by lengths in flash attention and in ours, by a
mask of blocks in any other (`find_packed_sequence_indices` of its 5.19).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout
from transformers import PreTrainedModel

from meguru.example import IGNORED
from training.attention import sequence_options

__all__ = [
    "IGNORED",
    "Batch",
    "TokensAndLabels",
    "answer_logits",
    "check_logits",
    "collate",
    "log_probs",
]

Batch = dict[str, torch.Tensor]
# Token ids, and for each its label: its own id where it is to be learnt, else IGNORED.
TokensAndLabels = tuple[list[int], list[int]]


def collate(sequences: Sequence[TokensAndLabels], pad_token_id: int, *, packing: bool) -> Batch:
    """`input_ids`, `labels` and `sequence` (which one a token is of), each (rows, tokens) int64.

    `num_counted` (sequences,) is how many tokens of each have a label. Packed, there is one row,
    and `position_ids` begin anew with each sequence; else each sequence is a row, padded on the
    right.
    """
    counted = [sum(label != IGNORED for label in labels) for _, labels in sequences]
    batch = _packed(sequences) if packing else _padded(sequences, pad_token_id)
    return {**batch, "num_counted": torch.tensor(counted)}


def _padded(sequences: Sequence[TokensAndLabels], pad_token_id: int) -> Batch:
    size = (len(sequences), max(len(tokens) for tokens, _ in sequences))
    input_ids, labels = torch.full(size, pad_token_id), torch.full(size, IGNORED)
    for row, (tokens, learnt) in enumerate(sequences):
        input_ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, : len(tokens)] = torch.tensor(learnt)
    sequence = torch.arange(len(sequences))[:, None].expand(size)
    return {"input_ids": input_ids, "labels": labels, "sequence": sequence}


def _packed(sequences: Sequence[TokensAndLabels]) -> Batch:
    lengths = torch.tensor([len(tokens) for tokens, _ in sequences])
    return {
        "input_ids": torch.tensor([[one for tokens, _ in sequences for one in tokens]]),
        "labels": torch.tensor([[one for _, labels in sequences for one in labels]]),
        "sequence": torch.arange(len(sequences)).repeat_interleave(lengths)[None],
        "position_ids": torch.cat([torch.arange(int(length)) for length in lengths])[None],
    }


def answer_logits(
    model: PreTrainedModel, batch: Batch, dropout_share: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits (counted, vocabulary) float32, labels and sequences (counted,) of what counts.

    Padding is on the right and attention is causal, so no token sees padding. Only positions that
    count are projected to the vocabulary.
    """
    embedding: nn.Module = model.get_input_embeddings()
    inputs = dropout(embedding(batch["input_ids"]), dropout_share, model.training)
    options: dict[str, Any] = {}
    if "position_ids" in batch:
        options = {"position_ids": batch["position_ids"], **sequence_options(batch["position_ids"])}
    hidden = model.base_model(inputs_embeds=inputs, use_cache=False, **options).last_hidden_state
    labels = batch["labels"][:, 1:]
    counted = labels != IGNORED
    logits = project(model, hidden[:, :-1][counted])
    return logits, labels[counted], batch["sequence"][:, 1:][counted]


def log_probs(model: PreTrainedModel, batch: Batch, dropout_share: float = 0.0) -> torch.Tensor:
    """Each sequence's summed log-probability of the tokens that count, (sequences,) float32."""
    logits, labels, sequence = answer_logits(model, batch, dropout_share)
    each = -cross_entropy(logits, labels, reduction="none")
    return each.new_zeros(len(batch["num_counted"])).index_add(0, sequence, each)


def project(model: PreTrainedModel, hidden: torch.Tensor) -> torch.Tensor:
    """The model's logits of these hidden states, in float32."""
    head: nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    logits: torch.Tensor = head(hidden).float()
    cap = getattr(model.config, "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


@torch.no_grad()
def check_logits(model: PreTrainedModel) -> None:
    """ValueError where a model makes its logits in another way than `project` does."""
    ids = torch.arange(min(8, int(model.config.vocab_size)), device=model.device)[None]
    own = model(input_ids=ids, use_cache=False).logits.float()
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    if not torch.allclose(project(model, hidden), own, rtol=1e-2, atol=1e-2):
        raise ValueError(
            f"{type(model).__name__} can't be trained: it makes its logits in a way of its own"
        )
