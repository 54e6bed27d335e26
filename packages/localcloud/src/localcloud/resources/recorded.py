"""Resources that are kept and shown, but have no behaviour here; and those that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties

_NO_TRAFFIC = "nothing reaches this machine through it"
_NO_NETWORK = "everything runs on this machine's loopback network"
_NO_CONSOLE = "there is no console to show it"
_NO_SIGN_IN = "nobody signs in through it here; authorizers that need it refuse every caller"
_NO_COST = "nothing costs money here"
_NO_COMMITS = "no repository is followed from here: deploy what you have changed"
_NO_QUERIES = "nothing here runs SQL; the objects lie in their bucket"
_NO_AUDIT = "calls are not audited here"

RECORDED: Mapping[str, str] = {
    "AWS::ApiGateway::Account": "the account's log role; API Gateway writes no logs here",
    "AWS::ApiGateway::BasePathMapping": _NO_TRAFFIC,
    "AWS::ApiGateway::ClientCertificate": _NO_TRAFFIC,
    "AWS::ApiGateway::DocumentationPart": _NO_CONSOLE,
    "AWS::ApiGateway::DocumentationVersion": _NO_CONSOLE,
    "AWS::ApiGateway::DomainName": _NO_TRAFFIC,
    "AWS::Budgets::Budget": _NO_COST,
    "AWS::Budgets::BudgetsAction": _NO_COST,
    "AWS::CDK::Metadata": "which construct libraries the app was made with",
    "AWS::CE::AnomalyMonitor": _NO_COST,
    "AWS::CE::AnomalySubscription": _NO_COST,
    "AWS::CertificateManager::Certificate": _NO_TRAFFIC,
    "AWS::CloudFormation::WaitConditionHandle": "a place in the template, no behaviour of its own",
    "AWS::CloudFront::CachePolicy": _NO_TRAFFIC,
    "AWS::CloudFront::CloudFrontOriginAccessIdentity": _NO_TRAFFIC,
    "AWS::CloudFront::Distribution": _NO_TRAFFIC,
    "AWS::CloudFront::Function": _NO_TRAFFIC,
    "AWS::CloudFront::KeyGroup": _NO_TRAFFIC,
    "AWS::CloudFront::OriginAccessControl": _NO_TRAFFIC,
    "AWS::CloudFront::OriginRequestPolicy": _NO_TRAFFIC,
    "AWS::CloudFront::PublicKey": _NO_TRAFFIC,
    "AWS::CloudFront::ResponseHeadersPolicy": _NO_TRAFFIC,
    "AWS::CloudTrail::Trail": _NO_AUDIT,
    "AWS::CloudWatch::AnomalyDetector": "no metric is watched for anomalies",
    "AWS::CloudWatch::Dashboard": _NO_CONSOLE,
    "AWS::CloudWatch::InsightRule": _NO_CONSOLE,
    "AWS::CodeBuild::Project": _NO_COMMITS,
    "AWS::CodePipeline::Pipeline": _NO_COMMITS,
    "AWS::CodeConnections::Connection": _NO_COMMITS,
    "AWS::Cognito::IdentityPool": _NO_SIGN_IN,
    "AWS::Cognito::IdentityPoolRoleAttachment": _NO_SIGN_IN,
    "AWS::Cognito::UserPool": _NO_SIGN_IN,
    "AWS::Cognito::UserPoolClient": _NO_SIGN_IN,
    "AWS::Cognito::UserPoolDomain": _NO_SIGN_IN,
    "AWS::Cognito::UserPoolGroup": _NO_SIGN_IN,
    "AWS::Cognito::UserPoolResourceServer": _NO_SIGN_IN,
    "AWS::EC2::EIP": _NO_NETWORK,
    "AWS::EC2::FlowLog": _NO_NETWORK,
    "AWS::EC2::InternetGateway": _NO_NETWORK,
    "AWS::EC2::NatGateway": _NO_NETWORK,
    "AWS::EC2::NetworkAcl": _NO_NETWORK,
    "AWS::EC2::NetworkAclEntry": _NO_NETWORK,
    "AWS::EC2::Route": _NO_NETWORK,
    "AWS::EC2::RouteTable": _NO_NETWORK,
    "AWS::EC2::SecurityGroup": _NO_NETWORK,
    "AWS::EC2::SecurityGroupEgress": _NO_NETWORK,
    "AWS::EC2::SecurityGroupIngress": _NO_NETWORK,
    "AWS::EC2::Subnet": _NO_NETWORK,
    "AWS::EC2::SubnetNetworkAclAssociation": _NO_NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NO_NETWORK,
    "AWS::EC2::VPC": _NO_NETWORK,
    "AWS::EC2::VPCDHCPOptionsAssociation": _NO_NETWORK,
    "AWS::EC2::VPCEndpoint": _NO_NETWORK,
    "AWS::EC2::VPCGatewayAttachment": _NO_NETWORK,
    "AWS::ECR::Repository": "images come from the assembly, no registry holds them",
    "AWS::Events::Archive": "events are not archived or replayed",
    "AWS::Glue::Database": _NO_QUERIES,
    "AWS::Glue::Table": _NO_QUERIES,
    "AWS::Lambda::CodeSigningConfig": "code comes from the assembly, signed by nobody",
    "AWS::Logs::LogAnomalyDetector": "no log group is watched for anomalies",
    "AWS::Logs::QueryDefinition": _NO_CONSOLE,
    "AWS::ResourceGroups::Group": _NO_CONSOLE,
    "AWS::Route53::HostedZone": _NO_TRAFFIC,
    "AWS::Route53::RecordSet": _NO_TRAFFIC,
    "AWS::SecretsManager::RotationSchedule": "secrets are not rotated by themselves",
    "AWS::SecretsManager::SecretTargetAttachment": "there is no database to attach it to",
    "AWS::WAFv2::IPSet": _NO_TRAFFIC,
    "AWS::WAFv2::LoggingConfiguration": _NO_TRAFFIC,
    "AWS::WAFv2::RegexPatternSet": _NO_TRAFFIC,
    "AWS::WAFv2::RuleGroup": _NO_TRAFFIC,
    "AWS::WAFv2::WebACL": _NO_TRAFFIC,
    "AWS::WAFv2::WebACLAssociation": _NO_TRAFFIC,
    "AWS::XRay::Group": _NO_CONSOLE,
    "AWS::XRay::SamplingRule": "traces are not collected",
}

_COMPUTE = "localcloud runs Lambda functions and SageMaker jobs, no other computers"
_DATABASE = "localcloud runs no such data store; DynamoDB and S3 are there"

REFUSED: Mapping[str, str] = {
    "AWS::ApiGatewayV2::Api": "localcloud serves REST APIs; use aws_apigateway.RestApi",
    "AWS::AppSync::GraphQLApi": "localcloud serves REST APIs; use aws_apigateway.RestApi",
    "AWS::Batch::JobDefinition": _COMPUTE,
    "AWS::Batch::JobQueue": _COMPUTE,
    "AWS::CloudFormation::Macro": "macros run in AWS only",
    "AWS::CloudFormation::WaitCondition": "nothing here would signal it; use a custom resource",
    "AWS::EC2::Instance": _COMPUTE,
    "AWS::ECS::Service": _COMPUTE,
    "AWS::ECS::TaskDefinition": _COMPUTE,
    "AWS::EKS::Cluster": _COMPUTE,
    "AWS::ElastiCache::ServerlessCache": _DATABASE,
    "AWS::Kinesis::Stream": "localcloud runs no Kinesis streams; use SQS or DynamoDB streams",
    "AWS::OpenSearchServerless::Collection": _DATABASE,
    "AWS::RDS::DBCluster": _DATABASE,
    "AWS::RDS::DBInstance": _DATABASE,
}

_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "AWS::CloudFront::Distribution": {"DomainName": "{id}.cloudfront.net", "Id": "{id}"},
    "AWS::EC2::VPC": {
        "CidrBlock": "10.0.0.0/16",
        "DefaultSecurityGroup": "sg-{id}",
        "DefaultNetworkAcl": "acl-{id}",
    },
    "AWS::EC2::Subnet": {"AvailabilityZone": "{region}a", "CidrBlock": "10.0.0.0/24"},
    "AWS::EC2::EIP": {"PublicIp": "192.0.2.1"},
    "AWS::EC2::SecurityGroup": {"VpcId": "vpc-{id}"},
    "AWS::ECR::Repository": {
        "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{id}",
    },
    "AWS::Route53::HostedZone": {"NameServers": "ns.{id}.example"},
}
_GENERIC = ("Arn", "Id", "Name")


class RecordedAttributes(Mapping[str, Any]):
    """The attributes of a resource that isn't there: plausible, and said to be recorded.

    Named ones come from the table above or the resource's own property of that name; ARNs and IDs
    are made up from its physical ID.
    """

    def __init__(self, context: Context, physical_id: str, properties: Mapping[str, Any]) -> None:
        service = context.resource_type.split("::")[1].lower()
        made = {
            "id": physical_id,
            "region": context.account.region,
            "account": context.account.id,
        }
        known = _ATTRIBUTES.get(context.resource_type, {})
        self._named = {name: value.format(**made) for name, value in known.items()}
        self._properties = properties
        self._physical_id = physical_id
        self._arn = context.arn(service, physical_id)

    def __getitem__(self, name: str) -> Any:
        if name in self._named:
            return self._named[name]
        if name in self._properties:
            return self._properties[name]
        if name.lower().endswith("arn"):
            return self._arn
        if name.endswith(("Id", "Name")):
            return self._physical_id
        raise KeyError(name)

    def __iter__(self) -> Any:
        return iter(dict.fromkeys((*self._named, *self._properties, *_GENERIC)))

    def __len__(self) -> int:
        return len(list(iter(self)))


def record(context: Context, properties: Properties) -> Created:
    """Keep a resource without giving it behaviour."""
    physical_id = context.physical_name(64)
    # Nothing of it is simulated, which its handling says already.
    values = properties.without()
    return Created(physical_id, RecordedAttributes(context, physical_id, values))
