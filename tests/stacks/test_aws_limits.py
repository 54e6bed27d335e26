"""The check itself: what it has to find, planted."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from tests.stacks.aws_limits import call_complaints

PACKAGE: dict[str, Any] = {"ModelPackageGroupName": "group"}
PROCESSING: dict[str, Any] = {
    "ProcessingJobName": "a" * 63,
    "RoleArn": "arn:aws:iam::123456789012:role/Role",
    "AppSpecification": {"ImageUri": "image"},
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 1,
        }
    },
}


def said(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    model = botocore.session.get_session().get_service_model(service)
    return list(call_complaints(model.operation_model(operation), parameters))


def test_what_fits_is_not_complained_of() -> None:
    assert said("sagemaker", "CreateProcessingJob", PROCESSING) == []
    reason = {"reason": "やり直し: v1.2 =手動"}
    changes = {"CustomerMetadataProperties": reason, "ModelPackageDescription": "。、!?"}
    assert said("sagemaker", "CreateModelPackage", PACKAGE | changes) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ProcessingJobName": "a" * 65}, "ProcessingJobName: 65, more than 63"),
        ({"ProcessingJobName": "a_b"}, "ProcessingJobName: not of the pattern"),
        ({"ProcessingJobName": "a-"}, "ProcessingJobName: not of the pattern"),
        ({"Environment": {"A-B": "c"}}, "Environment, key: not of the pattern"),
        ({"Environment": {"A": "x" * 257}}, "Environment.A: 257, more than 256"),
        ({"Environment": {f"A{n}": "" for n in range(101)}}, "Environment: 101, more than 100"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 864_001}}, "more than 777600"),
        ({"RoleArn": 7}, "Invalid type"),
        ({"Tags": [{"Key": "a", "Value": "x" * 257}]}, "Tags[0].Value: 257, more than 256"),
        ({"Tags": [{"Key": "a", "Value": "a&b"}]}, "Tags[0].Value: not of the pattern"),
    ],
)
def test_what_aws_would_refuse_is_found(changes: dict[str, Any], expected: str) -> None:
    assert any(
        expected in one for one in said("sagemaker", "CreateProcessingJob", PROCESSING | changes)
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ModelApprovalStatus": "Perhaps"}, "none of Approved, Rejected"),
        ({"ModelPackageDescription": "x" * 1025}, "1025, more than 1024"),
        ({"CustomerMetadataProperties": {"a": ""}}, "valid min length: 1"),
        ({"CustomerMetadataProperties": {"a": "x" * 257}}, "257, more than 256"),
        ({"CustomerMetadataProperties": {"a": "why?"}}, "not of the pattern"),
        ({"CustomerMetadataProperties": {f"a{n}": "b" for n in range(51)}}, "51, more than 50"),
    ],
)
def test_a_model_package_s_limits_are_known(changes: dict[str, Any], expected: str) -> None:
    assert any(
        expected in one for one in said("sagemaker", "CreateModelPackage", PACKAGE | changes)
    )


def test_an_event_has_a_size() -> None:
    entry = {"Source": "meguru.poc", "DetailType": "Run Failed", "Detail": "x" * 262_144}
    [complaint] = said("events", "PutEvents", {"Entries": [entry]})
    assert complaint.endswith("more than 262144")
