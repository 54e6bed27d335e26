"""What is found of an environment among what is others', and how it is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from cli.account import Account
from cli.leftovers import Leftover, Leftovers, check_name, nothing_found, show_leftovers
from meguru.names import OWNER_TAG

RUN = "0123456789ab"
OTHERS = ("poc-", "poc-2", "poc--a", "production")


def tagged(environment: str, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """With what a client's own rules say under the kit's other keys."""
    return [{key: "environment", value: "staging"}, {key: OWNER_TAG, value: environment}]


class FakeAccount(Account):
    """An account with the same of `poc` and of environments whose names begin alike."""

    names = ("poc", *OTHERS)
    stacks_there: tuple[dict[str, str], ...] = ()

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        fake = self

        class Paginator:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                yield getattr(fake, f"page_of_{operation}")(**request)

        return Paginator()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("page_of_"):
            return lambda **request: {member: [] for member in EMPTY}
        raise AttributeError(name)

    def page_of_list_endpoints(self, **request: Any) -> dict[str, Any]:
        found = [{"EndpointName": f"meguru-{n}--a", "EndpointStatus": "Failed"} for n in self.names]
        return {"Endpoints": found}

    def page_of_list_inference_components(self, **request: Any) -> dict[str, Any]:
        status = "InferenceComponentStatus"
        found = [
            {"InferenceComponentName": f"meguru-{n}--a", status: "InService"} for n in self.names
        ]
        return {"InferenceComponents": found}

    def page_of_list_models(self, **request: Any) -> dict[str, Any]:
        return {"Models": [{"ModelName": f"meguru-{n}--a-{RUN}"} for n in self.names]}

    def page_of_describe_scalable_targets(self, **request: Any) -> dict[str, Any]:
        found = [{"ResourceId": f"endpoint/meguru-{n}--a/variant/v"} for n in self.names]
        return {"ScalableTargets": found}

    def page_of_describe_alarms(self, **request: Any) -> dict[str, Any]:
        names = [f"TargetTracking-endpoint/meguru-{n}--a/v/High-1" for n in self.names]
        names += [f"Meguru-{n}-Data-Alarm" for n in self.names]
        tracking = "TargetTracking-inference-component"
        names += [f"{tracking}/meguru-{n}--a-AlarmLow-0a1b" for n in self.names]
        names += [f"meguru-{n}--a-wake" for n in self.names]
        return {"MetricAlarms": [{"AlarmName": n, "StateValue": "OK"} for n in names]}

    def page_of_list_tables(self, **request: Any) -> dict[str, Any]:
        return {"TableNames": [f"Meguru-{n}-Lake-Table-X" for n in self.names]}

    def page_of_describe_log_groups(self, **request: Any) -> dict[str, Any]:
        names = [f"/aws/sagemaker/Endpoints/meguru-{n}--a" for n in self.names]
        names += [f"/aws/sagemaker/InferenceComponents/meguru-{n}--a" for n in self.names]
        names += [f"/aws/events/meguru-{n}" for n in self.names]
        prefix = request["logGroupNamePrefix"]
        found = [{"logGroupName": n, "storedBytes": 9} for n in names if n.startswith(prefix)]
        return {"logGroups": found}

    def page_of_describe_log_streams(self, **request: Any) -> dict[str, Any]:
        if "Processing" in request["logGroupName"]:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}
            raise ClientError(error, "DescribeLogStreams")
        found = [f"meguru-{n}--a-{RUN}/algo-{host}" for n in self.names for host in (1, 2)]
        return {"logStreams": [{"logStreamName": name} for name in found]}

    def page_of_get_api_keys(self, **request: Any) -> dict[str, Any]:
        kept = [
            {"id": f"key-{n}", "name": f"meguru-{n}/app", "tags": {OWNER_TAG: n}}
            for n in self.names
        ]
        return {"items": [*kept, {"id": "of-another", "name": "meguru-poc/app"}]}

    def page_of_list_keys(self, **request: Any) -> dict[str, Any]:
        return {"Keys": [{"KeyId": f"{n}/{s}"} for n in self.names for s in ("a", "b")]}

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803
        state = "Enabled" if KeyId.endswith("a") else "PendingDeletion"
        return {"KeyMetadata": {"KeyState": state}}

    def list_resource_tags(self, KeyId: str) -> dict[str, Any]:  # noqa: N803
        return {"Tags": tagged(KeyId.partition("/")[0], "TagKey", "TagValue")}

    def page_of_describe_stacks(self, **request: Any) -> dict[str, Any]:
        return {"Stacks": self.stacks_there}

    def list_buckets(self) -> dict[str, Any]:
        return {
            "Buckets": [{"Name": f"meguru-lake-{n}"} for n in self.names] + [{"Name": "meguru-x"}]
        }

    def get_bucket_tagging(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        if Bucket == "meguru-x":
            error = {"Error": {"Code": "NoSuchTagSet", "Message": "no"}}
            raise ClientError(error, "GetBucketTagging")
        return {"TagSet": tagged(Bucket.removeprefix("meguru-lake-"))}

    def page_of_describe_repositories(self, **request: Any) -> dict[str, Any]:
        found = [{"repositoryArn": f"arn:{n}", "repositoryName": n} for n in self.names]
        return {"repositories": found}

    def list_tags_for_resource(self, resourceArn: str) -> dict[str, Any]:  # noqa: N803
        return {"tags": tagged(resourceArn.removeprefix("arn:"))}


EMPTY = (
    *("TrainingJobSummaries", "ProcessingJobSummaries", "EndpointConfigs"),
    *("ModelPackageGroupSummaryList", "ModelPackageSummaryList"),
)


def test_only_the_environment_s_own_is_found() -> None:
    found = Leftovers(FakeAccount("poc")).find()
    assert [(one.kind, one.name, bool(one.cost)) for one in found] == [
        ("endpoint", "meguru-poc--a", True),
        ("inference component", "meguru-poc--a", True),
        ("alarm", "TargetTracking-endpoint/meguru-poc--a/v/High-1", True),
        ("alarm", "Meguru-poc-Data-Alarm", True),
        ("alarm", "TargetTracking-inference-component/meguru-poc--a-AlarmLow-0a1b", True),
        ("alarm", "meguru-poc--a-wake", True),
        ("ECR repository", "poc", True),
        ("S3 bucket", "meguru-lake-poc", True),
        ("DynamoDB table", "Meguru-poc-Lake-Table-X", True),
        ("KMS key", "poc/a", True),
        ("log group", "/aws/events/meguru-poc", True),
        ("log group", "/aws/sagemaker/Endpoints/meguru-poc--a", True),
        ("log group", "/aws/sagemaker/InferenceComponents/meguru-poc--a", True),
        ("job logs", "/aws/sagemaker/TrainingJobs", True),
        ("model", f"meguru-poc--a-{RUN}", False),
        ("scalable target", "endpoint/meguru-poc--a/variant/v", False),
        ("KMS key", "poc/b", False),
        ("API key", "key-poc", False),
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_finds_as_much(name: str) -> None:
    found = Leftovers(FakeAccount(name)).find()
    assert len(found) == 18
    assert {one.name for one in found} & {
        one.name for one in Leftovers(FakeAccount("poc")).find()
    } == {"/aws/sagemaker/TrainingJobs"}


def test_what_was_looked_for_in_vain_is_said() -> None:
    account = FakeAccount("pok", "http://127.0.0.1:4566")
    assert Leftovers(account).find() == []
    assert "Nothing is there of 'pok' in the local cloud at http://127.0.0.1:4566: " in (
        said := nothing_found(account)
    )
    assert said.endswith("Environments that have stacks there: none.")
    names = ("Meguru-poc-Lake", "Meguru-poc-Model-a-b", "Meguru-a-1-Data", "Other")
    account.stacks_there = tuple({"StackName": name} for name in names)
    assert nothing_found(account).endswith("Environments that have stacks there: a-1, poc.")


@pytest.mark.parametrize("name", ["", "POC", "a b", "-a", "1a", "a" * 21, "a\n", "業務"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no environment's name"):
        check_name(name)


def test_lines_for_a_program_and_a_table_for_a_person() -> None:
    found = [Leftover("endpoint", "a", "InService", "much"), Leftover("model", "[b]")]
    plain, seen = io.StringIO(), io.StringIO()
    show_leftovers(Console(file=plain, force_terminal=False), found)
    assert plain.getvalue() == "endpoint\ta\tInService\tmuch\nmodel\t[b]\t\t\n"
    show_leftovers(Console(file=seen, force_terminal=True, width=80), found)
    assert "[b]" in seen.getvalue() and "nothing" in seen.getvalue()
