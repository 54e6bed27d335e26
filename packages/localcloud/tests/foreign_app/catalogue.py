"""The catalogue: tables, their stream, a secret, a parameter and a key."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import custom_resources as custom
from constructs import Construct


class Catalogue(Construct):
    """Books with a stream that is copied to an index table; records that can't be are set aside."""

    def __init__(self, scope: Construct, construct_id: str, *, handlers: Path) -> None:
        super().__init__(scope, construct_id)
        key = kms.Key(self, "Key", alias="alias/bookshop", enable_key_rotation=True)
        self.books = dynamodb.Table(
            self,
            "Books",
            partition_key=dynamodb.Attribute(name="isbn", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            encryption_key=key,
            time_to_live_attribute="expires",
        )
        self.books.add_global_secondary_index(
            index_name="by-author",
            partition_key=dynamodb.Attribute(name="author", type=dynamodb.AttributeType.STRING),
        )
        index = dynamodb.TableV2(
            self,
            "Index",
            partition_key=dynamodb.Attribute(name="word", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="isbn", type=dynamodb.AttributeType.STRING),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        failures = sqs.Queue(self, "Failures")
        indexer = lambda_.Function(
            self,
            "Indexer",
            runtime=lambda_.Runtime.PYTHON_3_11,
            handler="handler.handle",
            code=lambda_.Code.from_asset(str(handlers / "records")),
            environment={"TABLE_NAME": index.table_name},
            timeout=cdk.Duration.seconds(20),
        )
        index.grant_write_data(indexer)
        indexer.add_event_source(
            sources.DynamoEventSource(
                self.books,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                report_batch_item_failures=True,
                retry_attempts=1,
                on_failure=sources.SqsDlq(failures),
            )
        )
        secret = secretsmanager.Secret(
            self,
            "SupplierLogin",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"user": "bookshop"}', generate_string_key="password"
            ),
        )
        greeting = ssm.StringParameter(self, "Greeting", string_value="いらっしゃいませ")
        first_book = custom.AwsCustomResource(
            self,
            "FirstBook",
            on_create=custom.AwsSdkCall(
                service="DynamoDB",
                action="putItem",
                parameters={
                    "TableName": self.books.table_name,
                    "Item": {"isbn": {"S": "978-4-00"}, "author": {"S": "紫式部"}},
                },
                physical_resource_id=custom.PhysicalResourceId.of("first-book"),
            ),
            policy=custom.AwsCustomResourcePolicy.from_statements(
                [
                    cdk.aws_iam.PolicyStatement(
                        actions=["dynamodb:PutItem"], resources=[self.books.table_arn]
                    )
                ]
            ),
            install_latest_aws_sdk=False,
        )
        key.grant_encrypt_decrypt(first_book)
        cdk.CfnOutput(self, "BooksTable", value=self.books.table_name)
        cdk.CfnOutput(self, "IndexTable", value=index.table_name)
        cdk.CfnOutput(self, "FailuresQueue", value=failures.queue_url)
        cdk.CfnOutput(self, "SecretArn", value=secret.secret_arn)
        cdk.CfnOutput(self, "GreetingName", value=greeting.parameter_name)
