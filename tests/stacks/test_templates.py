"""Every template of every environment: known, valid, and with no more than it needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from localcloud.check import Handling, handling_of

from tests.stacks.deployment import listed

if TYPE_CHECKING:
    from tests.stacks.synthesis import Resource, Synthesis

ENVIRONMENTS = Path(__file__).parents[2] / "environments"

# Names AWS asks for, or that another part has to know before anything is deployed.
NAMED = {
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::ApiGateway::Authorizer": "Name",
    "AWS::ApiGateway::Stage": "StageName",
    "AWS::IAM::Policy": "PolicyName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::ResourcePolicy": "PolicyName",
    "AWS::SageMaker::ModelPackageGroup": "ModelPackageGroupName",
}
NAME_PROPERTIES = re.compile(
    r"(Name|(Api|Role|Table|Bucket|Queue|Topic|Function|Stream|Alarm|Stage|Group|Policy|Rule|"
    r"StateMachine|DeliveryStream|LogGroup|ModelPackageGroup|UsagePlan|Domain)Name)"
)
# What takes no resource; the acknowledgements in stacks/ say the same to cdk-nag.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:PutMetricData",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListTrainingJobs",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


# A schedule to train by, and an address to tell.
ADDED_BY_SETTINGS = re.compile(
    r"RetrainingSchedule|LoopEvents/Topic/ml-operations@|EventsRole|LedgerWatch/Budget|"
    r"ModelRelease/Hours/"
)


def test_every_environment_file_is_synthesized(syntheses: dict[str, Synthesis]) -> None:
    assert {path.stem for path in ENVIRONMENTS.iterdir()} == set(syntheses) - {"longest"}


def test_localcloud_knows_every_type(synthesis: Synthesis) -> None:
    rows = {resource.type: handling_of(resource.type) for resource in synthesis.resources()}
    assert [kind for kind, row in rows.items() if row is None] == []
    assert [kind for kind, row in rows.items() if row and row.handling is Handling.REFUSED] == []


def test_cfn_lint_finds_no_error(syntheses: dict[str, Synthesis]) -> None:
    templates = [
        path for made in syntheses.values() for path in made.folder.glob("*.template.json")
    ]
    found = lint(*templates)
    assert [finding for finding in found if finding["Level"] == "Error"] == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::SQS::Queue", {"DelaySeconds": "soon"}),
        ("AWS::SageMaker::ModelPackageGroup", {"ModelPackageGroupName": "m" * 64}),
        ("AWS::SageMaker::ModelPackageGroup", {"ModelPackageGroupName": "a_b"}),
        ("AWS::Logs::LogGroup", {"LogGroupName": "/aws/events/" + "e" * 501}),
        ("AWS::SQS::Queue", {"Tags": [{"Key": "a", "Value": "v" * 257}]}),
    ],
)
def test_cfn_lint_finds_a_planted_error(
    tmp_path: Path, kind: str, properties: dict[str, Any]
) -> None:
    template = tmp_path / "planted.template.json"
    resource = {"Type": kind, "Properties": properties}
    template.write_text(json.dumps({"Resources": {"Resource": resource}}))
    assert {finding["Level"] for finding in lint(template)} == {"Error"}


def lint(*templates: Path) -> list[dict[str, Any]]:
    command = Path(sys.executable).parent / "cfn-lint"
    said = subprocess.run(
        [command, "--format", "json", *templates], capture_output=True, text=True, check=False
    )
    assert not said.stderr, said.stderr
    findings: list[dict[str, Any]] = json.loads(said.stdout)
    return findings


def test_one_set_of_stacks_serves_every_environment(syntheses: dict[str, Synthesis]) -> None:
    """What the settings of production add, and nothing else, differs."""
    poc, production = (_kinds(syntheses[name]) for name in ("poc", "production"))
    only_poc = poc.keys() - production.keys()
    only_production = production.keys() - poc.keys()
    assert {path for path in only_poc if "AutoDeleteObjects" not in path} == set()
    assert {path for path in only_production if not ADDED_BY_SETTINGS.search(path)} == set()
    assert all(poc[path] == production[path] for path in poc.keys() & production.keys())


def _kinds(synthesis: Synthesis) -> dict[str, str]:
    """The type at each construct's path, less the environment's name and CDK's hashes."""
    incidental = re.compile(
        rf"Meguru{synthesis.name}|\b{synthesis.name}\b|[0-9A-F]{{8,}}|[0-9a-f]{{32}}"
    )
    return {
        f"{resource.stack.rpartition('-')[2]}/{incidental.sub('', resource.path)}": resource.type
        for resource in synthesis.resources()
    }


def test_no_action_is_a_wildcard(synthesis: Synthesis) -> None:
    wide = [
        (resource.path, action)
        for resource, statement in synthesis.statements()
        if statement["Effect"] == "Allow"
        for action in listed(statement.get("Action", "*"))
        # A key's own policy leaves it to the account's policies; there is no other way to say so.
        if re.fullmatch(r"\*|[\w-]+:\*", action) and resource.type != "AWS::KMS::Key"
    ]
    assert wide == []


def test_only_what_takes_no_resource_is_granted_on_everything(synthesis: Synthesis) -> None:
    on_everything = {
        action
        for resource, statement in synthesis.statements()
        if statement["Effect"] == "Allow" and resource.type == "AWS::IAM::Policy"
        if listed(statement.get("Resource", "*")) == ["*"]
        for action in listed(statement["Action"])
    }
    assert on_everything <= WITHOUT_RESOURCE


def test_no_public_principal_is_allowed_anything(synthesis: Synthesis) -> None:
    public = [
        resource.path
        for resource, statement in synthesis.statements()
        if statement["Effect"] == "Allow" and statement.get("Principal") in ("*", {"AWS": "*"})
    ]
    assert public == []


def test_nothing_has_a_physical_name_without_a_reason(synthesis: Synthesis) -> None:
    named = [
        (resource.type, name)
        for resource in synthesis.resources()
        for name, value in resource.properties.items()
        if NAME_PROPERTIES.fullmatch(name) and isinstance(value, str)
        if NAMED.get(resource.type) != name
    ]
    assert named == []


def test_what_may_fail_has_a_queue_for_it(synthesis: Synthesis) -> None:
    """But for the inference log's, which is tried again for as long as its queue keeps it."""
    own = "InferenceLog/"
    queues = [q for q in synthesis.resources("AWS::SQS::Queue") if own not in q.path]
    sources = [queue for queue in queues if "RedrivePolicy" in queue.properties]
    mappings = [
        mapping
        for mapping in synthesis.resources("AWS::Lambda::EventSourceMapping")
        if own not in mapping.path
    ]
    streams = [m for m in mappings if "StartingPosition" in m.properties]
    assert len(mappings) == 2
    assert [_queues_of(mapping) for mapping in streams] == [["DestinationConfig"]]
    assert len(sources) == len(mappings) - len(streams)
    dead_letters = [queue for queue in queues if queue not in sources]
    assert len(dead_letters) == 2


def _queues_of(mapping: Resource) -> list[str]:
    on_failure = mapping.properties.get("DestinationConfig", {}).get("OnFailure")
    return ["DestinationConfig"] if on_failure else []


def test_what_holds_data_is_kept_unless_the_environment_may_be_destroyed(
    synthesis: Synthesis,
) -> None:
    kinds = ("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::KMS::Key")
    # Answers in the cache are made again.
    stateful = [one for one in synthesis.resources(*kinds) if "ResponseCache/" not in one.path]
    expected = "Delete" if synthesis.environment.destroyable else "Retain"
    policies = Counter(resource.definition.get("DeletionPolicy") for resource in stateful)
    assert policies == {expected: len(stateful)}
    assert len(stateful) == 10


def test_what_holds_data_is_encrypted_and_closed(synthesis: Synthesis) -> None:
    for bucket in synthesis.resources("AWS::S3::Bucket"):
        assert "BucketEncryption" in bucket.properties, bucket.path
        closed = bucket.properties["PublicAccessBlockConfiguration"]
        assert list(closed.values()) == [True] * 4, bucket.path


@pytest.mark.parametrize("action", ["s3:*", "*"])
def test_a_planted_wildcard_is_found(syntheses: dict[str, Synthesis], action: str) -> None:
    made = syntheses["poc"]
    resource = next(made.resources("AWS::IAM::Policy"))
    statement = resource.properties["PolicyDocument"]["Statement"][0]
    before = statement["Action"]
    statement["Action"] = action
    try:
        with pytest.raises(AssertionError):
            test_no_action_is_a_wildcard(made)
    finally:
        statement["Action"] = before
