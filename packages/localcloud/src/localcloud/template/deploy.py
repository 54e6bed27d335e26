"""Brings an assembly up: every resource of every stack, in order."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.resources.context import Context, Created, Properties
from localcloud.resources.table import handling_of
from localcloud.template.bootstrap import Bootstrap, bootstrap_versions
from localcloud.template.check import check_assembly
from localcloud.template.cloudformation import CloudFormationService
from localcloud.template.dynamic_references import DynamicReferences
from localcloud.template.intrinsics import Intrinsics, text
from localcloud.template.ordering import creation_order
from localcloud.template.parameters import check_rules, parameter_values, ssm_names
from localcloud.template.stack import Output, Stack, StackResource
from localcloud.template.stack_scope import StackScope

if TYPE_CHECKING:
    from localcloud.account import Account
    from localcloud.template.assembly import Assembly


# Their APIs answer a second creation with what is there already; CloudFormation refuses it.
_CREATED_TWICE = {"AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}


class DeploymentError(ValueError):
    """A resource that couldn't be created: stack, resource and AWS's reason in one line."""


def deploy(
    account: Account, assembly: Assembly, cloudformation: CloudFormationService
) -> list[Stack]:
    """Bring an assembly up and return its stacks, in order.

    Nothing is created where the assembly holds something that localcloud doesn't know (ValueError);
    the first resource that fails ends the deployment (DeploymentError).
    """
    check_assembly(assembly)
    return Deployment(account, assembly, cloudformation).run()


class Deployment:
    """One deployment of an assembly: the `Deployer` of its resources."""

    def __init__(
        self, account: Account, assembly: Assembly, cloudformation: CloudFormationService
    ) -> None:
        self._account = account
        self._assembly = assembly
        self._service = cloudformation
        self._bootstrap = Bootstrap(account, assembly)
        self._references = DynamicReferences(account, bootstrap_versions(assembly))
        self.responses = self._service.responses

    def run(self) -> list[Stack]:
        return [
            self._bring_up(
                stack.stack_name, stack.template, dict(stack.parameters), tags=stack.tags
            )
            for stack in self._assembly.stacks
        ]

    def nested_stack(self, context: Context, properties: Properties) -> Created:
        """Bring a nested stack up; its outputs are its attributes."""
        stack = self._bring_up(
            context.physical_name(128),
            self._assembly.nested_template(context.definition),
            properties.get("Parameters", {}),
            tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
            parent_id=context.stack_id,
        )
        outputs = {output.key: output.value for output in stack.outputs.values()}
        return Created(stack.stack_id, {"Outputs": outputs})

    def logical_id_of_arn(self, arn: str) -> str | None:
        for stack in self._service.stacks.values():
            for resource in stack.resources.values():
                if resource.attributes.get("Arn") == arn:
                    return resource.logical_id
        return None

    def _bring_up(
        self,
        name: str,
        template: Mapping[str, Any],
        parameters: Mapping[str, Any],
        *,
        tags: Mapping[str, str],
        parent_id: str | None = None,
    ) -> Stack:
        unique = uuid.UUID(hashlib.sha256(name.encode()).hexdigest()[:32])
        arn = f"arn:aws:cloudformation:{self._account.region}:{self._account.id}"
        stack_id = f"{arn}:stack/{name}/{unique}"
        stack = Stack(name, stack_id, template, self._account.clock.now(), tags, parent_id)
        self._service.add(stack)
        try:
            self._create_all(stack, parameters)
        except ValueError as error:
            stack.status = "CREATE_FAILED"
            if isinstance(error, DeploymentError):
                raise
            raise DeploymentError(f"stack {name}: {error}") from error
        stack.status = "CREATE_COMPLETE"
        return stack

    def _create_all(self, stack: Stack, parameters: Mapping[str, Any]) -> None:
        scope = StackScope(
            stack,
            self._service.stacks,
            account=self._account.id,
            region=self._account.region,
            endpoint_url=self._account.endpoint_url,
            dynamic_references=self._references,
        )
        intrinsics = Intrinsics(scope)
        stack.parameters = parameter_values(stack.template, parameters, self._references.parameter)
        stack.ssm_names = ssm_names(stack.template, parameters)
        check_rules(stack.template, intrinsics)
        resources = stack.template.get("Resources", {})
        for logical_id in creation_order(resources, stack.name):
            condition = resources[logical_id].get("Condition")
            if condition is None or scope.condition(condition):
                self._create(stack, logical_id, resources[logical_id], intrinsics)
        stack.outputs = _outputs(stack.template, scope)

    def _create(
        self, stack: Stack, logical_id: str, definition: Mapping[str, Any], intrinsics: Intrinsics
    ) -> None:
        resource = StackResource(logical_id, definition, started_at=self._account.clock.now())
        context = self._context(stack, resource)
        try:
            properties = Properties(
                intrinsics.resolve(definition.get("Properties", {}), "Properties")
            )
            created = self._provide(context, properties)
            self._refuse_twice(resource.resource_type, created.physical_id)
        except DeploymentError:
            raise
        except KeyError as error:
            missing = ValueError(
                f"its properties lack {error}, which {resource.resource_type} needs"
            )
            raise DeploymentError(_failure(stack, resource, missing)) from error
        except (ClientError, BotoCoreError, ValueError) as error:
            raise DeploymentError(_failure(stack, resource, error)) from error
        entry = handling_of(resource.resource_type)
        assert entry is not None, "check_assembly has looked at every type"
        resource.handling, resource.reason = entry.handling, entry.reason
        resource.physical_id, resource.attributes = created.physical_id, created.attributes
        resource.not_simulated = sorted({*context.not_simulated, *properties.unread})
        resource.status, resource.updated_at = "CREATE_COMPLETE", self._account.clock.now()
        stack.resources[logical_id] = resource

    def _provide(self, context: Context, properties: Properties) -> Created:
        entry = handling_of(context.resource_type)
        assert entry is not None, "check_assembly has looked at every type"
        self._bootstrap.publish(context.resource_type, properties.peek())
        return entry.provider(context, properties)

    def _refuse_twice(self, resource_type: str, physical_id: str) -> None:
        for stack in self._service.stacks.values() if resource_type in _CREATED_TWICE else ():
            for other in stack.resources.values():
                if (other.resource_type, other.physical_id) == (resource_type, physical_id):
                    raise ValueError(
                        f"{physical_id} already exists: it is {other.logical_id} of {stack.name}"
                    )

    def _context(self, stack: Stack, resource: StackResource) -> Context:
        return Context(
            self._account,
            self,
            stack.name,
            stack.stack_id,
            resource.logical_id,
            resource.resource_type,
            resource.definition,
        )


def _failure(stack: Stack, resource: StackResource, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        reason = f"{detail.get('Code')}: {detail.get('Message')}"
    path = resource.construct_path
    where = "" if path == resource.logical_id else f" ({path})"
    return (
        f"stack {stack.name}: {resource.logical_id}{where}, {resource.resource_type}, "
        f"could not be created: {reason}"
    )


def _outputs(template: Mapping[str, Any], scope: StackScope) -> dict[str, Output]:
    intrinsics = Intrinsics(scope)
    outputs: dict[str, Output] = {}
    for key, declared in template.get("Outputs", {}).items():
        if "Condition" in declared and not scope.condition(declared["Condition"]):
            continue
        place = f"Outputs.{key}"
        value = text(intrinsics.resolve(declared["Value"], place), place)
        export = intrinsics.resolve(declared.get("Export", {}), place).get("Name")
        outputs[key] = Output(key, value, declared.get("Description"), export)
    return outputs
