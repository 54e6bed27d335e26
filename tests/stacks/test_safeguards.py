"""Every resource has the key, the boundary, the network and the protection its kind takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meguru.names import stage_name
from tests.stacks.deployment import Deployment, StateMachine
from tests.stacks.function_calls import services_used
from tests.stacks.rendering import rendered
from tests.stacks.workflow_calls import Call, calls

if TYPE_CHECKING:
    from tests.stacks.synthesis import Resource, Synthesis

Properties = dict[str, Any]
REPOSITORY = Path(__file__).parents[2]


def bucket_key(properties: Properties) -> Any:
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")


def table_key(properties: Properties) -> Any:
    assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    [replica] = properties["Replicas"]
    return replica["SSESpecification"]["KMSMasterKeyId"]


def stream_key(properties: Properties) -> Any:
    destination = properties["ExtendedS3DestinationConfiguration"]["EncryptionConfiguration"]
    at_rest = properties["DeliveryStreamEncryptionConfigurationInput"]
    assert at_rest["KeyType"] == "CUSTOMER_MANAGED_CMK"
    assert destination["KMSEncryptionConfig"]["AWSKMSKeyARN"] == at_rest["KeyARN"]
    return at_rest["KeyARN"]


def queue_key(properties: Properties) -> Any:
    assert "SqsManagedSseEnabled" not in properties
    return properties["KmsMasterKeyId"]


# Where the key stands, by type.
KEYS: dict[str, Callable[[Properties], Any]] = {
    "AWS::S3::Bucket": bucket_key,
    "AWS::DynamoDB::GlobalTable": table_key,
    "AWS::ECR::Repository": lambda properties: properties["EncryptionConfiguration"]["KmsKey"],
    "AWS::SQS::Queue": queue_key,
    "AWS::SNS::Topic": lambda properties: properties["KmsMasterKeyId"],
    "AWS::Logs::LogGroup": lambda properties: properties["KmsKeyId"],
    "AWS::KinesisFirehose::DeliveryStream": stream_key,
    "AWS::Lambda::Function": lambda properties: properties["KmsKeyArn"],
}
# What takes a key and goes without: access logs, which S3 delivers to its own key only; helpers of
# CDK's, which have no variables; state machines, whose events would come without their output;
# event sources, of which it would be the filter.
WITHOUT_KEY = ("Lake/AccessLogs/Resource", "Custom::S3AutoDeleteObjectsCustomResourceProvider")
KNOWN_WITHOUT_KEY = {"AWS::StepFunctions::StateMachine", "AWS::Lambda::EventSourceMapping"}


@pytest.mark.parametrize("kind", KEYS)
def test_every_resource_that_takes_a_key_has_the_environment_s(
    kind: str, synthesis: Synthesis
) -> None:
    [key] = [f"<{r.stack}.{r.logical_id}.Arn>" for r in synthesis.resources("AWS::KMS::Key")]
    resources = [r for r in synthesis.resources(kind) if not r.path.startswith(WITHOUT_KEY)]
    assert resources
    for resource in resources:
        found = rendered(KEYS[kind](resource.properties), resource.stack)
        # An import has the name of its export, which is made of what it is of.
        assert found == key or "LakeKey" in found, resource.path


def test_every_type_that_takes_a_key_is_in_the_table(synthesis: Synthesis) -> None:
    """By CloudFormation's own schemas, as cfn-lint brings them."""
    kinds = {resource.type for resource in synthesis.resources()}
    assert {kind for kind in kinds if takes_key(kind)} - KNOWN_WITHOUT_KEY == set(KEYS)


def takes_key(kind: str) -> bool:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    if not kind.startswith("AWS::"):
        return False
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return any(is_key(name) for name in property_names(schema))


def is_key(name: str) -> bool:
    words = name.lower()
    is_of_kms = "kms" in words and ("key" in words or "arn" in words)
    return is_of_kms and "reuse" not in words


def property_names(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(property_names, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    names = set(own) if isinstance(own, dict) else set()
    return names.union(*map(property_names, schema.values()))


def test_the_key_lets_logs_encrypt_the_environment_s_groups_only(synthesis: Synthesis) -> None:
    [key] = synthesis.resources("AWS::KMS::Key")
    statements = rendered(key.properties["KeyPolicy"]["Statement"], key.stack)
    [statement] = [s for s in statements if "logs." in str(s["Principal"].get("Service"))]
    patterns = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    for group in synthesis.resources("AWS::Logs::LogGroup"):
        generated = f"{group.stack}-{group.logical_id}-AbC123"
        name = rendered(group.properties.get("LogGroupName", generated), group.stack)
        arns = [pattern.partition(":log-group:")[2] for pattern in patterns]
        assert any(fnmatchcase(name, arn) for arn in arns), name
    of_environment = (synthesis.name, stage_name(synthesis.name))
    assert all(any(name in pattern for name in of_environment) for pattern in patterns)


def roles(synthesis: Synthesis) -> list[Resource]:
    return list(synthesis.resources("AWS::IAM::Role"))


def test_every_role_has_the_boundary_and_prefix_that_are_set(
    syntheses: dict[str, Synthesis],
) -> None:
    made = syntheses["longest"]
    boundary, prefix = made.environment.permissions_boundary, made.environment.role_name_prefix
    names = [rendered(role.properties["RoleName"], role.stack) for role in roles(made)]
    assert {role.properties["PermissionsBoundary"] for role in roles(made)} == {boundary}
    assert all(name.startswith(prefix) for name in names)
    before_the_stack_s = [name.partition("<")[0] for name in names]
    assert len(set(before_the_stack_s)) == len(names) >= 15
    assert {len(name) for name in before_the_stack_s} <= set(range(30, 64 - 8 + 1))


def test_role_names_are_whole_once_the_stack_is_there(deployments: dict[str, Deployment]) -> None:
    deployment = deployments["longest"]
    roles = [function.role for function in deployment.functions.values()]
    roles += [machine.role for machine in deployment.state_machines.values()]
    names = [role.arn.rpartition("/")[2] for role in roles]
    assert all(len(name) <= 64 and name.startswith("r" * 20) for name in names), names
    assert len(set(names)) == len(names)


def test_a_role_has_neither_without_the_settings(syntheses: dict[str, Synthesis]) -> None:
    for role in roles(syntheses["poc"]):
        assert not {"PermissionsBoundary", "RoleName"} & role.properties.keys(), role.path


def test_roles_that_cdk_brings_along_have_them_too() -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

    from stacks.constructs.safeguards import Safeguards
    from stacks.environment import Environment

    values = {"permissions_boundary": "of-the-client", "role_name_prefix": "acme-"}
    environment = Environment.model_validate({"name": "acme", "models": {"a": {}}, **values})
    stack = cdk.Stack(cdk.App(), "Planted")
    removal = cdk.RemovalPolicy.DESTROY
    s3.Bucket(stack, "Bucket", removal_policy=removal, auto_delete_objects=True)
    cdk.Aspects.of(stack).add(Safeguards(environment, kms.Key(stack, "Key")))
    resources = cdk.assertions.Template.from_stack(stack).find_resources("AWS::IAM::Role")
    [role] = [rendered(role["Properties"], "Planted") for role in resources.values()]
    assert role["PermissionsBoundary"] == "arn:aws:iam::123456789012:policy/of-the-client"
    assert role["RoleName"].startswith("acme-CustomS3AutoDelete")


def test_functions_are_in_the_vpc_that_is_set(syntheses: dict[str, Synthesis]) -> None:
    network = syntheses["longest"].environment.network
    functions = list(syntheses["longest"].resources("AWS::Lambda::Function"))
    expected = {
        "SubnetIds": network.subnet_ids,
        "SecurityGroupIds": network.security_group_ids,
    }
    assert functions
    assert all(function.properties["VpcConfig"] == expected for function in functions)
    for function in syntheses["poc"].resources("AWS::Lambda::Function"):
        assert "VpcConfig" not in function.properties


def test_concurrency_is_reserved_where_it_is_set(syntheses: dict[str, Synthesis]) -> None:
    reserved = {
        name: sorted(
            function.properties["ReservedConcurrentExecutions"]
            for function in made.resources("AWS::Lambda::Function")
            if "ReservedConcurrentExecutions" in function.properties
        )
        for name, made in syntheses.items()
    }
    assert reserved.pop("longest") == [5, 50]
    assert not any(reserved.values())


def test_what_holds_state_is_protected_unless_it_may_be_destroyed(synthesis: Synthesis) -> None:
    protected = not synthesis.environment.destroyable
    for table in synthesis.resources("AWS::DynamoDB::GlobalTable"):
        [replica] = table.properties["Replicas"]
        # Answers in the cache are made again.
        is_kept = not table.path.startswith("ResponseCache/")
        assert replica["DeletionProtectionEnabled"] is (protected and is_kept), table.path
    manifest = json.loads((synthesis.folder / "manifest.json").read_text())
    stacks = [
        artifact["properties"].get("terminationProtection", False)
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    num_stacks = 3 + len(synthesis.environment.models) + bool(synthesis.environment.source)
    assert stacks == [protected] * num_stacks


def test_objects_expire_as_the_environment_says(synthesis: Synthesis) -> None:
    records = synthesis.environment.records
    buckets = {bucket.path: bucket for bucket in synthesis.resources("AWS::S3::Bucket")}
    bucket = buckets["Lake/Bucket/Resource"]
    rules = bucket.properties["LifecycleConfiguration"]["Rules"]
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "Prefix" in r}
    expected = {
        "inference-log/": records.inference_log_days or records.inference_days,
        "checkpoints/": records.checkpoint_days,
        "quarantine/": records.quarantine_days,
        "models/incoming/": 7,
    }
    assert expiring == {prefix: days for prefix, days in expected.items() if days}
    [whole] = [rule for rule in rules if "Prefix" not in rule]
    assert whole["NoncurrentVersionExpiration"] == {"NoncurrentDays": records.noncurrent_days}


# The endpoints of a VPC that have another name than botocore's for the service.
ENDPOINTS = {
    "cloudwatch": "monitoring",
    "firehose": "kinesis-firehose",
    "sagemaker": "sagemaker.api",
    "sagemaker-runtime": "sagemaker.runtime",
    "stepfunctions": "states",
}


def test_the_guide_names_the_endpoint_of_every_service_that_functions_call() -> None:
    guide = (REPOSITORY / "docs" / "deploying.md").read_text()
    folders = [path for path in (REPOSITORY / "lambdas").iterdir() if path.is_dir()]
    called = set().union(*map(services_used, folders))
    assert called >= {"s3", "dynamodb", "stepfunctions"}
    table = "".join(line for line in guide.splitlines() if line.startswith("| `"))
    assert {name for name in called if f"`{ENDPOINTS.get(name, name)}`" not in table} == set()


# Where a call's tags, key and network stand, by its operation.
JOB_NETWORK = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "VpcConfig")
VOLUMES = {
    "CreateTrainingJob": ("ResourceConfig", "VolumeKmsKeyId"),
    "CreateProcessingJob": ("ProcessingResources", "ClusterConfig", "VolumeKmsKeyId"),
    "CreateEndpointConfig": ("KmsKeyId",),
}
OUTPUTS = {
    "CreateTrainingJob": ("OutputDataConfig", "KmsKeyId"),
    "CreateProcessingJob": ("ProcessingOutputConfig", "KmsKeyId"),
}
NETWORKS: dict[str, list[tuple[str, ...]]] = {
    "CreateTrainingJob": [(name,) for name in JOB_NETWORK],
    "CreateProcessingJob": [("NetworkConfig", name) for name in JOB_NETWORK],
    "CreateModel": [("EnableNetworkIsolation",), ("VpcConfig",)],
}
# A version of a model has its group's tags.
UNTAGGED = {"CreateModelPackage"}


def member(parameters: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        parameters = parameters.get(name, {})
    return parameters


def creating(deployment: Deployment) -> list[Call]:
    """The calls that make something which outlives them."""
    machines: list[StateMachine] = list(deployment.state_machines.values())
    found = [call for machine in machines for call in calls(machine, deployment)]
    return [c for c in found if c.resource.operation.startswith(("Create", "RegisterScalable"))]


def test_every_call_that_makes_something_tags_it(
    deployment: Deployment, syntheses: dict[str, Synthesis]
) -> None:
    tagged: dict[str, dict[str, str]] = {}
    for call in creating(deployment):
        tags: Any = call.parameters.get("Tags", {})
        listed = tags if isinstance(tags, dict) else {one["Key"]: one["Value"] for one in tags}
        tagged[call.resource.operation] = listed
    assert {name for name, tags in tagged.items() if not tags} == UNTAGGED
    [environment] = [
        made.environment
        for made in syntheses.values()
        if next(iter(made.environment.endpoints.values())) == deployment.model
    ]
    assert {tuple(tags.items()) for tags in tagged.values() if tags} == {
        tuple(environment.all_tags.items())
    }


@pytest.mark.parametrize("name", ["poc", "longest"])
def test_every_job_and_endpoint_is_encrypted(name: str, deployments: dict[str, Deployment]) -> None:
    seen = set()
    for call in creating(deployments[name]):
        operation = call.resource.operation
        for path in (VOLUMES.get(operation), OUTPUTS.get(operation)):
            if path:
                assert member(call.parameters, path).startswith("arn:aws:kms:"), call.state
                seen.add(operation)
    assert seen == set(VOLUMES)


def test_what_has_storage_of_its_own_is_asked_for_no_volume_key(
    deployments: dict[str, Deployment],
) -> None:
    """Production's are ml.g5; the lake's own jobs are on ml.m5."""
    for call in creating(deployments["production"]):
        operation = call.resource.operation
        if operation in VOLUMES:
            has_key = bool(member(call.parameters, VOLUMES[operation]))
            assert has_key == (call.state in ("AddBaseModel", "CurateRecords")), call.state
        if operation in OUTPUTS:
            assert member(call.parameters, OUTPUTS[operation]), call.state


@pytest.mark.parametrize(("name", "is_set"), [("poc", False), ("longest", True)])
def test_every_job_and_model_is_in_the_network_that_is_set(
    name: str, is_set: bool, deployments: dict[str, Deployment]
) -> None:
    seen = set()
    for call in creating(deployments[name]):
        for path in NETWORKS.get(call.resource.operation, []):
            assert bool(member(call.parameters, path)) is is_set, (call.state, path)
            seen.add(call.resource.operation)
    assert seen == set(NETWORKS)


def test_roles_of_containers_and_functions_may_make_interfaces_in_a_vpc_only(
    syntheses: dict[str, Synthesis],
) -> None:
    granted = {
        name: {
            (resource.stack, resource.path)
            for resource, statement in made.statements()
            if "ec2:CreateNetworkInterface" in statement.get("Action", [])
        }
        for name, made in syntheses.items()
    }
    assert granted["poc"] == granted["production"] == set()
    functions = len(list(syntheses["longest"].resources("AWS::Lambda::Function")))
    # The lake's two jobs, training, evaluation, the two models' endpoints.
    assert len(granted["longest"]) == functions + 6
