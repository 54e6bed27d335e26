"""How the processes share a model: a copy each, or a part each (FSDP2)."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from meguru.hyperparameters import Hyperparameters
from training.distributed import World
from training.precision import uses_bf16

# Weights, gradients and AdamW's two moments, each in 32 bits.
BYTES_PER_PARAMETER = 16
# Of a GPU's memory; the rest is for activations.
MAX_SHARE_OF_COPIES = 0.25


def is_sharded(model: nn.Module, settings: Hyperparameters, world: World) -> bool:
    """Whether each process holds a part. Copies are faster as long as they fit easily."""
    if settings.sharding != "auto":
        return settings.sharding == "fsdp"
    if world.device.type != "cuda" or world.size == 1:
        return False
    num_bytes = sum(
        one.numel() * (BYTES_PER_PARAMETER if one.requires_grad else one.itemsize)
        for one in model.parameters()
    )
    memory = torch.cuda.get_device_properties(world.device).total_memory
    return num_bytes > MAX_SHARE_OF_COPIES * memory


def distribute(
    loss: nn.Module,
    model: PreTrainedModel,
    settings: Hyperparameters,
    world: World,
    *,
    sharded: bool,
) -> nn.Module:
    """`loss`, whose part `model` is, so that its gradients are the mean over all processes."""
    if not sharded:
        # With find_unused_parameters DDP keeps its first grouping of gradients. Otherwise it groups
        # anew after the first step, sums in another order, and a resumed run is not bit-identical.
        alike = DistributedDataParallel(loss, find_unused_parameters=True)
        # No buffer of a model changes while it is trained. As an argument torch 2.13 has another
        # name for it, which the older torch of AWS's image doesn't know.
        alike.broadcast_buffers = False
        return alike
    mesh = init_device_mesh(world.device.type, (world.size,))
    policy = mixed_precision(settings, world.device)
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(loss, mesh=mesh, mp_policy=policy)
    return loss


def mixed_precision(settings: Hyperparameters, device: torch.device) -> MixedPrecisionPolicy:
    """Weights are gathered in the numbers they are used in, gradients summed in 32 bits.

    On a CPU autocast alone converts: gloo exchanges 16 bits no faster.
    """
    is_bf16 = device.type == "cuda" and uses_bf16(settings, device)
    return MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if is_bf16 else None, reduce_dtype=torch.float32
    )


def _layers(model: PreTrainedModel) -> list[nn.Module]:
    """The model's blocks: what is gathered, used and dropped as one."""
    names = set(model._no_split_modules or ())
    return [one for one in model.modules() if type(one).__name__ in names]


def whole_weights(model: nn.Module, world: World) -> dict[str, torch.Tensor]:
    """The state dict in the first rank's host memory, gathered tensor by tensor; others: empty.

    Every rank takes part where the model is sharded.
    """
    gathered: dict[int, torch.Tensor] = {}  # tied weights have two names and are one tensor
    weights = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in gathered:
            whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            gathered[id(tensor)] = whole.detach().cpu() if world.is_first else tensor
        if world.is_first:
            weights[name] = gathered[id(tensor)]
    return weights
