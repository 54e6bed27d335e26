"""The regions and instance types of SageMaker, as botocore knows them without asking AWS."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import botocore.session

from meguru.accelerator import GPU_INSTANCE


def is_region(name: str) -> bool:
    """Whether SageMaker is in a region of this name, in any of AWS's partitions."""
    return name in _regions()


def is_instance_type(shape: str) -> Callable[[str], bool]:
    """A test for the names in an enumeration of SageMaker's API, such as TrainingInstanceType."""
    return lambda name: name in _instance_types(shape)


def has_local_storage(instance_type: str) -> bool:
    """Whether an instance brings its own NVMe storage, which it encrypts itself.

    SageMaker takes no key of ours for such an instance's volume. The letter d among a family's
    attributes says it; families with large accelerators have it without saying so.

    Sources: CreateTrainingJob, VolumeKmsKeyId; EC2, "Instance type naming conventions" and
    "Instance store volumes".
    """
    family = re.match(r"ml\.([a-z]+)(\d+)([a-z]*)", instance_type)
    if family is None:
        raise ValueError(f"{instance_type} is no instance type")
    letters, generation, attributes = family[1], int(family[2]), family[3]
    return "d" in attributes or generation >= _FIRST_WITH_STORAGE.get(letters, 1000)


# The first generation of a family with accelerators that has local storage whatever its name.
_FIRST_WITH_STORAGE = {"g": 5, "p": 4, "trn": 1, "dl": 1}


def runs_images(instance_type: str) -> bool:
    """Whether the containers' images run there: they are for x86, and CUDA 13 where for a GPU.

    Graviton is another architecture, Inferentia, Trainium and Gaudi aren't programmed by CUDA, and
    CUDA 13 has left the GPUs before Turing (P2, P3). Source: CUDA 13.0 release notes, "Dropped
    Architectures"; EC2, "Instance type naming conventions".
    """
    family = instance_type.split(".")[1]
    is_arm = re.match(r"[a-z]+\d+g|p6e-", family) is not None
    return not is_arm and not re.match(r"(inf|trn|dl)\d|p[23](dn)?$", family)


def inference_ami(instance_type: str) -> str:
    """The AMI that an endpoint's instances need for CUDA 13; empty for those without a GPU.

    CUDA 13 wants driver 580, and what SageMaker takes by itself is older: torch would find no GPU.
    Families newer than this rule get it too: no other AMI has that driver. Where SageMaker doesn't
    offer it for one, it refuses the endpoint config, and what serves goes on.
    Source: SageMaker developer guide, "Best practices to minimize interruptions during GPU driver
    upgrades".
    """
    return "al2023-ami-sagemaker-inference-gpu-4-1" if GPU_INSTANCE.match(instance_type) else ""


def copy_resources(instance_type: str) -> dict[str, float]:
    """What a copy of an inference component takes of its instance, so that it has it for itself.

    All GPUs, or more than half of the processors. Memory is what SageMaker sets aside at least, of
    less than the instance has, and no limit.
    Source: API reference, InferenceComponentComputeResourceRequirements.
    """
    _, family, size = instance_type.split(".")
    memory = {"MinMemoryRequiredInMb": 1024}
    if GPU_INSTANCE.match(instance_type):
        return {"NumberOfAcceleratorDevicesRequired": _num_gpus(family, size), **memory}
    return {"NumberOfCpuCoresRequired": _num_cores(size) / 2 + 0.25, **memory}


def _num_gpus(family: str, size: str) -> int:
    """Source: EC2, "Specifications for accelerated computing instance types"."""
    if family.startswith("g7") and size == "12xlarge":
        return 2
    if family.startswith("p"):
        return 1 if size == "4xlarge" else 8
    return {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}.get(size, 1)


def _num_cores(size: str) -> int:
    """Source: EC2, "Instance types": an xlarge has four vCPUs, and so many times as many."""
    number = size.removesuffix("xlarge")
    return 2 if number == size else 4 * int(number or 1)


def local_storage_gb(instance_type: str) -> int | None:
    """The size of an instance's own storage, None where it has none, or a size we don't know.

    A job takes it instead of a volume, and SageMaker refuses one that asks for more.
    Sources: CreateTrainingJob and CreateProcessingJob, VolumeSizeInGB; EC2, "Instance types".
    """
    _, family, size = instance_type.split(".")
    sizes = _LOCAL_STORAGE_GB.get(family)
    return None if sizes is None else sizes.get(size)


_G5 = {
    "xlarge": 250,
    "2xlarge": 450,
    "4xlarge": 600,
    "8xlarge": 900,
    "12xlarge": 3800,
    "16xlarge": 1900,
    "24xlarge": 3800,
    "48xlarge": 7600,
}
_LOCAL_STORAGE_GB = {
    "g4dn": {
        "xlarge": 125,
        "2xlarge": 225,
        "4xlarge": 225,
        "8xlarge": 900,
        "12xlarge": 900,
        "16xlarge": 900,
    },
    "g5": _G5,
    "g6": {**_G5, "12xlarge": 3760, "16xlarge": 1880, "24xlarge": 3760, "48xlarge": 7520},
    "g6e": _G5,
    "p4d": {"24xlarge": 8000},
    "p4de": {"24xlarge": 8000},
    "p5": {"4xlarge": 3840, "48xlarge": 30_720},
    "p5e": {"48xlarge": 30_720},
    "p5en": {"48xlarge": 30_720},
    "r5d": {
        "large": 75,
        "xlarge": 150,
        "2xlarge": 300,
        "4xlarge": 600,
        "8xlarge": 1200,
        "12xlarge": 1800,
        "16xlarge": 2400,
        "24xlarge": 3600,
    },
}


@cache
def _regions() -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition)
    )


@cache
def _instance_types(shape: str) -> frozenset[str]:
    session = botocore.session.get_session()
    return frozenset(session.get_service_model("sagemaker").shape_for(shape).enum)
