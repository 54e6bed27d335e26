"""Which service a request is for, and the protocol it speaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.core.model import ServiceModel
from moto.core.request import Request as WireRequest
from werkzeug.wrappers import Request as HttpRequest

from localcloud.calls import ServiceError
from localcloud.wire import protocol
from localcloud.wire.signature import Signature

# botocore's names of the services that this cloud runs.
SERVICES = (
    "apigateway",
    "application-autoscaling",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "events",
    "firehose",
    "iam",
    "kms",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
_BY_SIGNING_NAME = {"monitoring": "cloudwatch", "states": "stepfunctions"}
_BY_TARGET = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "AWSStepFunctions": "stepfunctions",
    "AWSEvents": "events",
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
    "AmazonSQS": "sqs",
    "Firehose_20150804": "firehose",
    "GraniteServiceVersion20100801": "cloudwatch",
    "AmazonSSM": "ssm",
    "secretsmanager": "secretsmanager",
    "TrentService": "kms",
    "Logs_20140328": "logs",
}
_UNSIGNED_ACTIONS = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
# BUCKET.s3.REGION.amazonaws.com, and BUCKET.localhost, which browsers and curl take to loopback.
_BUCKET_HOST = re.compile(
    r"^([a-z0-9][a-z0-9.-]+?)\.(?:s3[.-].*|s3\.)?(?:amazonaws\.com|localhost)\b"
)
_EXECUTE_API_HOST = re.compile(r"^[a-z0-9-]+\.execute-api\.")


@dataclass(frozen=True)
class Destination:
    """A service's model (None where the request names no service) and the request's protocol."""

    model: ServiceModel | None
    protocol: str


def is_execute_api(request: WireRequest) -> bool:
    """Whether the request is for an API of API Gateway rather than for an AWS service."""
    return request.path.startswith("/_aws/execute-api/") or bool(
        _EXECUTE_API_HOST.match(request.host.lower())
    )


def is_function_url(request: WireRequest) -> bool:
    """Whether the request is for a function's own URL rather than for an AWS service."""
    return request.path.startswith("/_aws/lambda-url/") or ".lambda-url." in request.host.lower()


def raw_path(request: HttpRequest) -> str:
    """The path as the client wrote it, percent-encoding and all."""
    raw: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    path = raw.partition("?")[0].partition("#")[0]
    if "://" in path:  # absolute form, as sent to a proxy
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path


def name_bucket_in_path(environ: dict[str, Any], has_bucket: Callable[[str], bool]) -> None:
    """Turn a request to a bucket's own host into one that names the bucket in its path."""
    match = _BUCKET_HOST.match(environ.get("HTTP_HOST", "").lower())
    if match is None or not has_bucket(match[1]):
        return
    for name in ("PATH_INFO", "REQUEST_URI", "RAW_URI"):
        if name in environ:
            environ[name] = f"/{match[1]}{environ[name]}"


def route(request: WireRequest, signature: Signature | None) -> Destination:
    """Where a request goes. ServiceError where the service is none of this cloud's."""
    name = _service_name(request, signature)
    if name is None:
        return Destination(None, guess_protocol(request))
    model = protocol.service_model(name)
    return Destination(model, protocol.detect_protocol(model, request))


def _service_name(request: WireRequest, signature: Signature | None) -> str | None:
    target = request.headers.get("X-Amz-Target", "").partition(".")[0]
    if target in _BY_TARGET:
        return _BY_TARGET[target]
    if signature is None:
        return _unsigned_service(request)
    signed = signature.signing_name.lower()
    if signed == "sagemaker":
        return _sagemaker_service(request)
    name = _BY_SIGNING_NAME.get(signed, signed)
    if name in SERVICES:
        return name
    message = f"localcloud doesn't run the service {name!r}; it runs {', '.join(SERVICES)}"
    raise ServiceError("NotImplemented", message, 501)


def _sagemaker_service(request: WireRequest) -> str:
    if "/invocations" in request.path:
        return "sagemaker-runtime"
    message = f"localcloud doesn't run SageMaker's {request.method} {request.path}"
    raise ServiceError("NotImplemented", message, 501)


def _unsigned_service(request: WireRequest) -> str | None:
    content_type = request.content_type or ""
    is_form = content_type.startswith("application/x-www-form-urlencoded")
    action = (request.values if is_form else request.args).get("Action")
    if action in _UNSIGNED_ACTIONS:
        return "sts"
    # A plain GET or PUT of a path is how an object of S3 is asked for without a signature.
    rest = not action and request.method in ("GET", "PUT", "HEAD", "DELETE", "OPTIONS")
    return "s3" if rest and request.path != "/" else None


def guess_protocol(request: WireRequest) -> str:
    """The protocol that a request to no known service seems to speak."""
    if "X-Amz-Target" in request.headers:
        return "json"
    if (request.content_type or "").startswith("application/x-www-form-urlencoded"):
        return "query"
    return "rest-xml" if request.method in ("GET", "HEAD", "PUT") else "rest-json"
