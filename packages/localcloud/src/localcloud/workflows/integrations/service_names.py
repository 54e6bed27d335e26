"""Service names as Step Functions writes them (AWS SDK for Java 2) and as botocore does."""

from __future__ import annotations

import re
from functools import lru_cache

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.model import ServiceModel

# Step Functions' name, where it isn't botocore's without its hyphens.
_BOTOCORE_NAMES = {
    "applicationdiscovery": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "costandusagereport": "cur",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearch": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuilding": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntime": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlement": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
}
_TAKEN = {"events": "eventbridge", "logs": "cloudwatchlogs", "stepfunctions": "sfn"}


@lru_cache(maxsize=1)
def _loader() -> Loader:
    return Loader()


@lru_cache(maxsize=1)
def _services() -> dict[str, str]:
    """Step Functions' name of each service: botocore's name."""
    names = _loader().list_available_services("service-2")
    by_java_name = {name.replace("-", ""): name for name in names}
    return {**by_java_name, **_BOTOCORE_NAMES}


def botocore_name(service: str) -> str:
    """`sfn` -> `stepfunctions`; ValueError for a service there is not."""
    if service in _TAKEN:
        raise ValueError(f"the service is written '{_TAKEN[service]}', not '{service}'")
    name = _services().get(service)
    if name is None:
        raise ValueError(f"there is no AWS service '{service}'")
    return name


@lru_cache(maxsize=64)
def service_model(name: str) -> ServiceModel:
    """Botocore's model of a service, by botocore's name."""
    try:
        return ServiceModel(_loader().load_service_model(name, "service-2"), service_name=name)
    except UnknownServiceError as error:
        raise ValueError(f"there is no AWS service '{name}'") from error


@lru_cache(maxsize=8192)
def java_name(name: str) -> str:
    """A member's or service's name as the AWS SDK for Java 2 writes it, first letter upper.

    `SSEKMSKeyId` -> `SsekmsKeyId`, `ETag` -> `ETag`, `logGroupName` -> `LogGroupName`.
    """
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return "".join(word[:1].upper() + word[1:].lower() for word in text.split())


def pascal_name(name: str) -> str:
    """Botocore's name with its first letter upper: what optimized integrations use."""
    return name[:1].upper() + name[1:]
