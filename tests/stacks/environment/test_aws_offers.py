"""Which instance types the images run on, and which AMI an endpoint's instances need."""

from __future__ import annotations

import botocore.session
import pytest

from meguru.instance_offers import OFFERS
from stacks.environment.aws_offers import copy_resources, inference_ami, runs_images

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
ENDPOINT_TYPES = SAGEMAKER.shape_for("ProductionVariantInstanceType").enum


@pytest.mark.parametrize("family", ["g4dn", "g5", "g6", "g6e", "p4d", "p5", "p5en", "p6-b200"])
def test_an_endpoint_with_a_gpu_has_a_driver_for_cuda_13(family: str) -> None:
    types = [one for one in ENDPOINT_TYPES if one.startswith(f"ml.{family}.")]
    assert types
    known = SAGEMAKER.shape_for("ProductionVariantInferenceAmiVersion").enum
    for one in types:
        assert inference_ami(one) == "al2023-ami-sagemaker-inference-gpu-4-1"
        assert inference_ami(one) in known


@pytest.mark.parametrize("family", ["g8", "gr7", "p7", "p6-b500"])
def test_a_newer_family_of_gpus_has_it_too(family: str) -> None:
    assert inference_ami(f"ml.{family}.xlarge")


@pytest.mark.parametrize("one", ["ml.m5.large", "ml.c7i.xlarge", "ml.r5d.large", "ml.t2.medium"])
def test_one_without_takes_what_sagemaker_gives(one: str) -> None:
    assert one in ENDPOINT_TYPES
    assert inference_ami(one) == ""
    assert runs_images(one)


@pytest.mark.parametrize(
    "one",
    [
        *("ml.m6g.large", "ml.c7g.xlarge", "ml.c6gn.large", "ml.r7gd.large", "ml.inf2.xlarge"),
        *("ml.trn1.2xlarge", "ml.p2.xlarge", "ml.p3.2xlarge", "ml.p6e-gb200.36xlarge"),
    ],
)
def test_what_the_images_do_not_run_on_is_known(one: str) -> None:
    assert not runs_images(one)


@pytest.mark.parametrize(
    ("one", "gpus"),
    [
        *(("ml.g5.xlarge", 1), ("ml.g5.16xlarge", 1), ("ml.g6e.12xlarge", 4)),
        *(("ml.g5.24xlarge", 4), ("ml.g6.48xlarge", 8), ("ml.g7e.12xlarge", 2)),
        *(("ml.p4d.24xlarge", 8), ("ml.p5.4xlarge", 1), ("ml.p5.48xlarge", 8)),
    ],
)
def test_a_copy_takes_all_gpus(one: str, gpus: int) -> None:
    assert one in ENDPOINT_TYPES
    wanted = copy_resources(one)
    assert wanted == {"NumberOfAcceleratorDevicesRequired": gpus, "MinMemoryRequiredInMb": 1024}


def test_no_instance_has_room_for_two_copies() -> None:
    for one in filter(runs_images, ENDPOINT_TYPES):
        offer = OFFERS.get(one)
        wanted = copy_resources(one)
        if offer and offer.num_gpus:
            assert wanted["NumberOfAcceleratorDevicesRequired"] == offer.num_gpus, one
        elif offer:
            assert offer.vcpus / 2 < wanted["NumberOfCpuCoresRequired"] < offer.vcpus, one
        else:
            assert all(value > 0 for value in wanted.values())
