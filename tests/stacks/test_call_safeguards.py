"""Members are added to the calls that take them, and never over what a definition says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stacks.constructs.call_safeguards import with_safeguards
from stacks.environment import Environment

ENVIRONMENT = Environment.model_validate({"name": "acme", "models": {"a": {}}})
TAGS = [
    {"Key": "project", "Value": "meguru"},
    {"Key": "environment", "Value": "acme"},
    {"Key": "meguru:environment", "Value": "acme"},
]


def machine(action: str, arguments: Any) -> dict[str, Any]:
    resource = f"arn:aws:states:::{action}"
    return {"States": {"Do": {"Type": "Task", "Resource": resource, "Arguments": arguments}}}


def variants(*types: str) -> dict[str, Any]:
    return {"ProductionVariants": [{"InstanceType": one} for one in types]}


def added(action: str, arguments: Any, **values: str) -> dict[str, Any]:
    changed = with_safeguards(machine(action, arguments), ENVIRONMENT, values)
    result: dict[str, Any] = changed["States"]["Do"]["Arguments"]
    return result


@pytest.mark.parametrize("action", ["sagemaker:createEndpoint", "aws-sdk:sagemaker:createEndpoint"])
def test_both_ways_of_calling_an_action_are_known(action: str) -> None:
    assert added(action, {"EndpointName": "e"}) == {"EndpointName": "e", "Tags": TAGS}


def test_a_call_of_another_kind_is_left_alone() -> None:
    for action in ("lambda:invoke", "sagemaker:updateEndpoint"):
        written = machine(action, "{% {'FunctionName': 'f'} %}")
        assert with_safeguards(copy.deepcopy(written), ENVIRONMENT, {}) == written


def test_states_within_states_are_found() -> None:
    inner = machine("sagemaker:createEndpoint", {})
    outer = {"States": {"Both": {"Type": "Parallel", "Branches": [inner]}}}
    with_safeguards(outer, ENVIRONMENT, {})
    assert inner["States"]["Do"]["Arguments"] == {"Tags": TAGS}


def test_one_variant_with_storage_of_its_own_takes_the_key_from_all() -> None:
    action = "sagemaker:createEndpointConfig"
    assert "KmsKeyId" in added(action, variants("ml.m5.large", "${Type}"), Type="ml.c5.large")
    assert "KmsKeyId" not in added(action, variants("ml.m5.large", "${Type}"), Type="ml.g5.xlarge")


def test_a_variant_with_a_gpu_has_the_driver_its_image_needs() -> None:
    given = added("sagemaker:createEndpointConfig", variants("ml.m5.large", "ml.g5.xlarge"))
    amis = [one.get("InferenceAmiVersion") for one in given["ProductionVariants"]]
    assert amis == [None, "al2023-ami-sagemaker-inference-gpu-4-1"]


def test_without_a_model_the_network_is_the_config_s() -> None:
    """A model has its own; an inference component has that of what hosts it."""
    network = {
        "isolation": True,
        "subnet_ids": ["subnet-0a1b2c3d"],
        "security_group_ids": ["sg-0a1b2c3d"],
    }
    environment = Environment.model_validate(
        {"name": "acme", "models": {"a": {}}, "network": network}
    )

    def config(**variant: str) -> dict[str, Any]:
        one = {"InstanceType": "ml.m5.large", **variant}
        asked = machine("sagemaker:createEndpointConfig", {"ProductionVariants": [one]})
        changed = with_safeguards(asked, environment, {})
        arguments: dict[str, Any] = changed["States"]["Do"]["Arguments"]
        return arguments

    assert config()["EnableNetworkIsolation"] is True
    assert config()["VpcConfig"]["Subnets"] == ["subnet-0a1b2c3d"]
    assert {"EnableNetworkIsolation", "VpcConfig"}.isdisjoint(config(ModelName="m"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"Tags": []}, "Do: Tags is added to every such call, and stands there already"),
        ("{% $all %}", "Do: an expression stands where members have to be added"),
    ],
)
def test_what_can_not_be_added_is_refused(arguments: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        added("sagemaker:createEndpoint", arguments)


def test_an_instance_type_may_be_a_variable_that_never_changes() -> None:
    hosting = {"hosting": {"InstanceType": "${Type}"}}
    begin = {"Type": "Pass", "Assign": hosting}
    written = machine("sagemaker:createEndpointConfig", variants("{% $hosting.InstanceType %}"))
    written = {"StartAt": "Begin", "States": {"Begin": begin, **written["States"]}}
    for kind, has_key in (("ml.m5.large", True), ("ml.g5.xlarge", False)):
        changed = with_safeguards(copy.deepcopy(written), ENVIRONMENT, {"Type": kind})
        assert ("KmsKeyId" in changed["States"]["Do"]["Arguments"]) is has_key
    written["States"]["Do"]["Assign"] = hosting
    with pytest.raises(ValueError, match="has to be the same in every execution"):
        with_safeguards(written, ENVIRONMENT, {"Type": "ml.m5.large"})
