"""A GPU that is paid for is used, or the process says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from meguru.accelerator import check_accelerator, num_gpus


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
