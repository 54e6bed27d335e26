"""The inference log: every answer, from its table into the lake by day, and found by Athena."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from meguru.names import INFERENCE_LOG_PREFIX
from stacks.constructs.grants import grant, grant_table
from stacks.constructs.inference_catalog import InferenceCatalog
from stacks.constructs.lake import Lake
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.table import Table
from stacks.environment import Environment

BUFFER_SECONDS = 60
# Dynamic partitioning takes no smaller buffer.
BUFFER_MB = 64
# What a batch has is tried as one; of a metric, so many samples fit into one line of a log.
BATCH_SIZE = 100
DELIVERY_TIMEOUT = Duration.minutes(1)
# What could not be kept is tried again after so long, six times the timeout as AWS advises.
TRY_AGAIN_AFTER = Duration.minutes(6)
TOLD_AFTER = Duration.minutes(15)


class InferenceLog(Construct):
    """From the inference table's stream to the lake; what fails on the way waits in a queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        lake: Lake,
        inferences: Table,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        self._inferences = inferences
        self.queue = sqs.Queue(
            self,
            "SetAside",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            visibility_timeout=TRY_AGAIN_AFTER,
        )
        self._tell_of_what_waits(topic)
        stream = self._create_stream(lake)
        self._deliver(environment, stream, lake)
        InferenceCatalog(self, "Catalog", environment=environment, bucket=lake.bucket)

    def use(self, function: lambda_.Function) -> None:
        """Let `function` write records, or set them aside."""
        function.add_environment("INFERENCE_TABLE", self._inferences.table_name)
        function.add_environment("INFERENCE_QUEUE", self.queue.queue_url)
        grant_table(function, self._inferences, "PutItem")
        grant(function, "sqs:SendMessage", self.queue.queue_arn)

    def _tell_of_what_waits(self, topic: sns.ITopic) -> None:
        alarm = cloudwatch.Alarm(
            self,
            "SetAsideForLong",
            alarm_description="Records of answers can't be kept, or not delivered to the lake.",
            metric=self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(5)),
            threshold=TOLD_AFTER.to_seconds(),
            evaluation_periods=1,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(topic))

    def _create_stream(self, lake: Lake) -> firehose.CfnDeliveryStream:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"))
        lake.grant_write(role, INFERENCE_LOG_PREFIX)
        # Source: Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
        grant(
            role,
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            lake.bucket.bucket_arn,
        )
        stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=(
                firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
                    key_type="CUSTOMER_MANAGED_CMK", key_arn=lake.key.key_arn
                )
            ),
            extended_s3_destination_configuration=_destination(lake, role),
        )
        stream.node.add_dependency(role)
        return stream

    def _deliver(
        self, environment: Environment, stream: firehose.CfnDeliveryStream, lake: Lake
    ) -> None:
        function = PythonFunction(
            self,
            "DeliverInferences",
            environment=environment,
            folder="deliver_inferences",
            variables={
                "ENVIRONMENT_NAME": environment.name,
                "INFERENCE_STREAM": stream.ref,
                "TIME_ZONE": environment.time_zone,
            },
            timeout=DELIVERY_TIMEOUT,
        )
        self.use(function)
        # Of the queue, whose messages are encrypted in its name.
        grant(function, "kms:GenerateDataKey", lake.key.key_arn)
        grant(function, "firehose:PutRecordBatch", stream.attr_arn)
        # What the queue doesn't take either is tried again for a day.
        function.add_event_source(
            event_sources.DynamoEventSource(
                self._inferences,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=BATCH_SIZE,
                report_batch_item_failures=True,
                filters=[
                    lambda_.FilterCriteria.filter(
                        {"eventName": lambda_.FilterRule.is_equal("INSERT")}
                    )
                ],
            )
        )
        function.add_event_source(
            event_sources.SqsEventSource(self.queue, report_batch_item_failures=True)
        )


def _destination(
    lake: Lake, role: iam.Role
) -> firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty:
    properties = firehose.CfnDeliveryStream
    return properties.ExtendedS3DestinationConfigurationProperty(
        bucket_arn=lake.bucket.bucket_arn,
        role_arn=role.role_arn,
        prefix=f"{INFERENCE_LOG_PREFIX}dt=!{{partitionKeyFromQuery:dt}}/",
        error_output_prefix=f"{INFERENCE_LOG_PREFIX}failed/!{{firehose:error-output-type}}/",
        compression_format="GZIP",
        buffering_hints=properties.BufferingHintsProperty(
            interval_in_seconds=BUFFER_SECONDS, size_in_m_bs=BUFFER_MB
        ),
        encryption_configuration=properties.EncryptionConfigurationProperty(
            kms_encryption_config=properties.KMSEncryptionConfigProperty(
                awskms_key_arn=lake.key.key_arn
            )
        ),
        dynamic_partitioning_configuration=properties.DynamicPartitioningConfigurationProperty(
            enabled=True
        ),
        processing_configuration=properties.ProcessingConfigurationProperty(
            enabled=True,
            processors=[
                properties.ProcessorProperty(
                    type="MetadataExtraction",
                    parameters=[
                        properties.ProcessorParameterProperty(
                            parameter_name="MetadataExtractionQuery",
                            parameter_value="{dt:.dt}",
                        ),
                        properties.ProcessorParameterProperty(
                            parameter_name="JsonParsingEngine", parameter_value="JQ-1.6"
                        ),
                    ],
                )
            ],
        ),
    )
