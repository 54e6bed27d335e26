"""What SageMaker is asked for with every job, model and endpoint: key, tags, network, drivers.

The definitions in stacks/workflows/ say what is theirs alone; this is added to their calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stacks.environment import Environment
from stacks.environment.aws_offers import has_local_storage, inference_ami

# The substitution that the key's ARN is given by.
KEY = "KmsKeyId"
KEY_VALUE = f"${{{KEY}}}"
Members = dict[str, Any]


def with_safeguards(
    definition: Members, environment: Environment, substitutions: Mapping[str, str]
) -> Members:
    """The definition, changed: its calls to SageMaker have what every such call has.

    Raises ValueError for a call whose members can't be known, or that already has them.
    """
    safeguards = _Safeguards(environment, _Constants(definition, substitutions))
    for name, state in _states(definition):
        add = safeguards.of_calls.get(_call_of(state.get("Resource", "")))
        if add is None:
            continue
        try:
            arguments = _members(state["Arguments"])
            _merge(arguments, add(arguments))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return definition


class _Safeguards:
    """What is added to calls: a function of their arguments, by their action."""

    def __init__(self, environment: Environment, constants: _Constants) -> None:
        self._network, self._tags = environment.network, environment.all_tags
        self._constants = constants
        self.of_calls: dict[str, Callable[[Members], Members]] = {
            "sagemaker:createTrainingJob": self._training_job,
            "sagemaker:createProcessingJob": self._processing_job,
            "sagemaker:createModel": lambda _: self._tag_list | self._isolation | self._vpc,
            "sagemaker:createEndpointConfig": self._endpoint_config,
            "sagemaker:createEndpoint": lambda _: self._tag_list,
            "sagemaker:createInferenceComponent": lambda _: self._tag_list,
            "applicationautoscaling:registerScalableTarget": lambda _: {"Tags": dict(self._tags)},
        }

    def _training_job(self, arguments: Members) -> Members:
        return {
            **self._tag_list,
            "OutputDataConfig": {"KmsKeyId": KEY_VALUE},
            **self._training_volume_key(arguments["ResourceConfig"]),
            **self._job_network,
            **self._vpc,
        }

    def _training_volume_key(self, resources: Any) -> Members:
        """What chooses among instances says itself which of them take the key."""
        if isinstance(resources, str) and KEY_VALUE in resources:
            return {}
        return {"ResourceConfig": self._volume_key(_members(resources))}

    def _processing_job(self, arguments: Members) -> Members:
        cluster = _members(_members(arguments["ProcessingResources"])["ClusterConfig"])
        network = self._job_network | self._vpc
        return {
            **self._tag_list,
            "ProcessingOutputConfig": {"KmsKeyId": KEY_VALUE},
            "ProcessingResources": {"ClusterConfig": self._volume_key(cluster)},
            **({"NetworkConfig": network} if network else {}),
        }

    def _endpoint_config(self, arguments: Members) -> Members:
        """One key for all variants: none where one of them takes none.

        Where there is no model, the network of inference components is the config's.
        """
        variants = [_members(one) for one in arguments["ProductionVariants"]]
        takes_key = all(self._takes_key(variant) for variant in variants)
        for variant in variants:
            if ami := inference_ami(self._constants.value(variant["InstanceType"])):
                _merge(variant, {"InferenceAmiVersion": ami})
        key = {"KmsKeyId": KEY_VALUE} if takes_key else {}
        hosts_models = all("ModelName" in variant for variant in variants)
        network = {} if hosts_models else self._isolation | self._vpc
        return self._tag_list | key | network

    @property
    def _tag_list(self) -> Members:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags.items()]}

    @property
    def _isolation(self) -> Members:
        return {"EnableNetworkIsolation": True} if self._network.isolation else {}

    @property
    def _job_network(self) -> Members:
        between = {"EnableInterContainerTrafficEncryption": True}
        return self._isolation | (between if self._network.encrypt_between_hosts else {})

    @property
    def _vpc(self) -> Members:
        if not self._network.is_vpc:
            return {}
        ids = {
            "Subnets": self._network.subnet_ids,
            "SecurityGroupIds": self._network.security_group_ids,
        }
        return {"VpcConfig": ids}

    def _volume_key(self, resources: Members) -> Members:
        return {"VolumeKmsKeyId": KEY_VALUE} if self._takes_key(resources) else {}

    def _takes_key(self, resources: Members) -> bool:
        return not has_local_storage(self._constants.value(resources["InstanceType"]))


class _Constants:
    """What members stand for that are the same in every execution."""

    def __init__(self, definition: Members, substitutions: Mapping[str, str]) -> None:
        self._substitutions = substitutions
        first = definition["States"].get(definition.get("StartAt"), {})
        again = [s.get("Assign", {}) for _, s in _states(definition) if s is not first]
        self._assigned = {
            name: value
            for name, value in first.get("Assign", {}).items()
            if not any(name in one for one in again)
        }

    def value(self, member: str) -> str:
        """Text, with substitutions, or an expression that is a variable of the first state.

        Raises ValueError for another expression.
        """
        value: Any = member
        if path := re.fullmatch(r"\{% \$([\w.]+) %\}", member):
            value = self._assigned
            for name in path[1].split("."):
                value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, str) or "{%" in value:
            raise ValueError(f"{member} has to be the same in every execution")
        return re.sub(r"\$\{(\w+)\}", lambda found: self._substitutions[found[1]], value)


def _call_of(resource: str) -> str:
    """service:action of a Task's resource; empty for a state without."""
    found = re.search(r":(?:aws-sdk:)?(\w+):(\w+)(?:\.\w+)?$", resource)
    return f"{found[1]}:{found[2]}" if found else ""


def _states(machine: Members) -> Iterator[tuple[str, Members]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor")):
            if inner:
                yield from _states(inner)


def _members(value: Any) -> Members:
    if not isinstance(value, dict):
        raise ValueError("an expression stands where members have to be added")
    return value


def _merge(arguments: Members, added: Members) -> None:
    for name, value in added.items():
        if name in arguments and isinstance(value, dict):
            _merge(_members(arguments[name]), value)
        elif name in arguments:
            raise ValueError(f"{name} is added to every such call, and stands there already")
        else:
            arguments[name] = value
