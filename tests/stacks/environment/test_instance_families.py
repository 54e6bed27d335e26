"""Each type that botocore knows has the driver its image needs, none, or a reason against it."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from stacks.environment import InvalidEnvironment, read_environment
from stacks.environment.instance_families import CUDA_13_AMI, inference_ami, unsuitable

GPU = {"g4dn", "g5", "g6", "g6e", "g7", "g7e"} | {
    *("p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300")
}


def offered(shape: str) -> list[str]:
    service = botocore.session.get_session().get_service_model("sagemaker")
    return list(service.shape_for(shape).enum)


def test_the_driver_is_one_that_sagemaker_offers() -> None:
    assert CUDA_13_AMI in offered("ProductionVariantInferenceAmiVersion")


def test_endpoints_with_gpus_have_the_driver_and_no_others() -> None:
    types = [one for one in offered("ProductionVariantInstanceType") if not unsuitable(one)]
    assert len(types) > 100
    assert {one.split(".")[1] for one in types if inference_ami(one)} == GPU


@pytest.mark.parametrize("family", ["g8", "g9e", "gr7", "p7", "p6-b500"])
def test_a_newer_family_of_gpus_has_the_driver_too(family: str) -> None:
    assert inference_ami(f"ml.{family}.xlarge") == CUDA_13_AMI
    assert unsuitable(f"ml.{family}.xlarge") is None


@pytest.mark.parametrize(
    ("instance_type", "reason"),
    [
        ("ml.p3.2xlarge", "CUDA 13"),
        ("ml.p3dn.24xlarge", "CUDA 13"),
        ("ml.c7g.large", "x86-64"),
        ("ml.m6gd.large", "x86-64"),
        ("ml.g5g.xlarge", "x86-64"),
        ("ml.p6e-gb200.36xlarge", "x86-64"),
        ("ml.inf2.xlarge", "accelerators"),
        ("ml.trn1n.32xlarge", "accelerators"),
    ],
)
def test_what_can_not_run_the_images_is_known(instance_type: str, reason: str) -> None:
    assert reason in str(unsuitable(instance_type))


@pytest.mark.parametrize("part", ["curation", "training", "evaluation", "endpoint"])
def test_what_can_not_run_the_images_is_refused_wherever_it_stands(
    part: str, tmp_path: Path
) -> None:
    file = tmp_path / "environment.yaml"
    chosen = "ml.c7g.large" if part == "endpoint" else "ml.p3.2xlarge"
    section = f"{part}: {{instance_type: {chosen}}}"
    models = f"{{a: {{{section}}}}}" if part != "curation" else "{a: {}}"
    above = f"{section}\n" if part == "curation" else ""
    file.write_text(f"name: acme\n{above}models: {models}\n")
    with pytest.raises(InvalidEnvironment, match=f"another instance type: .*{chosen}"):
        read_environment(file)
