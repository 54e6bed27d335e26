"""The encoder at work: token ids of several texts become a vector each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from inference_containers.embedding.load import LoadedEncoder

Vectors = NDArray[np.float32]


@torch.inference_mode()
def encode(loaded: LoadedEncoder, texts: Sequence[Sequence[int]]) -> Vectors:
    """One row a text, in order: (texts, dimensions). They are padded to the longest."""
    longest = max(len(ids) for ids in texts)
    input_ids = torch.full((len(texts), longest), loaded.pad_token_id)
    mask = torch.zeros((len(texts), longest), dtype=torch.long)
    for row, ids in enumerate(texts):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    input_ids, mask = input_ids.to(loaded.device), mask.to(loaded.device)
    states = loaded.model(input_ids=input_ids, attention_mask=mask).last_hidden_state
    if loaded.settings.pooling == "cls":
        pooled = states[:, 0]
    else:
        weights = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(1) / weights.sum(1)
    if loaded.settings.normalise:
        pooled = torch.nn.functional.normalize(pooled, dim=-1)
    vectors: Vectors = pooled.cpu().numpy()
    return vectors


def shorten(vectors: Vectors, dimensions: int) -> Vectors:
    """The first `dimensions` numbers of each, of length 1 again."""
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    return (cut / np.where(lengths > 0, lengths, 1)).astype(np.float32)
