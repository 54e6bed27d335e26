"""What SageMaker is asked for with every job, model and endpoint: the key, tags, the network.

The definitions in stacks/workflows/ say what is theirs alone; this is added to their calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.environment import Environment
from stacks.environment.aws_offers import has_local_storage

# The substitution that the key's ARN is given by.
KEY = "KmsKeyId"
Members = dict[str, Any]


def with_safeguards(
    definition: Members, environment: Environment, substitutions: Mapping[str, str]
) -> Members:
    """The definition, changed: its calls to SageMaker have what every such call has.

    Raises ValueError for a call whose members can't be known, or that already has them.
    """
    added = _Safeguards(environment, substitutions)
    for name, state in _states(definition):
        call = _call_of(state.get("Resource", ""))
        if call is not None and (members := added.members(call, state["Arguments"])):
            try:
                _merge(state["Arguments"], members)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    return definition


class _Safeguards:
    def __init__(self, environment: Environment, substitutions: Mapping[str, str]) -> None:
        self._network, self._tags = environment.network, environment.all_tags
        self._substitutions = substitutions

    def members(self, call: str, arguments: Members) -> Members:
        """What is added to a call, by its action; nothing to a call of another kind."""
        match call:
            case "sagemaker:createTrainingJob":
                return {
                    "Tags": self._tag_list,
                    "OutputDataConfig": {"KmsKeyId": f"${{{KEY}}}"},
                    "ResourceConfig": self._volume_key(arguments["ResourceConfig"]),
                    **self._job_network,
                    **self._vpc,
                }
            case "sagemaker:createProcessingJob":
                cluster = arguments["ProcessingResources"]["ClusterConfig"]
                network = {**self._job_network, **self._vpc}
                return {
                    "Tags": self._tag_list,
                    "ProcessingOutputConfig": {"KmsKeyId": f"${{{KEY}}}"},
                    "ProcessingResources": {"ClusterConfig": self._volume_key(cluster)},
                    **({"NetworkConfig": network} if network else {}),
                }
            case "sagemaker:createModel":
                return {"Tags": self._tag_list, **self._isolation, **self._vpc}
            case "sagemaker:createEndpointConfig":
                return {
                    "Tags": self._tag_list,
                    **self._endpoint_key(arguments["ProductionVariants"]),
                }
            case "sagemaker:createEndpoint":
                return {"Tags": self._tag_list}
            case "applicationautoscaling:registerScalableTarget":
                return {"Tags": dict(self._tags)}
        return {}

    @property
    def _tag_list(self) -> list[Members]:
        return [{"Key": key, "Value": value} for key, value in self._tags.items()]

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
        takes_key = not has_local_storage(self._value(resources["InstanceType"]))
        return {"VolumeKmsKeyId": f"${{{KEY}}}"} if takes_key else {}

    def _endpoint_key(self, variants: list[Members]) -> Members:
        """One key for all variants: none where one of them takes none."""
        types = [self._value(variant["InstanceType"]) for variant in variants]
        return {} if any(map(has_local_storage, types)) else {"KmsKeyId": f"${{{KEY}}}"}

    def _value(self, member: str) -> str:
        return re.sub(r"\$\{(\w+)\}", lambda found: self._substitutions[found[1]], member)


def _call_of(resource: str) -> str | None:
    """service:action of a Task's resource; None for a state without."""
    found = re.search(r":(?:aws-sdk:)?(\w+):(\w+)(?:\.\w+)?$", resource)
    return f"{found[1]}:{found[2]}" if found else None


def _states(machine: Members) -> Iterator[tuple[str, Members]]:
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor")):
            if inner:
                yield from _states(inner)


def _merge(arguments: Any, members: Members) -> None:
    if not isinstance(arguments, dict):
        raise ValueError("an expression stands where members have to be added")
    for name, value in members.items():
        if name in arguments and isinstance(value, dict):
            _merge(arguments[name], value)
        elif name in arguments:
            raise ValueError(f"{name} is added to every such call, and stands there already")
        else:
            arguments[name] = value
