"""What a team's tests hold its own templates against: all of localcloud that they may import."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.assets import FileAsset, ImageAsset
from localcloud.clock import Clock
from localcloud.events.patterns import matches
from localcloud.iam.actions import action_name, demands
from localcloud.iam.demand import Demand, Inventory, Place
from localcloud.iam.policy import AccessRequest, Decision, Principal, decide, parse_policy
from localcloud.monitoring import expressions
from localcloud.resources.table import Handling, handling_of
from localcloud.template.assembly import Assembly, StackArtifact
from localcloud.template.check import check_assembly
from localcloud.workflows.definition import find_problems
from localcloud.workflows.errors import StateError
from localcloud.workflows.integrations.parameters import to_botocore
from localcloud.workflows.integrations.resource import Resource, parse
from localcloud.workflows.integrations.sync_jobs import JOBS, Job
from localcloud.workflows.jsonata_queries import Query
from localcloud.workflows.rehearsal import Rehearsal

__all__ = [
    "Assembly",
    "Demand",
    "FileAsset",
    "Handling",
    "ImageAsset",
    "Inventory",
    "Job",
    "Place",
    "Rehearsal",
    "Resource",
    "StackArtifact",
    "StateError",
    "action_name",
    "allows",
    "check_assembly",
    "demands",
    "evaluate",
    "find_problems",
    "handling_of",
    "job_of",
    "matches",
    "metric_math",
    "task_parameters",
    "task_resource",
]


def allows(statements: Iterable[Mapping[str, Any]], role_arn: str, demand: Demand) -> bool:
    """Whether a role with these policy statements may do what a demand is made of.

    Raises ValueError for a statement that isn't valid or not understood.
    """
    document = json.dumps({"Version": "2012-10-17", "Statement": [dict(one) for one in statements]})
    principal = Principal(role_arn.split(":")[4], (role_arn,))
    request = AccessRequest(demand.action, demand.resource, principal, demand.context)
    return decide([parse_policy(document)], request) is Decision.ALLOW


def evaluate(value: Any, variables: Mapping[str, Any], field: str = "") -> Any:
    """A definition's value, each JSONata expression (`{% … %}`) in it replaced by what it gives.

    Raises StateError where one fails, which says that it stands in `field`.
    """
    return Query(variables, Clock()).expand(value, field)


def metric_math(expression: str, values: Mapping[str, float]) -> float | None:
    """What an alarm's expression gives in a period in which its metrics have these values.

    None where it gives nothing. Raises ServiceError for an expression that is not understood.
    """
    result = expressions.evaluate(expression, {name: {0: one} for name, one in values.items()}, [0])
    return result.get(0) if isinstance(result, dict) else result


def task_resource(text: str) -> Resource:
    """A Task's Resource: its service, operation and pattern. ValueError for one that is none."""
    return parse(text)


def task_parameters(arguments: Any, resource: Resource) -> dict[str, Any]:
    """What a Task sends, as boto3 takes it. ValueError for what its operation doesn't have."""
    return to_botocore(arguments, resource)


def job_of(resource: Resource) -> Job | None:
    """How Step Functions follows the job that a Task starts; None where it starts none."""
    return JOBS.get(resource.operation) if resource.pattern == "sync" else None
