from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud
from localcloud.template.assembly import Assembly
from localcloud.template.cloudformation import CloudFormationService
from localcloud.template.deploy import DeploymentError

if TYPE_CHECKING:
    from tests.template.conftest import WriteAssembly

BringUp = Callable[..., Cloud]


@pytest.fixture
def bring_up(write_assembly: WriteAssembly, tmp_path: Path) -> Iterator[BringUp]:
    clouds: list[Cloud] = []

    def start(templates: Mapping[str, Any], **changes: Any) -> Cloud:
        assembly = Assembly.load(write_assembly(templates, **changes))
        cloud = Cloud(assembly, work_dir=tmp_path / "work", services=[CloudFormationService])
        clouds.append(cloud)
        cloud.start()
        return cloud

    yield start
    for cloud in clouds:
        cloud.stop()


def outputs(cloud: Cloud, stack_name: str) -> dict[str, str]:
    [stack] = cloud.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_resources_outputs_exports_and_conditions(bring_up: BringUp) -> None:
    producer = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "VisibilityTimeout": "45",
                    "RedrivePolicy": {
                        "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                        "maxReceiveCount": 3,
                    },
                },
            },
            "Absent": {"Type": "AWS::SQS::Queue", "Condition": "Never"},
        },
        "Outputs": {
            "Url": {"Value": {"Ref": "Queue"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "queue-arn"}},
            "None": {"Condition": "Never", "Value": {"Ref": "Absent"}},
        },
    }
    consumer = {
        "Resources": {
            "Name": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Name": "/arn",
                    "Type": "String",
                    "Value": {"Fn::ImportValue": "queue-arn"},
                },
            }
        },
        "Outputs": {
            "Weak": {"Value": {"Fn::GetStackOutput": {"StackName": "P", "OutputName": "Url"}}}
        },
    }
    cloud = bring_up({"C": consumer, "P": producer}, C={"dependencies": ["P"]})
    produced = outputs(cloud, "P")
    assert produced.keys() == {"Url", "Arn"}
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=produced["Url"], AttributeNames=["All"]
    )["Attributes"]
    assert attributes["VisibilityTimeout"] == "45"
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 3
    value = cloud.client("ssm").get_parameter(Name="/arn")["Parameter"]["Value"]
    assert value == produced["Arn"] == attributes["QueueArn"]
    assert outputs(cloud, "C")["Weak"] == produced["Url"]
    exports = cloud.client("cloudformation").list_exports()["Exports"]
    assert [export["Name"] for export in exports] == ["queue-arn"]


def test_dynamic_references_are_looked_up(bring_up: BringUp) -> None:
    resources = {
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {
                "GenerateSecretString": {
                    "SecretStringTemplate": '{"user": "me"}',
                    "GenerateStringKey": "password",
                    "PasswordLength": 24,
                }
            },
        },
        "Copy": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Type": "String",
                "Value": {
                    "Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:password::}}!"
                },
            },
        },
    }
    cloud = bring_up({"S": {"Resources": resources, "Outputs": {"N": {"Value": {"Ref": "Copy"}}}}})
    name = outputs(cloud, "S")["N"]
    value = cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    assert len(value) == 25


def test_a_table_with_all_its_settings(bring_up: BringUp) -> None:
    properties = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "KinesisStreamSpecification": {"StreamArn": "arn:aws:kinesis:x"},
    }
    replica = {
        "Region": "us-east-1",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    replicated = {k: v for k, v in properties.items() if k != "KinesisStreamSpecification"}
    resources = {
        "One": {"Type": "AWS::DynamoDB::Table", "Properties": properties},
        "Two": {
            "Type": "AWS::DynamoDB::GlobalTable",
            "Properties": {**replicated, "Replicas": [replica]},
        },
    }
    values: dict[str, Any] = {name: {"Value": {"Ref": name}} for name in resources}
    values["Stream"] = {"Value": {"Fn::GetAtt": ["One", "StreamArn"]}}
    cloud = bring_up({"S": {"Resources": resources, "Outputs": values}})
    found = outputs(cloud, "S")
    assert "/stream/" in found["Stream"]
    dynamodb = cloud.client("dynamodb")
    for name in (found["One"], found["Two"]):
        table = dynamodb.describe_table(TableName=name)["Table"]
        assert table["StreamSpecification"]["StreamEnabled"]
        assert table["GlobalSecondaryIndexes"][0]["IndexName"] == "by-owner"
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert ttl["AttributeName"] == "expires"
    resource = cloud.client("cloudformation").describe_stack_resource(
        StackName="S", LogicalResourceId="One"
    )["StackResourceDetail"]
    metadata = json.loads(resource["Metadata"])["localcloud"]
    assert metadata["not_simulated"] == ["KinesisStreamSpecification"]


def test_a_bucket_with_all_its_settings(bring_up: BringUp) -> None:
    properties = {
        "BucketName": "pictures",
        "VersioningConfiguration": {"Status": "Enabled"},
        "CorsConfiguration": {
            "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 60}]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {"Id": "old", "Status": "Enabled", "Prefix": "tmp/", "ExpirationInDays": 3},
                {
                    "Status": "Enabled",
                    "NoncurrentVersionTransitions": [
                        {"StorageClass": "GLACIER", "TransitionInDays": 9}
                    ],
                },
            ]
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
        "Tags": [{"Key": "team", "Value": "art"}],
        "WebsiteConfiguration": {"IndexDocument": "index.html"},
    }
    cloud = bring_up(
        {"S": {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": properties}}}}
    )
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket="pictures")["Status"] == "Enabled"
    assert s3.get_bucket_cors(Bucket="pictures")["CORSRules"][0]["MaxAgeSeconds"] == 60
    rules = s3.get_bucket_lifecycle_configuration(Bucket="pictures")["Rules"]
    assert rules[0]["Expiration"] == {"Days": 3}
    assert rules[1]["NoncurrentVersionTransitions"][0]["NoncurrentDays"] == 9
    assert s3.get_bucket_tagging(Bucket="pictures")["TagSet"] == properties["Tags"]
    service = cloud.service(CloudFormationService)
    assert service.deployed_resources()[0]["not_simulated"] == ["WebsiteConfiguration"]


@pytest.mark.parametrize("is_here", [True, False])
def test_a_boundary_that_is_not_here_is_noted_and_limits_nothing(
    bring_up: BringUp, is_here: bool
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
    }
    name = "ReadOnlyAccess" if is_here else "NotOfThisAccount"
    boundary = f"arn:aws:iam::aws:policy/{name}"
    properties = {"AssumeRolePolicyDocument": trust, "PermissionsBoundary": boundary}
    cloud = bring_up(
        {"S": {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}}}
    )
    [role] = cloud.client("iam").list_roles()["Roles"]
    described = cloud.client("iam").get_role(RoleName=role["RoleName"])["Role"]
    assert ("PermissionsBoundary" in described) is is_here
    noted = cloud.service(CloudFormationService).deployed_resources()[0]["not_simulated"]
    assert noted == ([] if is_here else ["PermissionsBoundary"])


def test_an_identity_provider_is_there_and_roles_trust_it(bring_up: BringUp) -> None:
    issuer = "token.actions.githubusercontent.com"
    provider = {"Url": f"https://{issuer}", "ClientIdList": ["sts.amazonaws.com"]}
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": {"Ref": "Provider"}},
                "Condition": {"StringEquals": {f"{issuer}:sub": "repo:a/b:ref:refs/heads/main"}},
            }
        ],
    }
    resources = {
        "Provider": {"Type": "AWS::IAM::OIDCProvider", "Properties": provider},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
    }
    cloud = bring_up({"S": {"Resources": resources}})
    iam = cloud.client("iam")
    [listed] = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    made = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=listed["Arn"])
    assert (made["Url"], made["ClientIDList"]) == (issuer, ["sts.amazonaws.com"])
    [role] = iam.list_roles()["Roles"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": listed["Arn"]}


def test_what_is_recorded_has_plausible_values(bring_up: BringUp) -> None:
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
        "Board": {"Type": "AWS::CloudWatch::Dashboard"},
    }
    values = {
        "Id": {"Value": {"Ref": "Vpc"}},
        "Group": {"Value": {"Fn::GetAtt": ["Vpc", "DefaultSecurityGroup"]}},
    }
    cloud = bring_up({"S": {"Resources": resources, "Outputs": values}})
    assert outputs(cloud, "S")["Group"].startswith("sg-")
    rows = cloud.service(CloudFormationService).deployed_resources()
    assert {row["mode"] for row in rows} == {"recorded"}
    assert all(row["reason"] for row in rows)


def test_a_failed_resource_is_one_line_with_its_place(bring_up: BringUp) -> None:
    resource = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
        "Metadata": {"aws:cdk:path": "S/Pictures/Resource"},
    }
    with pytest.raises(DeploymentError) as raised:
        bring_up({"S": {"Resources": {"Pictures": resource}}})
    line = str(raised.value)
    assert "\n" not in line
    for part in (
        "stack S",
        "Pictures (S/Pictures/Resource)",
        "AWS::DynamoDB::Table",
        "ValidationException: ",
    ):
        assert part in line


@pytest.mark.parametrize(
    ("resource_type", "property_name"),
    [
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::SNS::Topic", "TopicName"),
        ("AWS::SQS::Queue", "QueueName"),
    ],
)
def test_a_name_that_is_there_already_is_refused(
    bring_up: BringUp, resource_type: str, property_name: str
) -> None:
    same = {"Type": resource_type, "Properties": {property_name: "same-name"}}
    with pytest.raises(DeploymentError, match=r"Second, .*same-name already exists: it is First"):
        bring_up({"S": {"Resources": {"First": same, "Second": same}}})


def test_a_missing_property_is_named(bring_up: BringUp) -> None:
    resource = {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {}}}
    with pytest.raises(DeploymentError, match=r"P, AWS::S3::BucketPolicy, .* lack 'Bucket'"):
        bring_up({"S": {"Resources": {"P": resource}}})


def test_an_unknown_type_creates_nothing(
    bring_up: BringUp, write_assembly: WriteAssembly, tmp_path: Path
) -> None:
    templates = {
        "S": {
            "Resources": {
                "First": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "first"}},
                "Odd": {"Type": "AWS::Made::Up"},
            }
        }
    }
    cloud = Cloud(
        Assembly.load(write_assembly(templates)),
        work_dir=tmp_path / "work",
        services=[CloudFormationService],
    )
    try:
        with pytest.raises(ValueError, match="AWS::Made::Up"):
            cloud.start()
        assert cloud.client("s3").list_buckets()["Buckets"] == []
    finally:
        cloud.stop()


def test_stacks_are_not_changed_through_the_api(bring_up: BringUp) -> None:
    cloud = bring_up({"S": {"Resources": {}}})
    client = cloud.client("cloudformation")
    with pytest.raises(client.exceptions.ClientError, match="synthesize it again"):
        client.create_stack(StackName="T", TemplateBody="{}")
    with pytest.raises(client.exceptions.ClientError, match="T does not exist"):
        client.describe_stacks(StackName="T")
    assert [s["StackName"] for s in client.list_stacks()["StackSummaries"]] == ["S"]
    assert client.get_template(StackName="S")["TemplateBody"] == {"Resources": {}}


def test_a_parameter_that_is_not_to_be_seen_is_not_shown(bring_up: BringUp) -> None:
    template = {
        "Parameters": {
            "Password": {"Type": "String", "Default": "secret", "NoEcho": True},
            "Bootstrap": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/b/version"},
        },
    }
    template["Parameters"]["BootstrapVersion"] = template["Parameters"].pop("Bootstrap")
    cloud = bring_up({"S": template})
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="S")["Stacks"]
    shown = {p["ParameterKey"]: p for p in stack["Parameters"]}
    assert shown["Password"]["ParameterValue"] == "****"
    assert int(shown["BootstrapVersion"]["ResolvedValue"]) >= 6


def test_policies_of_users_and_groups_grant(bring_up: BringUp) -> None:
    def allowing(action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}

    user, group = {"Ref": "User"}, {"Ref": "Group"}
    resources = {
        "User": {"Type": "AWS::IAM::User"},
        "Group": {"Type": "AWS::IAM::Group"},
        "Own": {
            "Type": "AWS::IAM::UserPolicy",
            "Properties": {
                "PolicyName": "own",
                "UserName": user,
                "PolicyDocument": allowing("sqs:ListQueues"),
            },
        },
        "Shared": {
            "Type": "AWS::IAM::GroupPolicy",
            "Properties": {
                "PolicyName": "shared",
                "GroupName": group,
                "PolicyDocument": allowing("s3:ListAllMyBuckets"),
            },
        },
        "Member": {
            "Type": "AWS::IAM::UserToGroupAddition",
            "Properties": {"GroupName": group, "Users": [user]},
        },
    }
    arn = {"Arn": {"Value": {"Fn::GetAtt": ["User", "Arn"]}}}
    cloud = bring_up({"S": {"Resources": resources, "Outputs": arn}})
    caller = Caller.user(outputs(cloud, "S")["Arn"])
    cloud.client("sqs", caller).list_queues()
    cloud.client("s3", caller).list_buckets()
    with pytest.raises(ClientError, match="not authorized"):
        cloud.client("sns", caller).list_topics()


def test_a_stacks_events_tell_how_it_came_up(bring_up: BringUp) -> None:
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "DependsOn": "Topic"},
        "Topic": {"Type": "AWS::SNS::Topic"},
    }
    cloud = bring_up({"S": {"Resources": resources}})
    events = cloud.client("cloudformation").describe_stack_events(StackName="S")["StackEvents"]
    told = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events]
    begun, done = "CREATE_IN_PROGRESS", "CREATE_COMPLETE"
    each = [("Queue", done), ("Queue", begun), ("Topic", done), ("Topic", begun)]
    assert told == [("S", done), *each, ("S", begun)]
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    assert events[1]["PhysicalResourceId"].startswith("http")
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("cloudformation").describe_stack_events(StackName="T")


def test_a_parameter_of_ssm_is_described_with_what_it_is(bring_up: BringUp) -> None:
    properties = {"Name": "/image", "Type": "String", "Value": "v7"}
    stored = {"Type": "AWS::SSM::Parameter", "Properties": properties}
    kind = "AWS::SSM::Parameter::Value<String>"
    reading = {"Parameters": {"Image": {"Type": kind, "Default": "/image"}}, "Resources": {}}
    cloud = bring_up(
        {"A": {"Resources": {"Stored": stored}}, "B": reading}, B={"dependencies": ["A"]}
    )
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="B")["Stacks"]
    assert stack["Parameters"] == [
        {"ParameterKey": "Image", "ParameterValue": "/image", "ResolvedValue": "v7"}
    ]
