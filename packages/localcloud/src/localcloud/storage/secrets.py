"""Secrets Manager beyond moto: names that it refuses."""

from __future__ import annotations

import re

from localcloud.service import Caller, Request, Service, ServiceError


class SecretsManagerService(Service):
    """Refuses a new secret's name in the service's words; all else is moto's."""

    service_name = "secretsmanager"
    extends_moto = True

    def before(self, operation: str, request: Request, caller: Caller) -> None:
        if operation == "CreateSecret" and not re.fullmatch(r"[\w/+=.@!-]+", request["Name"], re.A):
            raise ServiceError(
                "ValidationException",
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of "
                "the following: -/_+=.@!",
            )
