"""What AWS would refuse is refused, member by member."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.calls import ServiceError
from localcloud.wire.protocol import Call, service_model
from localcloud.wire.validation import validate


def call(service: str, operation: str, **parameters: Any) -> Call:
    model = service_model(service)
    return Call(model.operation_model(operation), str(model.protocol), parameters)


@pytest.mark.parametrize(
    ("operation", "parameters", "named"),
    [
        ("DescribeModel", {}, "ModelName"),
        ("DescribeModel", {"ModelName": 7}, "ModelName"),
        ("DescribeModel", {"ModelName": "a b"}, "'ModelName'.*pattern"),
        ("DescribeModel", {"ModelName": "x" * 64}, "'ModelName'.*less than or equal to 63"),
        (
            "UpdateModelPackage",
            {"ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"}
            | {"ModelApprovalStatus": "Maybe"},
            r"'ModelApprovalStatus'.*enum value set: \[Approved",
        ),
        (
            "ListTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:1:x", "MaxResults": 10},
            "MaxRes",
        ),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m"}
            | {"Tags": [{"Key": "ok", "Value": "v"}, {"Key": "k" * 129, "Value": "v"}]},
            r"'Tags\.2\.member\.Key'",
        ),
    ],
)
def test_what_does_not_fit_is_named(operation: str, parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ServiceError, match=named) as refused:
        validate(call("sagemaker", operation, **parameters))
    assert refused.value.code == "ValidationException"


def test_what_fits_passes() -> None:
    validate(call("sagemaker", "DescribeModel", ModelName="my-model-1"))
    validate(call("stepfunctions", "StartExecution", stateMachineArn="arn:aws:states:::x"))


def test_services_with_words_of_their_own_keep_them() -> None:
    validate(call("s3", "CreateBucket", Bucket="UPPER"))
    with pytest.raises(ServiceError) as refused:
        validate(call("iam", "CreateRole"))
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("PutBucketAcl", {"Bucket": "lake", "ACL": "everyone"}, "InvalidArgument"),
        (
            "PutBucketVersioning",
            {"Bucket": "lake", "VersioningConfiguration": {"Status": "On"}},
            "MalformedXML",
        ),
    ],
)
def test_s3_tells_an_unknown_choice_by_where_it_stood(
    operation: str, parameters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        validate(call("s3", operation, **parameters))
    assert refused.value.code == expected
