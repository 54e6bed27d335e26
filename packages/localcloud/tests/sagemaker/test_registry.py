"""The model registry: versions, approval, and the events of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench


def _version(bench: Bench, group: str, **members: Any) -> Any:
    image = bench.image("server", "pass")
    specification = {
        "Containers": [{"Image": image, "ModelDataUrl": "s3://lake/model.tar.gz"}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    return bench.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, **members
    )["ModelPackageArn"]


def _events(bench: Bench, arn: str) -> Any:
    return [event for event in bench.events.emitted if event.get("ModelPackageArn") == arn]


def test_versions_count_up_and_wait_for_approval(bench: Bench) -> None:
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="chat")
    first, second = _version(bench, "chat"), _version(bench, "chat")
    assert first.endswith(":model-package/chat/1") and second.endswith("/chat/2")
    described = bench.sagemaker.describe_model_package(ModelPackageName=first)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    bench.sagemaker.delete_model_package(ModelPackageName=second)
    assert _version(bench, "chat").endswith("/chat/3")
    listed = bench.sagemaker.list_model_packages(
        ModelPackageGroupName="chat", SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )
    assert listed["ModelPackageSummaryList"][0]["ModelPackageVersion"] == 3
    rest = bench.sagemaker.list_model_packages(
        ModelPackageGroupName="chat", MaxResults=1, NextToken=listed["NextToken"]
    )
    assert rest["ModelPackageSummaryList"][0]["ModelPackageVersion"] == 1
    with pytest.raises(ClientError, match="still has model packages"):
        bench.sagemaker.delete_model_package_group(ModelPackageGroupName="chat")


def test_a_version_that_is_asked_for_twice_is_registered_once(bench: Bench) -> None:
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="once")
    first, again = (_version(bench, "once", ClientToken="t-1") for _ in range(2))
    assert first == again
    assert len(_events(bench, first)) == 1
    assert _version(bench, "once", ClientToken="t-2").endswith(":model-package/once/2")


def test_approval_says_who_and_every_change_is_an_event(bench: Bench) -> None:
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="approved")
    arn = _version(bench, "approved", CustomerMetadataProperties={"run": "1", "old": "x"})
    approver = bench.role("approver", "sagemaker:*")
    client = bench.cloud.client("sagemaker", Caller.role(approver, "sato"))
    client.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="looks right"
    )
    client.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"note": "kept"},
        CustomerMetadataPropertiesToRemove=["old"],
    )
    described = bench.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"].endswith("assumed-role/approver/sato")
    assert described["CustomerMetadataProperties"] == {"run": "1", "note": "kept"}
    events = _events(bench, arn)
    assert [event["ModelApprovalStatus"] for event in events] == [
        "PendingManualApproval",
        "Approved",
        "Approved",
    ]
    assert events[0]["ModelPackageGroupName"] == "approved"
    assert events[0]["ModelPackageVersion"] == 1 and events[0]["ModelPackageStatus"] == "Completed"
    assert events[0]["InferenceSpecification"]["Containers"]


def test_limits_and_unknown_names(bench: Bench) -> None:
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="limits")
    too_many = {str(number): "x" for number in range(51)}
    with pytest.raises(ClientError, match="equal to 50"):
        _version(bench, "limits", CustomerMetadataProperties=too_many)
    arn = _version(bench, "limits", CustomerMetadataProperties={"a": "1"})
    with pytest.raises(ClientError, match="at most 50"):
        bench.sagemaker.update_model_package(
            ModelPackageArn=arn,
            CustomerMetadataProperties={str(number): "x" for number in range(50)},
        )
    assert len(_events(bench, arn)) == 1
    with pytest.raises(ClientError, match="already exists"):
        bench.sagemaker.create_model_package_group(ModelPackageGroupName="limits")
    with pytest.raises(ClientError, match="does not exist"):
        _version(bench, "nowhere")


def test_a_version_that_is_not_approved_becomes_no_model(bench: Bench) -> None:
    bench.s3.put_object(Bucket="lake", Key="model.tar.gz", Body=b"x")
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="gate")
    arn = _version(bench, "gate")

    def create() -> None:
        bench.sagemaker.create_model(
            ModelName="gate",
            PrimaryContainer={"ModelPackageName": arn},
            ExecutionRoleArn=bench.role_arn,
        )

    for status in ("PendingManualApproval", "Rejected"):
        bench.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)
        with pytest.raises(ClientError, match=f"approval status is {status}"):
            create()
    bench.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    create()
    container = bench.sagemaker.describe_model(ModelName="gate")["PrimaryContainer"]
    assert container == {"ModelPackageName": arn}


def test_tags(bench: Bench) -> None:
    group = bench.sagemaker.create_model_package_group(
        ModelPackageGroupName="tagged", Tags=[{"Key": "a", "Value": "1"}]
    )["ModelPackageGroupArn"]
    bench.sagemaker.add_tags(ResourceArn=group, Tags=[{"Key": "b", "Value": "2"}])
    bench.sagemaker.delete_tags(ResourceArn=group, TagKeys=["a"])
    assert bench.sagemaker.list_tags(ResourceArn=group)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ClientError, match="Could not find resource"):
        bench.sagemaker.list_tags(ResourceArn=group + "-not")
