"""A forward pass over a cache: the decoder's where it knows the model, else transformers'."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from inference_containers.text.cache import Cache, Window
from inference_containers.text.decoder import Decoder, can_decode

# Both add the same numbers up in another order.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
NUM_PROBE_TOKENS = 8

logger = logging.getLogger(__name__)


class Forward(Protocol):
    """Logits of each row's last position, whose keys and values go into the window."""

    device: torch.device

    def new_cache(self) -> Cache: ...

    def __call__(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        window: Window,
        filled: torch.Tensor | None,
    ) -> torch.Tensor: ...


class Transformers:
    """transformers' own forward pass, which knows every architecture."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model, self.device = model, model.device

    def new_cache(self) -> Cache:
        config: Any = self._model.config.get_text_config()
        num_heads = config.num_attention_heads
        num_groups = getattr(config, "num_key_value_heads", None) or num_heads
        head_size = getattr(config, "head_dim", None) or config.hidden_size // num_heads
        like = self._model.get_input_embeddings().weight
        return Cache(config.num_hidden_layers, num_groups, head_size, like)  # type: ignore[arg-type]

    @torch.inference_mode()
    def __call__(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        window: Window,
        filled: torch.Tensor | None,
    ) -> torch.Tensor:
        rows, num_new = input_ids.shape
        earlier = slice(window.start, window.written)
        read = [(keys[..., earlier, :], values[..., earlier, :]) for keys, values in window.layers]
        if filled is None:
            columns = window.end - window.start
            filled = torch.ones(rows, columns, dtype=torch.bool, device=self.device)
        output = self._model(
            input_ids=input_ids,
            attention_mask=filled.long(),
            position_ids=positions,
            past_key_values=DynamicCache(read if window.written > window.start else None),
            use_cache=True,
            logits_to_keep=1,
        )
        for index, layer in enumerate(output.past_key_values.layers):
            window.put(index, layer.keys[:, :, -num_new:], layer.values[:, :, -num_new:])
        logits: torch.Tensor = output.logits[:, -1]
        return logits


def make_forward(model: PreTrainedModel) -> Forward:
    """The fastest one that says what transformers says; both are asked, so the model has run.

    ValueError where what the model predicts are not numbers.
    """
    slow = Transformers(model)
    expected = _probe(slow)
    if not expected.isfinite().all():
        raise ValueError("the model's predictions are not numbers: its weights are damaged")
    if not can_decode(model):
        logger.info("transformers' own forward pass serves this model, which is slower")
        return slow
    decoder = Decoder(model)
    difference = float((_probe(decoder) - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE.get(model.dtype, 0.0):
        logger.warning(
            "the decoder is off by %.2g for this model: transformers' own serves it, more slowly",
            difference,
        )
        return slow
    return decoder


def _probe(forward: Forward) -> torch.Tensor:
    """The logits after a few tokens, and after one more: of a prompt, and of a step."""
    cache, device = forward.new_cache(), forward.device
    input_ids = torch.arange(NUM_PROBE_TOKENS, device=device)[None]
    prompt = forward(input_ids, input_ids, cache.open_new(1, NUM_PROBE_TOKENS), None)
    cache.add([NUM_PROBE_TOKENS])
    next_one = torch.full((1, 1), NUM_PROBE_TOKENS, device=device)
    return torch.cat([prompt, forward(next_one, next_one, cache.open_step(), None)]).float()
