"""Calling an operation as the state machine's role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.workflows.cancellation import Cancellation
from localcloud.workflows.integrations import error_names
from localcloud.workflows.integrations.resource import Resource


@dataclass(frozen=True)
class Caller:
    """Calls one resource's service. `client` makes a boto3 client of the role by service name."""

    resource: Resource
    client: Callable[[str], Any]
    cancellation: Cancellation

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The response, streams read. StateError for what the service or the SDK refuses."""
        try:
            return self.cancellation.call(lambda: self.call_in_place(operation, parameters))
        except ClientError as error:
            raise error_names.of_client_error(error, self.resource) from error
        except BotoCoreError as error:
            raise error_names.of_sdk_error(error, self.resource) from error

    def call_in_place(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call in this thread, whether cancelled or not; boto's own errors."""
        client = self.client(self.resource.service)
        response = getattr(client, xform_name(operation))(**parameters)
        return {
            name: value.read() if hasattr(value, "read") else value
            for name, value in response.items()
        }
