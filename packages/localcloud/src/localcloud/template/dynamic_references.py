"""Dynamic references (`{{resolve:ssm:…}}` and its kin), looked up.

Format: AWS CloudFormation User Guide, "Get values stored in other services using dynamic
references".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from botocore.exceptions import ClientError

from localcloud.account import Account

_REFERENCE = re.compile(r"\{\{resolve:([a-z-]+):([^{}]+)\}\}")


class DynamicReferences:
    """Looks dynamic references up in the cloud's own services.

    `parameters` are SSM parameters whose values are known without asking.
    """

    def __init__(self, account: Account, parameters: Mapping[str, str]) -> None:
        self._account = account
        self._parameters = parameters

    def resolve(self, text: str) -> str:
        """`text` with every reference replaced. ValueError naming one that can't be."""
        return _REFERENCE.sub(self._replacement, text)

    def parameter(self, name: str) -> str:
        """The value of an SSM parameter. ValueError where there is none."""
        if name in self._parameters:
            return self._parameters[name]
        try:
            found = self._account.client("ssm").get_parameter(Name=name, WithDecryption=True)
        except ClientError as error:
            raise ValueError(f"SSM parameter {name}: {error.response['Error']['Code']}") from None
        return str(found["Parameter"]["Value"])

    def _replacement(self, match: re.Match[str]) -> str:
        service, reference = match.groups()
        if service in ("ssm", "ssm-secure"):
            return self.parameter(reference)
        if service == "secretsmanager":
            return self._secret(reference)
        raise ValueError(f"{match.group(0)}: localcloud resolves ssm, ssm-secure, secretsmanager")

    def _secret(self, reference: str) -> str:
        # secret-id:SecretString:json-key:version-stage:version-id; an ARN has seven colons' worth.
        split = 7 if reference.startswith("arn:") else 1
        parts = reference.split(":")
        secret_id, rest = ":".join(parts[:split]), [*parts[split:], "", "", "", ""]
        arguments = {"SecretId": secret_id}
        if rest[2]:
            arguments["VersionStage"] = rest[2]
        if rest[3]:
            arguments["VersionId"] = rest[3]
        try:
            value = self._account.client("secretsmanager").get_secret_value(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise ValueError(f"secret {secret_id}: {code}") from None
        return self._field(secret_id, value["SecretString"], rest[1])

    @staticmethod
    def _field(secret_id: str, secret: str, key: str) -> str:
        if not key:
            return secret
        fields = json.loads(secret)
        if key not in fields:
            raise ValueError(f"secret {secret_id} has no field {key!r}")
        return str(fields[key])
