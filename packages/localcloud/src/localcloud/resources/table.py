"""The table: what localcloud does with each type of resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from localcloud.resources import (
    apigateway,
    apigateway_keys,
    apigateway_methods,
    autoscaling,
    cloudformation,
    cloudwatch,
    custom,
    dynamodb,
    events,
    firehose,
    iam,
    kms,
    lambda_functions,
    logs,
    s3,
    sagemaker,
    secretsmanager,
    sns,
    sqs,
    ssm,
    stepfunctions,
)
from localcloud.resources.context import Provider
from localcloud.resources.recorded import RECORDED, REFUSED, record


class Handling(StrEnum):
    """`run`: it works as in AWS. `recorded`: kept and shown. `refused`: stops the start."""

    RUN = "run"
    RECORDED = "recorded"
    REFUSED = "refused"


@dataclass(frozen=True)
class Entry:
    """A row of the table; `reason` says why a type is recorded or refused."""

    handling: Handling
    provider: Provider
    reason: str = ""


_MODULES = (
    apigateway,
    apigateway_keys,
    apigateway_methods,
    autoscaling,
    cloudformation,
    cloudwatch,
    dynamodb,
    events,
    firehose,
    iam,
    kms,
    lambda_functions,
    logs,
    s3,
    sagemaker,
    secretsmanager,
    sns,
    sqs,
    ssm,
    stepfunctions,
)

TABLE: Mapping[str, Entry] = {
    **{
        resource_type: Entry(Handling.RUN, provider)
        for module in _MODULES
        for resource_type, provider in module.PROVIDERS.items()
    },
    **{
        resource_type: Entry(Handling.RECORDED, record, reason)
        for resource_type, reason in RECORDED.items()
    },
    **{
        resource_type: Entry(Handling.REFUSED, record, reason)
        for resource_type, reason in REFUSED.items()
    },
}

_CUSTOM = Entry(Handling.RUN, custom.custom_resource)


def handling_of(resource_type: str) -> Entry | None:
    """The row of a type; None where the table doesn't have it."""
    if resource_type.startswith("Custom::"):
        return _CUSTOM
    return TABLE.get(resource_type)
