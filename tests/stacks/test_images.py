"""Images: into the environment's own repository, once it is there, in a form SageMaker takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meguru.names import image_repository_name

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# Of ECR's CreateRepository.
REPOSITORY_NAME = re.compile(
    r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII
)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)


def image_assets(assembly: Path) -> dict[str, list[dict[str, Any]]]:
    """The image assets of each stack, by the stack's name."""
    return {
        path.name.removesuffix(".assets.json"): list(
            json.loads(path.read_text())["dockerImages"].values()
        )
        for path in assembly.glob("*.assets.json")
    }


@pytest.fixture
def assets(synthesis: Synthesis) -> dict[str, list[dict[str, Any]]]:
    return image_assets(synthesis.folder)


def test_every_image_goes_to_the_environment_s_repository(
    synthesis: Synthesis, assets: dict[str, list[dict[str, Any]]]
) -> None:
    [repository] = synthesis.resources("AWS::ECR::Repository")
    name = repository.properties["RepositoryName"]
    destinations = [
        destination["repositoryName"]
        for images in assets.values()
        for image in images
        for destination in image["destinations"].values()
    ]
    assert destinations
    assert set(destinations) == {name}
    assert repository.properties["ImageTagMutability"] == "IMMUTABLE"


def test_images_are_built_and_pushed_once_their_repository_is_there(
    synthesis: Synthesis, assets: dict[str, list[dict[str, Any]]]
) -> None:
    [repository] = synthesis.resources("AWS::ECR::Repository")
    artifacts = json.loads((synthesis.folder / "manifest.json").read_text())["artifacts"]
    assert assets[repository.stack] == []
    for stack, images in assets.items():
        if images:
            assert repository.stack in artifacts[stack]["dependencies"]
            assert repository.stack in artifacts[f"{stack}.assets"]["dependencies"]
    # What holds the repository waits for nothing that waits for it.
    assert "dependencies" not in artifacts[f"{repository.stack}.assets"]


def test_a_tagged_image_never_expires(synthesis: Synthesis) -> None:
    [repository] = synthesis.resources("AWS::ECR::Repository")
    policy = json.loads(repository.properties["LifecyclePolicy"]["LifecyclePolicyText"])
    assert {rule["selection"]["tagStatus"] for rule in policy["rules"]} == {"untagged"}


def test_manifests_are_docker_s_own(assets: dict[str, list[dict[str, Any]]]) -> None:
    for image in (image for images in assets.values() for image in images):
        assert image["source"]["dockerOutputs"] == ["type=docker"]


def test_whoever_publishes_may_push(synthesis: Synthesis) -> None:
    [repository] = synthesis.resources("AWS::ECR::Repository")
    [statement] = repository.properties["RepositoryPolicyText"]["Statement"]
    assert "role/cdk-hnb659fds-image-publishing-role-" in json.dumps(statement["Principal"])
    assert "ecr:PutImage" in statement["Action"]


@given(NAMES)
def test_ecr_takes_the_name(name: str) -> None:
    assert REPOSITORY_NAME.fullmatch(image_repository_name(name))


@given(NAMES, NAMES)
def test_no_two_environments_share_a_repository(one: str, other: str) -> None:
    assert (image_repository_name(one) == image_repository_name(other)) == (one == other)
