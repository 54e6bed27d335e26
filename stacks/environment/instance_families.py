"""Families of instances: which run the images, and the GPU driver an endpoint of them needs."""

from __future__ import annotations

import re

from meguru.accelerator import GPU_INSTANCE

# The only one whose driver (580) runs CUDA 13. By default endpoints have an older one (470 on
# ml.g4dn and ml.g5), on which torch finds no GPU.
# Sources: ProductionVariant, InferenceAmiVersion; SageMaker AI developer guide, "Best practices to
# minimize interruptions during GPU driver upgrades".
CUDA_13_AMI = "al2023-ami-sagemaker-inference-gpu-4-1"
# Family, and what keeps the images from running on it. CUDA 13 has no code for GPUs before Turing.
# Sources: CUDA toolkit 13.0 release notes, "Deprecated architectures"; EC2, "Instance type naming
# conventions", by which a g among a family's attributes is AWS's own processor.
_UNSUITABLE = (
    (r"p[23][a-z]*", "CUDA 13, with which the images are built, has no code for their GPUs"),
    (r"p\d+e-gb\d+|[a-z]+\d+g[a-z]*", "the images are for x86-64, and their processors are Arm"),
    (r"(inf|trn|dl)\d+[a-z]*", "the images have no software for their accelerators"),
)


def unsuitable(instance_type: str) -> str | None:
    """Why the images can't run on an instance of this type; None where they can."""
    family = instance_type.split(".")[1]
    reasons = (reason for pattern, reason in _UNSUITABLE if re.fullmatch(pattern, family))
    return next(reasons, None)


def inference_ami(instance_type: str) -> str | None:
    """InferenceAmiVersion for an endpoint on instances of this type; None where they have no GPU.

    Families that are newer than this module get it too: no other has the driver. Where SageMaker
    doesn't offer it for a family, it refuses the endpoint config, and what serves goes on.
    """
    return CUDA_13_AMI if GPU_INSTANCE.match(instance_type) else None
