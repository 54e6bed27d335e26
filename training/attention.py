"""Attention within each of several sequences that lie one after another, without a mask.

transformers would keep packed sequences apart by a mask of all tokens against all: its size and
the work behind it grow with the square of the pack. Here each sequence is attended to by itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface
from transformers.utils.import_utils import is_flash_attn_2_available

PACKED = "packed"


def use_packed_attention(model: PreTrainedModel, device: torch.device, *, is_bf16: bool) -> None:
    """Flash attention where it is installed, else ours in place of sdpa.

    A model that has its own reasons for another implementation keeps it, and masks.
    """
    if model.config._attn_implementation != "sdpa":
        return
    if device.type == "cuda" and is_bf16 and is_flash_attn_2_available():
        model.set_attn_implementation("flash_attention_2")
        return
    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, _no_mask)
    model.set_attn_implementation(PACKED)


def sequence_options(position_ids: torch.Tensor) -> dict[str, Any]:
    """What flash attention and ours need to know of packed `position_ids` (1, tokens)."""
    starts = (position_ids[0] == 0).nonzero()[:, 0]
    end = torch.tensor([position_ids.shape[1]], device=starts.device)
    bounds = torch.cat([starts, end]).to(torch.int32)
    longest = int(bounds.diff().max())
    return {
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


@torch.compiler.disable  # type: ignore[untyped-decorator]
def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """Causal attention of (1, heads, tokens, size) within each sequence; (1, tokens, heads, size).

    `cu_seq_lens_q` (sequences + 1,) is where they begin and end.
    """
    lengths = cu_seq_lens_q.diff().tolist()
    parts = zip(*(torch.split(one, lengths, dim=2) for one in (query, key, value)), strict=True)
    attended = []
    for queries, keys, values in parts:
        mask = _window(queries, sliding_window)
        attended.append(
            scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
        )
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


def _window(queries: torch.Tensor, size: int | None) -> torch.Tensor | None:
    """Each token sees itself and the `size` - 1 before it; None where that is all of them."""
    num_tokens = queries.shape[2]
    if size is None or num_tokens <= size:
        return None
    everything = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=queries.device)
    return everything.tril().triu(1 - size)


def _no_mask(*arguments: object, **options: object) -> None:
    return None
