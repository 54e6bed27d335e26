"""Whether a training fits its instances, how long it takes and what it costs: an estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meguru.base_model import Shape
from meguru.instance_offers import GIB, OFFERS, PRICES_AS_OF, SPOT_SHARE, Offer

# The sizes that recipes are for, by a well-known model of each.
NOMINAL_SHAPES = {
    "0.1B": Shape(576, 1536, 30, 9, 3, 64, 49_152, True),
    "0.5B": Shape(896, 4864, 24, 14, 2, 64, 151_936, True),
    "1.5B": Shape(1536, 8960, 28, 12, 2, 128, 151_936, True),
    "8B": Shape(4096, 14_336, 32, 32, 8, 128, 128_256, False),
}
METHODS = ("full", "lora")
DEFAULT_LORA_RANK = 16
# Of a device's memory the libraries, the context and fragments take the rest.
USABLE = 0.92
OVERHEAD_BYTES = int(1.2 * GIB)
# Of a device's peak, what such a training reaches; adapters are smaller products.
UTILISATION = 0.35
# Until a job's instances are there, with its image and its data.
START_UP_HOURS = 0.15
# AdamW: a 32-bit weight, its gradient, and two moments.
_WEIGHT, _GRADIENT, _MOMENTS = 4, 4, 8
_HALF = 2


@dataclass(frozen=True)
class Workload:
    """What is trained, on what: `context_tokens` is the longest row that has to fit at once."""

    shape: Shape
    method: str
    instance_type: str
    instance_count: int = 1
    spot: bool = True
    context_tokens: int = 1024
    lora_rank: int = DEFAULT_LORA_RANK
    activation_checkpointing: bool = False
    full_precision: bool = False
    num_tokens: int = 1_000_000
    num_epochs: int = 3


@dataclass(frozen=True)
class Plan:
    """Bytes are for one device (a GPU; an instance without any); money is US dollars."""

    workload: Workload
    offer: Offer
    parts: dict[str, int]
    hours: float

    @property
    def needed_bytes(self) -> int:
        return sum(self.parts.values())

    @property
    def available_bytes(self) -> int:
        return int(self.offer.device_bytes * USABLE)

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.available_bytes

    @property
    def dollars(self) -> float:
        """For one run, with spot capacity where it is asked for."""
        share = SPOT_SHARE if self.workload.spot else 1.0
        return self.hours * self.workload.instance_count * self.offer.dollars_an_hour * share

    @property
    def why_not(self) -> str:
        """In a line, what is too large, and what does fit."""
        largest = max(self.parts, key=lambda name: self.parts[name])
        device = "GPU" if self.offer.gpu else "instance"
        fitting = smallest_fitting(self.workload)
        said = f"it fits {fitting}" if fitting else "no instance type that is known here fits"
        return (
            f"the training needs {_gib(self.needed_bytes)} on each {device}, and "
            f"{self.workload.instance_type} has {_gib(self.available_bytes)} for it ({largest} "
            f"alone {_gib(self.parts[largest])}): {said}"
        )


def plan(work: Workload) -> Plan:
    """The plan of a training; ValueError for an instance type that isn't in OFFERS."""
    if work.method not in METHODS:
        raise ValueError(f"the method is one of {', '.join(METHODS)}, not {work.method!r}")
    offer = OFFERS.get(work.instance_type)
    if offer is None:
        raise ValueError(
            f"what {work.instance_type} has is not known here; known are {', '.join(OFFERS)}"
        )
    return Plan(work, offer, _parts(work, offer), _hours(work, offer))


def serving_parts(
    shape: Shape, context_tokens: int, num_concurrent: int, *, has_gpu: bool = True
) -> dict[str, int]:
    """Bytes to answer `num_concurrent` conversations of full length at once.

    In 16 bits on a GPU; a CPU computes in 32.
    """
    number = _HALF if has_gpu else 4
    per_token = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim * number
    return {
        "weights": shape.num_parameters * number,
        "KV cache": per_token * context_tokens * num_concurrent,
        "overhead": OVERHEAD_BYTES,
    }


def workload(
    shape: Shape,
    instance_type: str,
    hyperparameters: Mapping[str, Any],
    *,
    method: str = "full",
    **settings: Any,
) -> Workload:
    """A workload by the hyperparameters that shape its memory, as the environment file has them."""
    return Workload(
        shape,
        str(hyperparameters.get("method", method)),
        instance_type,
        context_tokens=int(hyperparameters.get("max_position_embeddings", 1024)),
        lora_rank=int(hyperparameters.get("lora_rank", DEFAULT_LORA_RANK)),
        activation_checkpointing=int(hyperparameters.get("activation_checkpointing", 0)) == 1,
        full_precision=hyperparameters.get("precision", "auto") == "fp32",
        num_epochs=int(hyperparameters.get("num_epochs", 3)),
        **settings,
    )


def smallest_fitting(work: Workload) -> str:
    """The cheapest instance type, of as many instances, that it fits; empty where none does."""
    by_price = sorted(OFFERS, key=lambda name: OFFERS[name].dollars_an_hour)
    is_gpu = OFFERS[work.instance_type].gpu is not None
    for name in by_price:
        if (OFFERS[name].gpu is not None) == is_gpu and plan(_on(work, name)).fits:
            return name
    return ""


def num_adapter_parameters(shape: Shape, rank: int) -> int:
    """Those of LoRA on all linear layers: two matrices of this rank beside each."""
    of_layer = sum(rank * (rows + columns) for rows, columns in shape.layer_matrices.values())
    return shape.num_hidden_layers * of_layer


def estimate_note() -> str:
    return (
        f"an estimate: list prices of {PRICES_AS_OF} in US East (N. Virginia), spot at "
        f"{SPOT_SHARE:.0%} of them, {UTILISATION:.0%} of a GPU's peak; data tokens as given"
    )


def _on(work: Workload, instance_type: str) -> Workload:
    return Workload(**{**work.__dict__, "instance_type": instance_type})


def _number_bytes(work: Workload, offer: Offer) -> int:
    """Of an activation: 16 bits, unless without a GPU, where 32 are the quick ones."""
    return 4 if work.full_precision or offer.gpu is None else _HALF


def _parts(work: Workload, offer: Offer) -> dict[str, int]:
    """A full training's state is in shares over all devices; frozen weights are whole on each."""
    shape, number = work.shape, _number_bytes(work, offer)
    if work.method == "full":
        shares = work.instance_count * offer.num_devices
        trained = -(-shape.num_parameters // shares)
        # Two layers are whole for a moment, one at work and one on its way.
        matrices = sum(rows * columns for rows, columns in shape.layer_matrices.values())
        frozen = 2 * matrices * number if shares > 1 else 0
    else:
        trained = num_adapter_parameters(shape, work.lora_rank)
        frozen = shape.num_parameters * number
    return {
        "weights": frozen + trained * _WEIGHT,
        "gradients": trained * _GRADIENT,
        "optimizer": trained * _MOMENTS,
        "activations": _activation_bytes(work, number),
        "overhead": OVERHEAD_BYTES if offer.gpu else OVERHEAD_BYTES // 2,
    }


def _activation_bytes(work: Workload, number: int) -> int:
    """What backward needs of one row of full length; rows more are accumulated one by one.

    Counted as autograd keeps it for a decoder layer with fused attention: what goes into the norms,
    into the attention and its projections, and into the gated feed-forward. The logits are there
    as they come, in 32 bits, and as their gradient.
    """
    shape, tokens = work.shape, work.context_tokens
    query = shape.num_attention_heads * shape.head_dim
    value = shape.num_key_value_heads * shape.head_dim
    layer = (4 * shape.hidden_size + 2 * query + 2 * value + 4 * shape.intermediate_size) * number
    if work.activation_checkpointing:
        kept = shape.num_hidden_layers * shape.hidden_size * number + layer
    else:
        kept = shape.num_hidden_layers * layer
    logits = shape.vocab_size * (number + 8)
    return tokens * (kept + logits)


def _hours(work: Workload, offer: Offer) -> float:
    """Two operations a parameter forward and four backward, of which LoRA leaves two out.

    Source: Kaplan and others, "Scaling Laws for Neural Language Models" (2020), section 2.1; the
    attention's own products, and forward once more where activations are made anew.
    """
    shape = work.shape
    per_pass = 2 * shape.num_parameters
    per_pass += 2 * shape.num_hidden_layers * work.context_tokens * shape.hidden_size
    passes = (2 if work.method == "lora" else 3) + (1 if work.activation_checkpointing else 0)
    total = float(passes * per_pass * work.num_tokens * work.num_epochs)
    speed = offer.device_flops * offer.num_devices * work.instance_count * UTILISATION
    return START_UP_HOURS + total / speed / 3600


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB"
