"""The consumers of the environment file: every deployment puts them into their table."""

from __future__ import annotations

import json

import aws_cdk as cdk
from constructs import Construct

from stacks.constructs.grants import grant_table
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.table import Table
from stacks.environment import Environment


class DeclaredConsumers(Construct):
    """A custom resource that has each of them, and refuses those that are no longer declared."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, consumers: Table
    ) -> None:
        super().__init__(scope, construct_id)
        function = PythonFunction(
            self,
            "DeclareConsumers",
            environment=environment,
            folder="declare_consumers",
            variables={"CONSUMER_TABLE": consumers.table_name},
            timeout=cdk.Duration.minutes(2),
        )
        grant_table(function, consumers, "Scan", "UpdateItem")
        declared = {name: one.named(name).settings() for name, one in environment.consumers.items()}
        resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type="Custom::DeclaredConsumers",
            service_token=function.function_arn,
            service_timeout=cdk.Duration.minutes(10),
            # As one text: CloudFormation would make texts of numbers.
            properties={"Consumers": json.dumps(declared, sort_keys=True)},
        )
        # A policy is a resource of its own: CloudFormation would not wait for it.
        resource.node.add_dependency(function.role)
