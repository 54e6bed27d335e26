"""The operations on versions and aliases of state machines."""

from __future__ import annotations

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.service import Service
from localcloud.workflows.paging import page
from localcloud.workflows.state_machines import StateMachine, StateMachines
from localcloud.workflows.versions import Versions


class VersionOperations(Service):
    """A part of the Step Functions service."""

    _machines: StateMachines
    _versions: Versions

    def publish_state_machine_version(self, request: Request, caller: Caller) -> Response:
        machine = self._machines.get(request["stateMachineArn"])
        if request.get("revisionId", machine.revision_id) != machine.revision_id:
            raise ServiceError("ConflictException", "The state machine has another revision")
        version = self._versions.publish(machine, request.get("description", ""))
        return {
            "creationDate": version.created_at,
            "stateMachineVersionArn": version.version_arn,
        }

    def _published(self, machine: StateMachine, request: Request) -> Response:
        """The member that creating or updating with `publish` answers."""
        if not request.get("publish"):
            return {}
        version = self._versions.publish(machine, request.get("versionDescription", ""))
        return {"stateMachineVersionArn": version.version_arn}

    @staticmethod
    def _check_publish(request: Request) -> None:
        if "versionDescription" in request and not request.get("publish"):
            raise ServiceError("ValidationException", "versionDescription needs publish")

    def list_state_machine_versions(self, request: Request, caller: Caller) -> Response:
        versions = [
            {"stateMachineVersionArn": version.version_arn, "creationDate": version.created_at}
            for version in self._versions.of_machine(request["stateMachineArn"])
        ]
        return page(versions, request, "stateMachineVersions")

    def delete_state_machine_version(self, request: Request, caller: Caller) -> Response:
        self._versions.delete(request["stateMachineVersionArn"])
        return {}

    def create_state_machine_alias(self, request: Request, caller: Caller) -> Response:
        description = request.get("description", "")
        routes = request["routingConfiguration"]
        return self._versions.create_alias(request["name"], description, routes).summary

    def describe_state_machine_alias(self, request: Request, caller: Caller) -> Response:
        return self._versions.alias(request["stateMachineAliasArn"]).description_members

    def update_state_machine_alias(self, request: Request, caller: Caller) -> Response:
        alias = self._versions.update_alias(
            request["stateMachineAliasArn"],
            request.get("description"),
            request.get("routingConfiguration"),
        )
        return {"updateDate": alias.updated_at}

    def delete_state_machine_alias(self, request: Request, caller: Caller) -> Response:
        self._versions.delete_alias(request["stateMachineAliasArn"])
        return {}

    def list_state_machine_aliases(self, request: Request, caller: Caller) -> Response:
        aliases = self._versions.aliases(request["stateMachineArn"])
        return page([alias.summary for alias in aliases], request, "stateMachineAliases")

    def _qualified(self, arn: str) -> StateMachine:
        """The machine, the version, or the version an alias leads to."""
        return self._versions.get(arn) or self._versions.route(arn) or self._machines.get(arn)
