"""How a step is computed: in which numbers, what is kept for the backward pass, and compiled."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from meguru.hyperparameters import Hyperparameters
from training.attention import use_packed_attention


def uses_bf16(settings: Hyperparameters, device: torch.device) -> bool:
    """Whether matrices are multiplied in bf16: on a CPU it is many times slower than fp32."""
    return settings.precision == "bf16" or (settings.precision == "auto" and device.type == "cuda")


def autocast(settings: Hyperparameters, device: torch.device) -> torch.autocast:
    """The context of a forward pass."""
    return torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(settings, device))


def weights_dtype(settings: Hyperparameters, device: torch.device) -> torch.dtype:
    """What the model is kept in: weights that are trained need fp32, frozen ones don't."""
    is_frozen = settings.method == "lora"
    return torch.bfloat16 if is_frozen and uses_bf16(settings, device) else torch.float32


def prepare_for_training(
    model: PreTrainedModel, settings: Hyperparameters, device: torch.device
) -> None:
    """Attend within packs, recompute activations, compile layers, where the settings say so."""
    if settings.packing:
        use_packed_attention(model, device, is_bf16=uses_bf16(settings, device))
    if settings.activation_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if settings.compile:
        # Layer by layer: they are alike, so the first one's compilation serves all.
        for layer in _layers(model):
            layer.compile(dynamic=True)


def _layers(model: PreTrainedModel) -> torch.nn.ModuleList:
    layers = getattr(model.base_model, "layers", None)
    if not isinstance(layers, torch.nn.ModuleList):
        raise ValueError(f"hyperparameter compile=1: {type(model).__name__} has no list of layers")
    return layers
