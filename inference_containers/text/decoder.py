"""A Llama-shaped model's forward pass, with a third of the steps that transformers takes for it.

On a CPU the model's own arithmetic is mostly not what takes the time: it is the Python between the
operations, and matrix products whose weights are laid out anew at every call. docs/adr/0036.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from inference_containers.text.cache import Cache, Window

# Root mean square norms, rotary positions, a gated SiLU, and nothing else.
MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
# Of the others the frequencies hang on the length of the text.
ROTARY_TYPES = ("default", "linear", "llama3", "yarn")

# Elements of a weight so small that for one row oneDNN's own overhead is what counts.
MOST_KEPT_TWICE = 2**18
HAS_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

Linear = Callable[[torch.Tensor], torch.Tensor]


def can_decode(model: PreTrainedModel) -> bool:
    """Whether `Decoder` knows the architecture of `model`, in all that its config may say."""
    config: Any = model.config
    rotary = getattr(config, "rope_parameters", None) or {}
    layer_types = getattr(config, "layer_types", None) or ["full_attention"]
    sliding = getattr(config, "sliding_window", None) is not None and (
        config.model_type == "mistral" or "sliding_attention" in layer_types
    )
    return (
        config.model_type in MODEL_TYPES
        and config.hidden_act == "silu"
        and rotary.get("rope_type", "default") in ROTARY_TYPES
        and not sliding
        and getattr(model, "hf_quantizer", None) is None
    )


class Decoder:
    """Weights of one model, laid out for few and fast steps."""

    def __init__(self, model: PreTrainedModel) -> None:
        config: Any = model.config
        inner: Any = model.model
        self._embedding = inner.embed_tokens.weight
        self.device = self._embedding.device
        self._eps = config.rms_norm_eps
        self._num_heads = config.num_attention_heads
        self._num_groups = config.num_key_value_heads
        self._layers = [Layer(layer) for layer in inner.layers]
        self._head_size = inner.layers[0].self_attn.head_dim
        self._norm = inner.norm.weight
        self._head = linear(model.get_output_embeddings())  # type: ignore[no-untyped-call]
        positions = torch.arange(config.max_position_embeddings, device=self.device)[None]
        cosine, sine = inner.rotary_emb(self._embedding, positions)
        half = self._head_size // 2
        self._cosine = cosine[0][:, None]
        # With the sign of the half that is rotated: x * cosine + roll(x) * sine.
        self._sine = torch.cat([-sine[0, :, :half], sine[0, :, half:]], dim=-1)[:, None]

    def new_cache(self) -> Cache:
        return Cache(len(self._layers), self._num_groups, self._head_size, self._embedding)

    @torch.inference_mode()
    def __call__(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        window: Window,
        filled: torch.Tensor | None,
    ) -> torch.Tensor:
        """Logits of each row's last position (rows, vocabulary).

        `input_ids` and `positions` are (rows, new columns). `filled` (rows, columns) is False for
        the padding in front of a row, and None where there is none.
        """
        mask = None if filled is None else scores_mask(filled, input_ids.shape[1], self._embedding)
        hidden = functional.embedding(input_ids, self._embedding)
        cosine, sine = self._cosine[positions], self._sine[positions]
        for index, layer in enumerate(self._layers):
            attended = self._attend(layer, index, hidden, cosine, sine, window, mask)
            hidden = hidden + layer.out(attended)
            normed = functional.rms_norm(hidden, (hidden.shape[-1],), layer.mlp_norm, self._eps)
            gate, up = layer.gate_up(normed).chunk(2, dim=-1)
            hidden = hidden + layer.down(functional.silu(gate) * up)
        last = functional.rms_norm(hidden[:, -1], (hidden.shape[-1],), self._norm, self._eps)
        return self._head(last)

    def _attend(
        self,
        layer: Layer,
        index: int,
        hidden: torch.Tensor,
        cosine: torch.Tensor,
        sine: torch.Tensor,
        window: Window,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        rows, columns, size = hidden.shape
        normed = functional.rms_norm(hidden, (size,), layer.attention_norm, self._eps)
        heads = layer.qkv(normed).view(rows, columns, -1, self._head_size)
        sizes = [self._num_heads + self._num_groups, self._num_groups]
        rotated, values = torch.split(heads, sizes, 2)
        if layer.head_norms:
            parts = torch.split(rotated, [self._num_heads, self._num_groups], 2)
            normed_parts = [
                functional.rms_norm(part, (self._head_size,), weight, self._eps)
                for part, weight in zip(parts, layer.head_norms, strict=True)
            ]
            rotated = torch.cat(normed_parts, dim=2)
        half = self._head_size // 2
        rotated = torch.addcmul(rotated * cosine, rotated.roll(half, -1), sine).transpose(1, 2)
        window.put(index, rotated[:, self._num_heads :], values.transpose(1, 2))
        keys, values = window.get(index)
        queries = rotated[:, : self._num_heads]
        if columns == 1:
            # A group's heads share keys and values: to the attention they are a group of queries.
            queries = queries.reshape(rows, self._num_groups, -1, self._head_size)
            attended = functional.scaled_dot_product_attention(queries, keys, values, mask)
            return attended.reshape(rows, 1, -1)
        repeats = self._num_heads // self._num_groups
        keys, values = (one.repeat_interleave(repeats, dim=1) for one in (keys, values))
        attended = functional.scaled_dot_product_attention(
            queries, keys, values, mask, is_causal=mask is None
        )
        return attended.transpose(1, 2).reshape(rows, columns, -1)


def scores_mask(filled: torch.Tensor, num_new: int, like: torch.Tensor) -> torch.Tensor:
    """What is added to attention's scores (rows, 1, new columns, columns): 0 or minus infinity."""
    columns = torch.arange(filled.shape[1], device=filled.device)
    new = columns[-num_new:, None]
    # Padding sees itself: a row of nothing but minus infinities would be one of NaN.
    seen = filled[:, None] & (columns <= new) | (columns == new)
    return like.new_zeros(len(filled), 1, *seen.shape[1:]).masked_fill_(~seen[:, None], -torch.inf)


class Layer:
    """One decoder layer's weights: three products in one, and two in one."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.qkv = linear(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = linear(attention.o_proj)
        self.gate_up = linear(mlp.gate_proj, mlp.up_proj)
        self.down = linear(mlp.down_proj)
        self.attention_norm = layer.input_layernorm.weight
        self.mlp_norm = layer.post_attention_layernorm.weight
        named = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
        self.head_norms = [norm.weight for norm in named if norm is not None]


def linear(*modules: nn.Linear) -> Linear:
    """One product for several modules that read the same: their outputs, one after the other."""
    weight = torch.cat([one.weight.detach() for one in modules])
    biases = [one.bias.detach() for one in modules if one.bias is not None]
    bias = torch.cat(biases) if biases else None
    is_intel = platform.machine() in ("x86_64", "AMD64")
    if weight.device.type != "cpu" or not is_intel or not HAS_ONEDNN:
        return lambda hidden: functional.linear(hidden, weight, bias)
    # In oneDNN's own layout: two to three times as fast for 8 and more rows as without. torch
    # has the operation for its compiler; `to_mkldnn` on a module is the same with copies.
    packed = torch.ops.mkldnn._reorder_linear_weight(weight)
    multiply = torch.ops.mkldnn._linear_pointwise.default
    if weight.numel() > MOST_KEPT_TWICE:
        return lambda hidden: multiply(hidden, packed, bias, "none", [], "")

    def multiply_one_or_many(hidden: torch.Tensor) -> torch.Tensor:
        if hidden.numel() == hidden.shape[-1]:
            return functional.linear(hidden, weight, bias)
        product: torch.Tensor = multiply(hidden, packed, bias, "none", [], "")
        return product

    return multiply_one_or_many
