"""GPUs: how many a host has, the driver CUDA needs, and that none stands idle without a word."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/")
# Instance families with NVIDIA GPUs: p4d, p5en, g4dn, g5, g6e, gr6 and their successors.
GPU_INSTANCE = re.compile(r"ml\.(p|g|gr)\d")
# By these CUDA is told to use no GPU: then it's a person's will, not a fault.
HIDDEN = ("", "-1")
COMPATIBILITY_LIBRARIES = "/usr/local/cuda/compat"


def num_gpus(root: Path = ROOT) -> int:
    """The GPUs the host shows this container, by the driver's device files."""
    return len(list(root.glob("dev/nvidia[0-9]*")))


def computing_dtype(has_gpu: bool) -> str:
    """What a model's weights are read as, by transformers' word: as they are kept, on a GPU.

    A CPU computes in 32 bits. Most take many times longer in bf16, and there an answer depends on
    what it was computed beside: judged in a batch, a model would not be the one that serves.
    """
    return "auto" if has_gpu else "float32"


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


def load_newer_driver(root: Path = ROOT) -> None:
    """Run this program again with CUDA's compatibility libraries, where the driver is too old.

    To be called before torch is imported: the loader reads its path when a process starts.
    """
    added = with_compatibility_libraries(os.environ, root)
    if added is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], added)


def with_compatibility_libraries(
    environment: Mapping[str, str], root: Path = ROOT
) -> dict[str, str] | None:
    """`environment` with the image's compatibility libraries first on the loader's path.

    None where the image has none, the host's driver is as new, or they are there already. An
    entrypoint of our own stands in for the one of AWS's container, which does the same. Source:
    SageMaker AI developer guide, "Best practices to minimize interruptions during GPU driver
    upgrades", on the CUDA compatibility layer.
    """
    libraries = list((root / COMPATIBILITY_LIBRARIES[1:]).glob("libcuda.so.*.*"))
    driver = _driver_version(root)
    path = environment.get("LD_LIBRARY_PATH", "")
    if not libraries or not driver or COMPATIBILITY_LIBRARIES in path.split(os.pathsep):
        return None
    if driver >= max(_numbers(library.name.removeprefix("libcuda.so.")) for library in libraries):
        return None
    folders = [COMPATIBILITY_LIBRARIES, *([path] if path else [])]
    return {**environment, "LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _driver_version(root: Path) -> tuple[int, ...]:
    """The version of the host's NVIDIA driver; empty where there is none."""
    file = root / "proc/driver/nvidia/version"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text)
    return _numbers(found[1]) if found else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
