"""The names in scope of one stack's template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.template.dynamic_references import DynamicReferences
from localcloud.template.intrinsics import Intrinsics
from localcloud.template.scope import NO_VALUE
from localcloud.template.stack import Stack, StackResource

_URL_SUFFIX = "amazonaws.com"
_API_ADDRESS = re.compile(r"https://([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")


class StackScope:
    """A `Scope` over a stack that is being brought up, among the stacks that are up."""

    def __init__(
        self,
        stack: Stack,
        stacks: Mapping[str, Stack],
        *,
        account: str,
        region: str,
        endpoint_url: str,
        dynamic_references: DynamicReferences,
    ) -> None:
        self.stack = stack
        self.region = region
        self.mappings: Mapping[str, Any] = stack.template.get("Mappings", {})
        self._stacks = stacks
        self._endpoint_url = endpoint_url
        self._dynamic_references = dynamic_references
        self._conditions: dict[str, bool] = {}
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": _URL_SUFFIX,
        }

    def ref(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.stack.parameters:
            return self.stack.parameters[name]
        return self._resource(name).physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        resource = self._resource(logical_id)
        found: Any = resource.attributes
        # Attributes nest: a nested stack's `Outputs.Name`, a secret's fields.
        for part in [name] if name in resource.attributes else name.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise LookupError(
                    f"{logical_id} ({resource.resource_type}) has no attribute {name!r} here; "
                    f"localcloud gives {', '.join(sorted(resource.attributes)) or 'none'}"
                )
            found = found[part]
        return found

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            declared = self.stack.template.get("Conditions", {})
            if name not in declared:
                raise LookupError(f"there is no condition {name}")
            place = f"Conditions.{name}"
            self._conditions[name] = Intrinsics(self).condition(declared[name], place)
        return self._conditions[name]

    def export(self, name: str) -> Any:
        for stack in self._stacks.values():
            for output in stack.outputs.values():
                if output.export_name == name:
                    return output.value
        raise LookupError(f"no stack that is up exports {name!r}: is its stack in this assembly?")

    def stack_output(self, stack_name: str, output_name: str) -> Any:
        # A weak reference may name the stack by its ARN.
        name = stack_name.split("/")[1] if stack_name.startswith("arn:") else stack_name
        stack = self._stacks.get(name)
        if stack is None or output_name not in stack.outputs:
            raise LookupError(f"no stack {name!r} that is up has an output {output_name!r}")
        return stack.outputs[output_name].value

    def finish(self, text: str) -> str:
        if "{{resolve:" in text:
            text = self._dynamic_references.resolve(text)
        return _API_ADDRESS.sub(self._local_api, text)

    def _local_api(self, match: re.Match[str]) -> str:
        return f"{self._endpoint_url}/_aws/execute-api/{match.group(1)}"

    def _resource(self, logical_id: str) -> StackResource:
        resource = self.stack.resources.get(logical_id)
        if resource is None:
            if logical_id in self.stack.template.get("Resources", {}):
                raise LookupError(f"{logical_id} isn't created: its condition is false")
            raise LookupError(f"the template has nothing named {logical_id}")
        return resource
