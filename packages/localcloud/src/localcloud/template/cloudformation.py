"""CloudFormation's API over the stacks that are up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.request import Request as HttpRequest

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.resources.responses import Responses
from localcloud.service import Control, Service
from localcloud.template.stack import Stack, StackResource
from localcloud.template.stack_events import stack_events

_READ_ONLY = (
    "stacks come from the assembly that localcloud was started with: "
    "synthesize it again and start localcloud anew"
)


class CloudFormationService(Service):
    """Answers what is up; nothing is created, changed or deleted through it."""

    service_name = "cloudformation"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.stacks: dict[str, Stack] = {}
        self.responses = Responses()

    def controls(self) -> Mapping[tuple[str, str], Control]:
        return {
            ("GET", "/_localcloud/resources"): lambda _: {"resources": self.deployed_resources()},
            ("PUT", "/_localcloud/cfn-response/"): self._receive,
        }

    def add(self, stack: Stack) -> None:
        if stack.name in self.stacks:
            raise ValueError(f"two stacks are named {stack.name}: give one another stack_name")
        self.stacks[stack.name] = stack

    def _receive(self, request: HttpRequest) -> dict[str, Any]:
        """A custom resource's answer, PUT to its response URL. See `Responses.receive`."""
        self.responses.receive(request.path.rpartition("/")[2], request.get_data())
        return {}

    def deployed_resources(self) -> list[dict[str, Any]]:
        """Every resource of every stack, for the control page."""
        return [
            {
                "stack": stack.name,
                "logical_id": resource.logical_id,
                "construct_path": resource.construct_path,
                "type": resource.resource_type,
                "physical_id": resource.physical_id,
                "mode": str(resource.handling),
                "reason": resource.reason,
                "not_simulated": resource.not_simulated,
            }
            for stack in self.stacks.values()
            for resource in stack.resources.values()
        ]

    def describe_stacks(self, request: Request, caller: Caller) -> Response:
        if "StackName" in request:
            return {"Stacks": [_stack(self._stack(request["StackName"]))]}
        return {"Stacks": [_stack(stack) for stack in self.stacks.values()]}

    def list_stacks(self, request: Request, caller: Caller) -> Response:
        wanted = request.get("StackStatusFilter")
        found = [s for s in self.stacks.values() if not wanted or s.status in wanted]
        return {"StackSummaries": [_summary(stack) for stack in found]}

    def describe_stack_resources(self, request: Request, caller: Caller) -> Response:
        stack = self._stack(request.get("StackName") or self._owner(request))
        wanted = request.get("LogicalResourceId")
        found = [r for r in stack.resources.values() if wanted in (None, r.logical_id)]
        return {"StackResources": [_resource(r) | _of(stack) for r in found]}

    def describe_stack_resource(self, request: Request, caller: Caller) -> Response:
        stack = self._stack(request["StackName"])
        resource = stack.resources.get(request["LogicalResourceId"])
        if resource is None:
            logical_id = request["LogicalResourceId"]
            raise ServiceError(
                "ValidationError",
                f"Resource {logical_id} does not exist for stack {stack.name}",
            )
        metadata = {
            **resource.definition.get("Metadata", {}),
            "localcloud": {
                "handling": str(resource.handling),
                "reason": resource.reason,
                "not_simulated": resource.not_simulated,
            },
        }
        detail = _resource(resource) | _of(stack)
        detail["LastUpdatedTimestamp"] = detail.pop("Timestamp")
        return {"StackResourceDetail": detail | {"Metadata": json.dumps(metadata)}}

    def list_stack_resources(self, request: Request, caller: Caller) -> Response:
        summaries = []
        for resource in self._stack(request["StackName"]).resources.values():
            summary = _resource(resource)
            summary["LastUpdatedTimestamp"] = summary.pop("Timestamp")
            summaries.append(summary)
        return {"StackResourceSummaries": summaries}

    def describe_stack_events(self, request: Request, caller: Caller) -> Response:
        return {"StackEvents": stack_events(self._stack(request.get("StackName", "")))}

    def list_exports(self, request: Request, caller: Caller) -> Response:
        return {
            "Exports": [
                {"ExportingStackId": s.stack_id, "Name": o.export_name, "Value": o.value}
                for s in self.stacks.values()
                for o in s.outputs.values()
                if o.export_name
            ]
        }

    def get_template(self, request: Request, caller: Caller) -> Response:
        template = self._stack(request.get("StackName", "")).template
        return {"TemplateBody": json.dumps(template, indent=1), "StagesAvailable": ["Original"]}

    def create_stack(self, request: Request, caller: Caller) -> Response:
        raise ServiceError("ValidationError", _READ_ONLY)

    update_stack = delete_stack = create_change_set = execute_change_set = create_stack

    def _stack(self, name: str) -> Stack:
        for stack in self.stacks.values():
            if name in (stack.name, stack.stack_id):
                return stack
        raise ServiceError("ValidationError", f"Stack with id {name} does not exist")

    def _owner(self, request: Request) -> str:
        physical_id = request.get("PhysicalResourceId")
        for stack in self.stacks.values():
            if any(r.physical_id == physical_id for r in stack.resources.values()):
                return stack.name
        raise ServiceError("ValidationError", f"Stack for {physical_id} does not exist")


def _summary(stack: Stack) -> Response:
    summary: Response = {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "CreationTime": stack.created_at,
        "StackStatus": stack.status,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    if "Description" in stack.template:
        summary["TemplateDescription"] = stack.template["Description"]
    return summary | ({"ParentId": stack.parent_id} if stack.parent_id else {})


def _stack(stack: Stack) -> Response:
    described = _summary(stack)
    if "TemplateDescription" in described:
        described["Description"] = described.pop("TemplateDescription")
    described["Parameters"] = [
        _described(stack, name, value) for name, value in stack.parameters.items()
    ]
    described["Outputs"] = [
        {
            name: value
            for name, value in (
                ("OutputKey", output.key),
                ("OutputValue", output.value),
                ("Description", output.description),
                ("ExportName", output.export_name),
            )
            if value is not None
        }
        for output in stack.outputs.values()
    ]
    described["Tags"] = [{"Key": key, "Value": value} for key, value in stack.tags.items()]
    return described


def _described(stack: Stack, name: str, value: Any) -> Response:
    shown = _parameter(stack, name, value)
    if name in stack.ssm_names:
        key = {"ParameterKey": name, "ParameterValue": stack.ssm_names[name]}
        return key | {"ResolvedValue": shown}
    return {"ParameterKey": name, "ParameterValue": shown}


def _parameter(stack: Stack, name: str, value: Any) -> str:
    if stack.template["Parameters"][name].get("NoEcho"):
        return "****"
    return ",".join(value) if isinstance(value, list) else str(value)


def _of(stack: Stack) -> Response:
    return {"StackName": stack.name, "StackId": stack.stack_id}


def _resource(resource: StackResource) -> Response:
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.resource_type,
        "Timestamp": resource.updated_at,
        "ResourceStatus": resource.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
