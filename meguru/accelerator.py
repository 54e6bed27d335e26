"""GPUs: how many a host has, and that a process doesn't run beside them without a word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/")
# Instance families with NVIDIA GPUs: p4d, p5en, g4dn, g5, g6e, gr6 and their successors.
GPU_INSTANCE = re.compile(r"ml\.(p|g|gr)\d")
# By these CUDA is told to use no GPU: then it's a person's will, not a fault.
HIDDEN = ("", "-1")


def num_gpus(root: Path = ROOT) -> int:
    """The GPUs the host shows this container, by the driver's device files."""
    return len(list(root.glob("dev/nvidia[0-9]*")))


def check_accelerator(
    *,
    is_used: bool,
    environment: Mapping[str, str],
    instance_type: str = "",
    root: Path = ROOT,
) -> None:
    """ValueError where there is a GPU and `is_used` (torch sees one) is False.

    torch falls back to the CPU in silence, and the GPU's hours are paid for all the same.
    """
    if is_used or environment.get("CUDA_VISIBLE_DEVICES") in HIDDEN:
        return
    if sign := _sign_of_gpu(instance_type, root):
        raise ValueError(
            f"there is a GPU ({sign}) but torch sees none: the image's CUDA is newer than the "
            "host's NVIDIA driver, or the image has torch's build for CPUs. Choose an image and an "
            "inference AMI that fit together, or set CUDA_VISIBLE_DEVICES to '' to use the CPU"
        )


def _sign_of_gpu(instance_type: str, root: Path) -> str:
    if num_gpus(root):
        return "/dev/nvidia0"
    if list(root.glob("proc/driver/nvidia/gpus/*")):
        return "/proc/driver/nvidia/gpus"
    return instance_type if GPU_INSTANCE.match(instance_type) else ""
