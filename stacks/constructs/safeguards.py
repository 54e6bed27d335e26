"""What every resource of a kind has, whoever makes it: the key, the network, the boundary."""

from __future__ import annotations

import aws_cdk as cdk
import jsii
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import IConstruct

from meguru.fingerprint import sha256_hex
from stacks.constructs.grants import grant, grant_network_interfaces
from stacks.environment import Environment

MAX_ROLE_NAME = 64
# Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC".
INTERFACES_OF_FUNCTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


@jsii.implements(cdk.IAspect)
class Safeguards:
    """An aspect of the whole app, so that no construct can forget them."""

    def __init__(self, environment: Environment, key: kms.IKey) -> None:
        self._environment, self._key = environment, key

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, logs.CfnLogGroup):
            node.kms_key_id = self._key.key_arn
        elif isinstance(node, sqs.CfnQueue):
            node.kms_master_key_id = self._key.key_arn
            node.sqs_managed_sse_enabled = None
        elif isinstance(node, lambda_.CfnFunction):
            self._guard_function(node)
        elif isinstance(node, lambda_.Function):
            self._grant_function(node)
        # CDK's own helpers make their roles of the bare resource.
        elif isinstance(node, cdk.CfnResource) and node.cfn_resource_type == "AWS::IAM::Role":
            self._guard_role(node)

    def _guard_function(self, function: lambda_.CfnFunction) -> None:
        function.kms_key_arn = self._key.key_arn
        network = self._environment.network
        if network.is_vpc:
            function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=network.subnet_ids, security_group_ids=network.security_group_ids
            )

    def _grant_function(self, function: lambda_.Function) -> None:
        # Its variables, and the messages of its queue. What else the key encrypts it has to be
        # allowed to read first.
        grant(function, "kms:Decrypt", self._key.key_arn)
        if self._environment.network.is_vpc:
            grant_network_interfaces(function, INTERFACES_OF_FUNCTIONS)

    def _guard_role(self, role: cdk.CfnResource) -> None:
        if boundary := self._environment.permissions_boundary:
            role.add_property_override("PermissionsBoundary", policy_arn(role, boundary))
        if prefix := self._environment.role_name_prefix:
            role.add_property_override("RoleName", role_name(role, prefix))


def policy_arn(scope: IConstruct, policy: str) -> str:
    """The ARN of a managed policy of the account, given by its name or its ARN."""
    if policy.startswith("arn:"):
        return policy
    return cdk.Stack.of(scope).format_arn(
        service="iam", region="", resource="policy", resource_name=policy
    )


def role_name(role: cdk.CfnElement, prefix: str) -> str:
    """A name that begins with `prefix` and that no other role has.

    Roles are an account's, not a region's, and some stay when their stack is destroyed: so the
    name ends with a part of the stack's own identifier, which CloudFormation makes.
    """
    stack = cdk.Stack.of(role)
    own = str(stack.resolve(role.logical_id))
    digits = sha256_hex(f"{stack.stack_name}/{own}".encode())[:8]
    # The first of the identifier's hexadecimal digits: arn:...:stack/NAME/xxxxxxxx-xxxx-...
    identifier = cdk.Fn.select(2, cdk.Fn.split("/", stack.stack_id))
    unique = cdk.Fn.select(0, cdk.Fn.split("-", identifier))
    room = MAX_ROLE_NAME - len(prefix) - len(f"-{digits}-xxxxxxxx")
    return f"{prefix}{own[:room]}-{digits}-{unique}"
