"""What is still in an account of an environment, by the names that are composed and by tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.account import Account
from meguru.names import (
    ENVIRONMENT_NAME,
    JOB_LOG_GROUPS,
    OWNER_TAG,
    component_log_name,
    endpoint_log_name,
    event_log_name,
    is_of_environment,
    is_stack_of,
    resource_name,
    workflow_log_name,
)

API_KEY = "API key"
# What target tracking puts around the name of what it scales.
_AROUND_NAME = re.compile(r"^TargetTracking-(endpoint|inference-component)/|(/|-Alarm).*$")
INSTANCES = "its instances, by the second"
COPIES = "its copies' instances, by the second"


@dataclass(frozen=True)
class Leftover:
    """A thing that is there. `cost` says what it costs, and is empty where it costs nothing."""

    kind: str
    name: str
    state: str = ""
    cost: str = ""


class Leftovers:
    """Looks for what is an environment's, whether its stacks are still there or not."""

    def __init__(self, account: Account) -> None:
        self._account, self._environment = account, account.environment_name
        # What the name of everything begins with that runs, or SageMaker for them, have made.
        self._prefix = resource_name(self._environment, "")

    def find(self) -> list[Leftover]:
        """All that is there; what costs money first. botocore's errors where AWS can't be asked."""
        found = [
            *self._endpoints(),
            *self._jobs(),
            *self._models(),
            *self._scaling(),
            *self._alarms(),
            *self._repositories(),
            *self._buckets(),
            *self._tables(),
            *self._keys(),
            *self._api_keys(),
            *self._log_groups(),
            *self._job_logs(),
            *self._stacks(),
        ]
        return sorted(found, key=lambda one: not one.cost)

    def _endpoints(self) -> Iterator[Leftover]:
        kinds = {
            "endpoint": ("list_endpoints", "Endpoint", INSTANCES),
            "inference component": ("list_inference_components", "InferenceComponent", COPIES),
        }
        for kind, (operation, member, cost) in kinds.items():
            listed = self._pages("sagemaker", operation, f"{member}s", NameContains=self._prefix)
            for one in self._of_environment(listed, f"{member}Name"):
                yield Leftover(kind, one[f"{member}Name"], one[f"{member}Status"], cost)

    def _jobs(self) -> Iterator[Leftover]:
        for kind in ("Training", "Processing"):
            operation, summaries = f"list_{kind.lower()}_jobs", f"{kind}JobSummaries"
            for status in ("InProgress", "Stopping"):
                listed = self._pages(
                    "sagemaker",
                    operation,
                    summaries,
                    NameContains=self._prefix,
                    StatusEquals=status,
                )
                for one in self._of_environment(listed, f"{kind}JobName"):
                    name = one[f"{kind}JobName"]
                    yield Leftover(f"{kind.lower()} job", name, status, INSTANCES)

    def _models(self) -> Iterator[Leftover]:
        kinds = {
            "endpoint config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
            "model": ("list_models", "Models", "ModelName"),
        }
        for kind, (operation, summaries, member) in kinds.items():
            listed = self._pages("sagemaker", operation, summaries, NameContains=self._prefix)
            for one in self._of_environment(listed, member):
                yield Leftover(kind, one[member])
        groups = self._pages(
            "sagemaker",
            "list_model_package_groups",
            "ModelPackageGroupSummaryList",
            NameContains=self._prefix,
        )
        for group in self._of_environment(groups, "ModelPackageGroupName"):
            name = group["ModelPackageGroupName"]
            yield Leftover("model package group", name)
            versions = self._pages(
                "sagemaker",
                "list_model_packages",
                "ModelPackageSummaryList",
                ModelPackageGroupName=name,
            )
            for one in versions:
                version = one["ModelPackageArn"].partition(":model-package/")[2]
                yield Leftover("model package", version, one.get("ModelApprovalStatus", ""))

    def _scaling(self) -> Iterator[Leftover]:
        for one in self._pages(
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            ServiceNamespace="sagemaker",
        ):
            if is_of_environment(one["ResourceId"].split("/")[1], self._environment):
                yield Leftover("scalable target", one["ResourceId"])

    def _alarms(self) -> Iterator[Leftover]:
        for one in self._pages("cloudwatch", "describe_alarms", "MetricAlarms"):
            name = one["AlarmName"]
            endpoint = _AROUND_NAME.sub("", name)
            if is_of_environment(endpoint, self._environment) or self._is_of_stack(name):
                yield Leftover("alarm", name, one["StateValue"], "a small sum a month")

    def _repositories(self) -> Iterator[Leftover]:
        if self._account.endpoint_url is not None:
            return  # A local cloud runs images from the assembly: no registry holds them.
        client = self._account.client("ecr")
        for one in self._pages("ecr", "describe_repositories", "repositories"):
            tags = client.list_tags_for_resource(resourceArn=one["repositoryArn"])["tags"]
            if self._is_tagged(tags):
                yield Leftover("ECR repository", one["repositoryName"], "", "its images' storage")

    def _buckets(self) -> Iterator[Leftover]:
        client = self._account.client("s3")
        for one in client.list_buckets()["Buckets"]:
            # A bucket's name is written in lower case, and may be cut short: its tags tell.
            if not one["Name"].startswith("meguru-"):
                continue
            try:
                tags = client.get_bucket_tagging(Bucket=one["Name"])["TagSet"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchTagSet":
                    raise
                continue
            if self._is_tagged(tags):
                yield Leftover("S3 bucket", one["Name"], "", "its objects' storage")

    def _tables(self) -> Iterator[Leftover]:
        for name in self._pages("dynamodb", "list_tables", "TableNames"):
            if self._is_of_stack(name):
                yield Leftover("DynamoDB table", name, "", "its items' storage")

    def _keys(self) -> Iterator[Leftover]:
        client = self._account.client("kms")
        for one in self._pages("kms", "list_keys", "Keys"):
            key = client.describe_key(KeyId=one["KeyId"])["KeyMetadata"]
            # An AWS managed key can't be asked for tags by everyone, and is never ours.
            if key.get("KeyManager") == "AWS":
                continue
            if self._is_tagged(client.list_resource_tags(KeyId=one["KeyId"])["Tags"]):
                # One that waits for its deletion costs nothing.
                is_pending = key["KeyState"] == "PendingDeletion"
                cost = "" if is_pending else "a fixed sum a month"
                yield Leftover("KMS key", one["KeyId"], key["KeyState"], cost)

    def _api_keys(self) -> Iterator[Leftover]:
        """Those of `meguru consumer`, which no stack has made. They cost nothing."""
        for one in self._pages("apigateway", "get_api_keys", "items"):
            if one.get("tags", {}).get(OWNER_TAG) == self._environment:
                yield Leftover(API_KEY, one["id"], one["name"].rpartition("/")[2])

    def _log_groups(self) -> Iterator[Leftover]:
        prefixes = {
            event_log_name(self._environment): "",
            endpoint_log_name(self._prefix): "/aws/sagemaker/Endpoints/",
            component_log_name(self._prefix): "/aws/sagemaker/InferenceComponents/",
            workflow_log_name(self._prefix, "").rstrip("/"): "/aws/vendedlogs/states/",
            "/aws/lambda/Meguru-": "/aws/lambda/",
            "Meguru-": "",
        }
        for prefix, before in prefixes.items():
            for one in self._pages(
                "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix
            ):
                name = one["logGroupName"].removeprefix(before)
                if (
                    name == event_log_name(self._environment)
                    or is_of_environment(name.partition("/")[0], self._environment)
                    or self._is_of_stack(name)
                ):
                    cost = "its lines' storage" if one.get("storedBytes") else ""
                    yield Leftover("log group", one["logGroupName"], "", cost)

    def _job_logs(self) -> Iterator[Leftover]:
        """Streams in the groups that all jobs of an account share: one row for each group."""
        for group in JOB_LOG_GROUPS:
            try:
                streams = list(
                    self._pages(
                        "logs",
                        "describe_log_streams",
                        "logStreams",
                        logGroupName=group,
                        logStreamNamePrefix=self._prefix,
                    )
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                continue
            jobs = {one["logStreamName"].partition("/")[0] for one in streams}
            num_jobs = sum(is_of_environment(job, self._environment) for job in jobs)
            if num_jobs:
                yield Leftover("job logs", group, f"of {num_jobs} jobs", "their lines' storage")

    def _stacks(self) -> Iterator[Leftover]:
        for one in self._pages("cloudformation", "describe_stacks", "Stacks"):
            if is_stack_of(one["StackName"], self._environment):
                yield Leftover("stack", one["StackName"], one["StackStatus"])

    def _pages(self, service: str, operation: str, member: str, **request: Any) -> Iterator[Any]:
        for page in self._account.client(service).get_paginator(operation).paginate(**request):
            yield from page[member]

    def _of_environment(self, listed: Iterator[Any], member: str) -> Iterator[Any]:
        """The listing's filter finds names that contain ours, and those of longer names."""
        return (one for one in listed if is_of_environment(one[member], self._environment))

    def _is_of_stack(self, name: str) -> bool:
        """Whether CloudFormation made a name of one of the stacks'."""
        return is_stack_of(name, self._environment)

    def _is_tagged(self, tags: list[dict[str, str]]) -> bool:
        pairs = {
            tag.get("Key") or tag["TagKey"]: tag.get("Value") or tag.get("TagValue") for tag in tags
        }
        return pairs.get(OWNER_TAG) == self._environment


def check_name(environment_name: str) -> None:
    """ValueError for what no environment is called: AWS would refuse it in words of its own."""
    if not re.fullmatch(ENVIRONMENT_NAME, environment_name):
        raise ValueError(
            f"{environment_name[:60]!a} is no environment's name, which has 1 to 20 lower-case "
            "letters, digits and hyphens: give the `name` in its file"
        )


def nothing_found(account: Account) -> str:
    """What was looked at in vain, and what is there instead: a name may be mistyped."""
    others = ", ".join(account.environments()) or "none"
    return (
        f"Nothing is there of '{account.environment_name}' in {account.place}: no stack, endpoint, "
        f"job, storage or log. Environments that have stacks there: {others}."
    )


def show_leftovers(console: Console, found: list[Leftover]) -> None:
    """A table, or lines of four columns with tabs between them where nobody looks at them."""
    if not console.is_terminal:
        for one in found:
            # rich would make spaces of the tabs.
            print(one.kind, one.name, one.state, one.cost, sep="\t", file=console.file)
        return
    if not found:
        console.print("Nothing is there.")
        return
    table = Table("what", "name", "state", "costs")
    for one in found:
        cost = f"[bold red]{escape(one.cost)}[/]" if one.cost else "nothing"
        table.add_row(one.kind, escape(one.name), one.state, cost)
    console.print(table)
