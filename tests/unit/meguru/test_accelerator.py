"""A GPU that is paid for is used, or the process says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meguru.accelerator import (
    check_accelerator,
    computing_dtype,
    num_gpus,
    with_compatibility_libraries,
)


def with_device(root: Path, name: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return root


def check(
    root: Path, *, is_used: bool = False, instance_type: str = "", **environment: str
) -> None:
    check_accelerator(
        is_used=is_used, environment=environment, instance_type=instance_type, root=root
    )


def test_a_cpu_computes_in_32_bits_and_a_gpu_in_what_the_weights_are_kept() -> None:
    assert (computing_dtype(has_gpu=False), computing_dtype(has_gpu=True)) == ("float32", "auto")


@pytest.mark.parametrize("name", ["dev/nvidia0", "proc/driver/nvidia/gpus/0000:00:1e.0"])
def test_a_gpu_that_torch_does_not_see_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="torch sees none") as refused:
        check(with_device(tmp_path, name))
    assert "\n" not in str(refused.value)
    check(tmp_path, is_used=True)


@pytest.mark.parametrize("instance_type", ["ml.g5.xlarge", "ml.p4d.24xlarge", "ml.gr6.4xlarge"])
def test_an_instance_with_gpus_counts_too(tmp_path: Path, instance_type: str) -> None:
    with pytest.raises(ValueError, match=instance_type):
        check(tmp_path, instance_type=instance_type)


@pytest.mark.parametrize("instance_type", ["", "ml.m5.large", "ml.t3.medium", "ml.inf2.xlarge"])
def test_a_host_without_gpus_uses_its_cpu(tmp_path: Path, instance_type: str) -> None:
    check(with_device(tmp_path, "dev/nvidiactl"), instance_type=instance_type)


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_person_may_hide_the_gpu(tmp_path: Path, hidden: str) -> None:
    root = with_device(tmp_path, "dev/nvidia0")
    check(root, instance_type="ml.g5.xlarge", CUDA_VISIBLE_DEVICES=hidden)
    with pytest.raises(ValueError, match="torch sees none"):
        check(root, CUDA_VISIBLE_DEVICES="0")


def test_gpus_are_counted(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"):
        with_device(tmp_path, f"dev/{name}")
    assert num_gpus(tmp_path) == 3


CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Thu Oct  5 00:31:05 UTC 2025\n"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build\n"


def host(root: Path, driver: str, *, text: str = CLOSED, libraries: str = "580.65.06") -> Path:
    """A container whose image has compatibility libraries, on a host with a driver."""
    with_device(root, f"usr/local/cuda/compat/libcuda.so.{libraries}")
    with_device(root, "usr/local/cuda/compat/libcuda.so.1")
    with_device(root, "proc/driver/nvidia/version").joinpath(
        "proc/driver/nvidia/version"
    ).write_text(text.format(driver))
    return root


@pytest.mark.parametrize("text", [CLOSED, OPEN])
@pytest.mark.parametrize("driver", ["470.256.02", "535.129.03", "580.9.1"])
def test_an_older_driver_is_made_up_for(tmp_path: Path, driver: str, text: str) -> None:
    given = {"LD_LIBRARY_PATH": "/opt/amazon/efa/lib", "HOME": "/root"}
    added = with_compatibility_libraries(given, host(tmp_path, driver, text=text))
    assert added == {**given, "LD_LIBRARY_PATH": "/usr/local/cuda/compat:/opt/amazon/efa/lib"}
    assert with_compatibility_libraries(added, tmp_path) is None


@pytest.mark.parametrize("driver", ["580.65.06", "580.95.05", "595.1.2"])
def test_a_driver_as_new_stays(tmp_path: Path, driver: str) -> None:
    assert with_compatibility_libraries({}, host(tmp_path, driver)) is None


def test_no_path_before_leaves_none_behind(tmp_path: Path) -> None:
    added = with_compatibility_libraries({}, host(tmp_path, "535.129.03"))
    assert added == {"LD_LIBRARY_PATH": "/usr/local/cuda/compat"}


def test_neither_a_host_without_driver_nor_an_image_without_libraries_changes(
    tmp_path: Path,
) -> None:
    assert with_compatibility_libraries({}, tmp_path) is None
    host(tmp_path, "no version")
    assert with_compatibility_libraries({}, tmp_path) is None
    only_driver = tmp_path / "other"
    with_device(only_driver, "proc/driver/nvidia/version").joinpath(
        "proc/driver/nvidia/version"
    ).write_text(CLOSED.format("470.1.2"))
    assert with_compatibility_libraries({}, only_driver) is None


def test_a_program_is_run_again_with_its_own_arguments(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from meguru.accelerator import load_newer_driver\n"
        f"load_newer_driver(Path({str(tmp_path)!r}))\n"
        "print(sys.argv[1:], os.environ['LD_LIBRARY_PATH'])\n"
    )
    host(tmp_path, "535.129.03")
    ended = subprocess.run(
        [sys.executable, "-c", program, "train", "--x"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={"PATH": "/usr/bin"},
    )
    assert ended.stdout.strip() == "['train', '--x'] /usr/local/cuda/compat"
