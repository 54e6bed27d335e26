"""AWS::SecretsManager."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider

_OF_THE_TEMPLATE = ("SecretStringTemplate", "GenerateStringKey")


def secret(context: Context, properties: Properties) -> Created:
    name = properties.get("Name") or context.physical_name(255)
    value = properties.get("SecretString")
    if "GenerateSecretString" in properties:  # often {}: a password by the API's defaults
        value = _generated(context, properties["GenerateSecretString"])
    arn = context.call(
        "secretsmanager",
        "CreateSecret",
        Name=name,
        Description=properties.get("Description"),
        KmsKeyId=properties.get("KmsKeyId"),
        SecretString=value,
        Tags=properties.get("Tags"),
    )["ARN"]
    return Created(arn, {"Id": arn})


def _generated(context: Context, generate: Mapping[str, Any]) -> str:
    settings = {name: v for name, v in generate.items() if name not in _OF_THE_TEMPLATE}
    made = context.call("secretsmanager", "GetRandomPassword", **settings)
    password = str(made["RandomPassword"])
    if "SecretStringTemplate" not in generate:
        return password
    fields = json.loads(generate["SecretStringTemplate"])
    return json.dumps({**fields, generate["GenerateStringKey"]: password}, ensure_ascii=False)


def resource_policy(context: Context, properties: Properties) -> Created:
    arn = properties["SecretId"]
    context.call("secretsmanager", "PutResourcePolicy", **properties)
    return Created(arn, {"Id": arn})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::SecretsManager::Secret": secret,
    "AWS::SecretsManager::ResourcePolicy": resource_policy,
}
