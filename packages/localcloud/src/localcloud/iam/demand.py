"""What a call must be allowed: an action on a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from localcloud.iam.patterns import Context

Parameters = Mapping[str, Any]
EVERYTHING = "*"


@dataclass(frozen=True)
class Demand:
    """One action on one resource's ARN, with the context keys that belong to this demand alone."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


class Inventory(Protocol):
    """What the account holds, as far as an ARN depends on it."""

    def secret_arn(self, secret_id: str) -> str | None:
        """The ARN of a secret by its name or ARN."""

    def key_arn(self, key_id: str) -> str | None:
        """The ARN of a KMS key by its id, ARN, alias or alias's ARN."""

    def role_arn(self, name: str) -> str | None:
        """The ARN of a role, whose path its name doesn't tell."""

    def partition_key(self, table_name: str, index: str | None = None) -> str | None:
        """The name of the partition key of a DynamoDB table, or of an index of it."""


@dataclass(frozen=True)
class Place:
    """The account and region where a call is made, and what they hold."""

    account: str
    region: str
    inventory: Inventory

    def arn(self, service: str, resource: str) -> str:
        """`arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"
