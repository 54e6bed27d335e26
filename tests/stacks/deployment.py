"""What the templates of an environment say once every reference in them has its value."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.check import Demand, Place, allows

from cli.account import Account
from meguru.variables import VARIABLES_FILE

if TYPE_CHECKING:
    from localcloud.check import Assembly

    from tests.stacks.synthesis import Resource, Synthesis

ACCOUNT = "123456789012"


class NoInventory:
    """Calls of workflows name their resources in full."""

    def secret_arn(self, secret_id: str) -> str | None:
        return None

    def key_arn(self, key_id: str) -> str | None:
        return None

    def role_arn(self, name: str) -> str | None:
        return None

    def partition_key(self, table_name: str, index: str | None = None) -> str | None:
        return None


@dataclass(frozen=True)
class Role:
    """A role with its policies' statements."""

    arn: str
    statements: tuple[dict[str, Any], ...]

    def allows(self, demand: Demand) -> bool:
        return allows(self.statements, self.arn, demand)

    def actions(self) -> set[str]:
        return {action for one in self.statements for action in listed(one["Action"])}

    def without(self, action: str) -> Role:
        """The role with one action taken out of every statement."""
        left = []
        for statement in self.statements:
            actions = [name for name in listed(statement["Action"]) if name != action]
            if actions:
                left.append({**statement, "Action": actions})
        return replace(self, statements=tuple(left))


@dataclass(frozen=True)
class StateMachine:
    name: str
    definition: dict[str, Any]
    role: Role


@dataclass(frozen=True)
class Function:
    """A function of ours; `folder` is its folder in lambdas/.

    `long_variables` are what it is told by a file in its asset.
    """

    folder: str
    variables: dict[str, str]
    long_variables: dict[str, str]
    role: Role

    @property
    def told(self) -> dict[str, str]:
        return self.variables | self.long_variables


@dataclass(frozen=True)
class Deployment:
    """`model` is the name of its first model's endpoint and model package group.

    `has_hours` says whether an endpoint of it has.
    """

    model: str
    is_destroyable: bool
    has_hours: bool
    place: Place
    state_machines: dict[str, StateMachine]
    functions: dict[str, Function]


def read_deployment(synthesis: Synthesis, endpoint_url: str) -> Deployment:
    """Ask a local cloud that runs the synthesis."""
    reader = _Reader(synthesis, Account(synthesis.name, endpoint_url))
    machines = [reader.state_machine(r) for r in synthesis.resources(STATE_MACHINE)]
    functions = [
        reader.function(resource, folder)
        for resource in synthesis.resources("AWS::Lambda::Function")
        if (folder := function_folder(synthesis.assembly, resource))
    ]
    place = Place(ACCOUNT, synthesis.environment.region or "us-east-1", NoInventory())
    return Deployment(
        next(iter(synthesis.environment.endpoints.values())),
        synthesis.environment.destroyable,
        any(model.endpoint.hours for model in synthesis.environment.models.values()),
        place,
        # Where each model has one of that name, the first model's.
        {machine.name: machine for machine in reversed(machines)},
        {function.folder: function for function in functions},
    )


STATE_MACHINE = "AWS::StepFunctions::StateMachine"


class _Reader:
    def __init__(self, synthesis: Synthesis, account: Account) -> None:
        self._account, self._assembly = account, synthesis.assembly
        self._physical_ids = {
            (stack.stack_name, resource["LogicalResourceId"]): resource["PhysicalResourceId"]
            for stack in synthesis.assembly.stacks
            for resource in account.client("cloudformation").describe_stack_resources(
                StackName=stack.stack_name
            )["StackResources"]
        }

    def state_machine(self, resource: Resource) -> StateMachine:
        machine = self._account.client("stepfunctions").describe_state_machine(
            stateMachineArn=self._physical_id(resource)
        )
        name = resource.path.split("/")[-2]
        return StateMachine(name, json.loads(machine["definition"]), self._role(machine["roleArn"]))

    def function(self, resource: Resource, folder: str) -> Function:
        said = self._account.client("lambda").get_function_configuration(
            FunctionName=self._physical_id(resource)
        )
        variables = said.get("Environment", {}).get("Variables", {})
        in_file = long_variables(self._assembly, resource)
        return Function(folder, variables, in_file, self._role(said["Role"]))

    def _physical_id(self, resource: Resource) -> str:
        return str(self._physical_ids[resource.stack, resource.logical_id])

    def _role(self, arn: str) -> Role:
        iam, name = self._account.client("iam"), arn.rpartition("/")[2]
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        assert not iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        return Role(arn, tuple(one for document in documents for one in document["Statement"]))


def function_folder(assembly: Assembly, resource: Resource) -> str | None:
    """The folder of lambdas/ a function's code is, None for a function that CDK brings."""
    asset = asset_of(assembly, resource)
    folders = [path.name for path in (asset / "lambdas").glob("*")]
    return folders[0] if folders else None


def long_variables(assembly: Assembly, resource: Resource) -> dict[str, str]:
    """What a function is told by a file in its asset."""
    files = list(asset_of(assembly, resource).glob(f"lambdas/*/{VARIABLES_FILE}"))
    found: dict[str, str] = json.loads(files[0].read_text()) if files else {}
    return found


def asset_of(assembly: Assembly, resource: Resource) -> Path:
    """The folder of a function's code."""
    asset = assembly.file_asset(resource.properties["Code"]["S3Key"])
    assert asset is not None
    return asset


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
