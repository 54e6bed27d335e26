"""What is there of a release, and what its name says."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.plan_release.hosting import (
    data_sources,
    find_component,
    find_endpoint,
    has_config,
    has_model,
    hosting_config_name,
    metadata,
    release_name,
)
from lambdas.plan_release.plan import Component, Endpoint

HOSTING = {"InstanceType": "ml.m5.large", "VariantName": "AllTraffic"}


class FakeSageMaker:
    """Has what it is given, and says of anything else that it can't find it."""

    def __init__(self, refusal: tuple[str, str] | None = None, **found: dict[str, Any]) -> None:
        self._found, self._refusal = found, refusal

    def _describe(self, noun: str) -> dict[str, Any]:
        if noun in self._found:
            return self._found[noun]
        code, said = self._refusal or ("ValidationException", f'Could not find {noun} "arn:x".')
        raise ClientError({"Error": {"Code": code, "Message": said}}, "Describe")

    def describe_endpoint(self, **request: str) -> dict[str, Any]:
        return self._describe("endpoint")

    def describe_endpoint_config(self, **request: str) -> dict[str, Any]:
        return self._describe("config")

    def describe_inference_component(self, **request: str) -> dict[str, Any]:
        return self._describe("component")

    def describe_model(self, **request: str) -> dict[str, Any]:
        return self._describe("model")

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        return self._describe("package")


def test_an_endpoint() -> None:
    sagemaker = FakeSageMaker(
        endpoint={
            "EndpointStatus": "InService",
            "EndpointConfigName": "text-1",
            "ProductionVariants": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
            "FailureReason": "Rolled back.",
        },
        config={"ProductionVariants": [{"InstanceType": "ml.m5.large", "ModelName": "text-1"}]},
    )
    found = find_endpoint(sagemaker, "text")
    assert found == Endpoint("InService", "text-1", "ml.m5.large", 3, "Rolled back.")


def test_an_endpoint_that_hosts_a_component_has_no_model_of_its_own() -> None:
    sagemaker = FakeSageMaker(
        endpoint={"EndpointStatus": "InService", "EndpointConfigName": "hosting-1"},
        config={"ProductionVariants": [{"InstanceType": "ml.m5.large"}]},
        component={
            "InferenceComponentStatus": "InService",
            "Specification": {"ModelName": "text-1"},
            "RuntimeConfig": {"DesiredCopyCount": 2, "CurrentCopyCount": 1},
            "FailureReason": "Rolled back.",
        },
    )
    found = find_endpoint(sagemaker, "text")
    assert found == Endpoint("InService", "hosting-1", "ml.m5.large", 0, hosts_components=True)
    assert find_component(sagemaker, "text") == Component("InService", "text-1", 2, "Rolled back.")


def test_the_config_of_a_hosting_endpoint_stays_when_the_version_changes() -> None:
    component = {"MaxInstanceCount": 3}
    name = hosting_config_name("text", {**HOSTING, "Component": component})
    assert name == hosting_config_name("text", {**HOSTING, "Component": dict(component)})
    assert name != hosting_config_name("text", {**HOSTING, "Component": {"MaxInstanceCount": 6}})


def test_an_endpoint_that_is_being_made_has_no_fleet_yet() -> None:
    sagemaker = FakeSageMaker(endpoint={"EndpointStatus": "Creating", "EndpointConfigName": "c"})
    assert find_endpoint(sagemaker, "text") == Endpoint("Creating", "c", None, 0)


def test_what_can_t_be_found_does_not_exist() -> None:
    sagemaker = FakeSageMaker()
    assert find_endpoint(sagemaker, "text") is None
    assert find_component(sagemaker, "text") is None
    assert not has_model(sagemaker, "text-1")
    assert not has_config(sagemaker, "text-1")


@pytest.mark.parametrize(
    "refusal",
    [
        ("ValidationException", "1 validation error detected: Value 'a b' at 'endpointName'"),
        ("AccessDeniedException", "Could not find a policy that allows it"),
        ("ThrottlingException", "Rate exceeded"),
    ],
)
def test_any_other_refusal_is_an_error(refusal: tuple[str, str]) -> None:
    with pytest.raises(ClientError):
        find_endpoint(FakeSageMaker(refusal), "text")


def test_a_name_says_what_a_release_is_made_of() -> None:
    name = release_name("meguru-poc-text", "arn:p/group/1", "2026", HOSTING)
    assert name == release_name("meguru-poc-text", "arn:p/group/1", "2026", dict(HOSTING))
    others = [
        release_name("meguru-poc-text", "arn:p/group/2", "2026", HOSTING),
        release_name("meguru-poc-text", "arn:p/group/1", "2027", HOSTING),
        release_name("meguru-poc-text", "arn:p/group/1", "2026", {**HOSTING, "InstanceType": "x"}),
    ]
    assert len({name, *others}) == 4
    assert len(name) == len("meguru-poc-text-") + 12


def test_what_a_package_names_lies_beside_its_model() -> None:
    named = {"base_uri": "s3://lake/models/base/b/1/", "prompt_uri": "s3://lake/prompts/m/2/"}
    sagemaker = FakeSageMaker(package={"CustomerMetadataProperties": {**named, "run": "r"}})
    sources = data_sources(metadata(sagemaker, "arn:p"))["AdditionalModelDataSources"]
    places = {one["ChannelName"]: one["S3DataSource"]["S3Uri"] for one in sources}
    assert places == {"base": named["base_uri"], "prompt": named["prompt_uri"]}
    assert data_sources(metadata(FakeSageMaker(package={}), "arn:p")) == {}
