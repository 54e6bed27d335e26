"""What DescribeStackEvents tells of a stack: how its resources came up, the latest first."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from localcloud.template.stack import Stack, StackResource

Event = dict[str, Any]


def stack_events(stack: Stack) -> list[Event]:
    """Events in CloudFormation's own shape."""
    events = [_of_stack(stack, "CREATE_IN_PROGRESS", stack.created_at)]
    last = stack.created_at
    for resource in stack.resources.values():
        last = resource.updated_at or last
        begun = resource.started_at or last
        events.append(_of_resource(stack, resource, "CREATE_IN_PROGRESS", begun))
        events.append(_of_resource(stack, resource, resource.status, last))
    if stack.status != "CREATE_IN_PROGRESS":
        events.append(_of_stack(stack, stack.status, last))
    return events[::-1]


def _of_stack(stack: Stack, status: str, at: datetime) -> Event:
    return _event(stack, stack.name, stack.stack_id, "AWS::CloudFormation::Stack", status, at)


def _of_resource(stack: Stack, resource: StackResource, status: str, at: datetime) -> Event:
    # A resource has no physical ID before it is there.
    physical_id = resource.physical_id if status == "CREATE_COMPLETE" else ""
    kind = resource.resource_type
    event = _event(stack, resource.logical_id, physical_id, kind, status, at)
    properties = json.dumps(resource.definition.get("Properties", {}))
    return event | {"ResourceProperties": properties}


def _event(
    stack: Stack, logical_id: str, physical_id: str, kind: str, status: str, at: datetime
) -> Event:
    # The same event has the same ID each time it is asked for.
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{stack.stack_id}/{logical_id}/{kind}/{status}")
    return {
        "StackId": stack.stack_id,
        "EventId": f"{logical_id}-{status}-{unique}",
        "StackName": stack.name,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
        "Timestamp": at,
        "ResourceStatus": status,
    }
