"""What a provider is given to create one resource."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore import xform_name

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.resources.responses import Responses
from localcloud.resources.shapes import fit


class Properties(Mapping[str, Any]):
    """A resource's resolved properties, which remember what was read of them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        self._read.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def without(self, *names: str) -> dict[str, Any]:
        """Every property but these, which stay unread."""
        return {name: self[name] for name in self._values if name not in names}

    def peek(self) -> Mapping[str, Any]:
        """Every property, without counting as having read them."""
        return self._values

    @property
    def unread(self) -> list[str]:
        return sorted(self._values.keys() - self._read)


@dataclass(frozen=True)
class Created:
    """What a provider returns: the value of `Ref`, and those of `Fn::GetAtt`."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Deployer(Protocol):
    """What a provider can ask of the deployment that it is part of."""

    responses: Responses

    def nested_stack(self, context: Context, properties: Properties) -> Created:
        """Bring a nested stack up."""

    def logical_id_of_arn(self, arn: str) -> str | None:
        """The logical ID of the resource, in any stack, whose `Arn` this is."""


@dataclass
class Context:
    """One resource of one stack, and the means to create it."""

    account: Account
    deployer: Deployer
    stack_name: str
    stack_id: str
    logical_id: str
    resource_type: str
    definition: Mapping[str, Any]
    not_simulated: list[str] = field(default_factory=list)

    def client(self, service_name: str) -> Any:
        """A client that acts as the account's administrator."""
        return self.account.client(service_name, Caller.administrator())

    def call(self, service_name: str, operation: str, /, **parameters: Any) -> Any:
        """Call an operation with a template's values; what it can't take is noted.

        `operation` is PascalCase; parameters are fitted to its input shape (see `shapes.fit`).
        Those that are None are left out.
        """
        client = self.client(service_name)
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = {name: value for name, value in parameters.items() if value is not None}
        fitted, unknown = fit(shape, given)
        self.not_simulated += unknown
        return getattr(client, xform_name(operation))(**fitted)

    def physical_name(self, max_length: int = 64, change: Callable[[str], str] = str) -> str:
        """A name as CloudFormation makes one: stack, logical ID and a suffix of its own.

        The suffix depends on both alone, so names are the same each time the cloud starts.
        """
        digest = hashlib.sha256(f"{self.stack_name}/{self.logical_id}".encode()).digest()
        suffix = base64.b32encode(digest)[:12].decode()
        room = max_length - len(suffix) - 2
        logical_id = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        stack_name = self.stack_name[: room - len(logical_id)].rstrip("-")
        return change(f"{stack_name}-{logical_id}-{suffix}")

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.account.region}:{self.account.id}:{resource}"


Provider = Callable[[Context, Properties], Created]
