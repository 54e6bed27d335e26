"""Versions and aliases: published, routed, listed, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.calls import Caller, ServiceError

ADMINISTRATOR = Caller.administrator()


def call(workflows: Any, operation: str, **request: Any) -> Any:
    return getattr(workflows.service, operation)(request, ADMINISTRATOR)


def code(workflows: Any, operation: str, **request: Any) -> str:
    with pytest.raises(ServiceError) as refusal:
        call(workflows, operation, **request)
    return refusal.value.code


def giving(value: int) -> dict[str, Any]:
    return {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": True}}}


def update(workflows: Any, machine: str, value: int, **more: Any) -> Any:
    definition = json.dumps(giving(value))
    return call(
        workflows, "update_state_machine", stateMachineArn=machine, definition=definition, **more
    )


def run(workflows: Any, arn: str) -> dict[str, Any]:
    started = call(workflows, "start_execution", stateMachineArn=arn)
    return dict(workflows.wait(started["executionArn"]))


def route(version: str, weight: int = 100) -> dict[str, Any]:
    return {"stateMachineVersionArn": version, "weight": weight}


@pytest.fixture
def machine(workflows: Any) -> str:
    return str(workflows.create(giving(0), name="m"))


def test_a_version_stays_as_it_was_published(workflows: Any, machine: str) -> None:
    request = {"stateMachineArn": machine, "description": "first"}
    first = call(workflows, "publish_state_machine_version", **request)["stateMachineVersionArn"]
    again = call(workflows, "publish_state_machine_version", **request)["stateMachineVersionArn"]
    assert (first, again) == (f"{machine}:1", first)
    second = update(workflows, machine, 1, publish=True)["stateMachineVersionArn"]
    update(workflows, machine, 2)
    assert [run(workflows, arn)["output"] for arn in (machine, first, second)] == ["2", "0", "1"]
    described = call(workflows, "describe_state_machine", stateMachineArn=first)
    assert (described["stateMachineArn"], described["description"]) == (first, "first")
    listed = call(workflows, "list_state_machine_versions", stateMachineArn=machine)
    arns = [version["stateMachineVersionArn"] for version in listed["stateMachineVersions"]]
    assert arns == [second, first]


def test_executions_name_their_version_and_alias(workflows: Any, machine: str) -> None:
    version = call(workflows, "publish_state_machine_version", stateMachineArn=machine)
    arn = version["stateMachineVersionArn"]
    alias = call(
        workflows, "create_state_machine_alias", name="live", routingConfiguration=[route(arn)]
    )["stateMachineAliasArn"]
    assert alias == f"{machine}:live"
    described = run(workflows, alias)
    assert described["stateMachineArn"] == machine
    assert described["stateMachineVersionArn"] == arn
    assert described["stateMachineAliasArn"] == alias
    run(workflows, machine)
    for listed, expected in ((machine, 2), (arn, 1), (alias, 1)):
        found = call(workflows, "list_executions", stateMachineArn=listed)["executions"]
        assert len(found) == expected


def test_an_alias_is_moved(workflows: Any, machine: str) -> None:
    first = call(workflows, "publish_state_machine_version", stateMachineArn=machine)
    first_arn = first["stateMachineVersionArn"]
    second_arn = update(workflows, machine, 1, publish=True)["stateMachineVersionArn"]
    both = [route(first_arn, 50), route(second_arn, 50)]
    alias = call(workflows, "create_state_machine_alias", name="live", routingConfiguration=both)
    arn = alias["stateMachineAliasArn"]
    assert {run(workflows, arn)["output"] for _ in range(40)} == {"0", "1"}
    routes = [route(second_arn)]
    request = {"stateMachineAliasArn": arn, "routingConfiguration": routes}
    call(workflows, "update_state_machine_alias", **request)
    assert {run(workflows, arn)["output"] for _ in range(5)} == {"1"}
    described = call(workflows, "describe_state_machine_alias", stateMachineAliasArn=arn)
    assert (described["name"], described["routingConfiguration"]) == ("live", routes)
    assert (
        code(workflows, "delete_state_machine_version", stateMachineVersionArn=second_arn)
        == "ConflictException"
    )
    call(workflows, "delete_state_machine_version", stateMachineVersionArn=first_arn)
    call(workflows, "delete_state_machine_alias", stateMachineAliasArn=arn)
    assert code(workflows, "start_execution", stateMachineArn=arn) == "StateMachineDoesNotExist"


def test_what_an_alias_refuses(workflows: Any, machine: str) -> None:
    version = call(workflows, "publish_state_machine_version", stateMachineArn=machine)
    arn = version["stateMachineVersionArn"]
    for routes, expected in (
        ([], "ValidationException"),
        ([route(arn, 50)], "ValidationException"),
        ([route(arn, 50), route(arn, 50)], "ValidationException"),
        ([route(f"{machine}:9")], "ResourceNotFound"),
    ):
        request = {"name": "live", "routingConfiguration": routes}
        assert code(workflows, "create_state_machine_alias", **request) == expected
    request = {"name": "1", "routingConfiguration": [route(arn)]}
    assert code(workflows, "create_state_machine_alias", **request) == "InvalidName"
    request = {"stateMachineArn": machine, "revisionId": "other"}
    assert code(workflows, "publish_state_machine_version", **request) == "ConflictException"


def test_a_deleted_machines_versions_are_gone(workflows: Any, machine: str) -> None:
    version = call(workflows, "publish_state_machine_version", stateMachineArn=machine)
    call(workflows, "delete_state_machine", stateMachineArn=machine)
    arn = version["stateMachineVersionArn"]
    assert code(workflows, "start_execution", stateMachineArn=arn) == "StateMachineDoesNotExist"
