"""The inference log: every answer, delivered to the lake by model version and day."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from constructs import Construct

from meguru.names import INFERENCE_LOG_PREFIX
from stacks.constructs.grants import grant
from stacks.constructs.lake import Lake

BUFFER_SECONDS = 60
# Dynamic partitioning takes no smaller buffer.
BUFFER_MB = 64


class InferenceLog(Construct):
    """A delivery stream whose records are JSON with a `model_version`."""

    def __init__(self, scope: Construct, construct_id: str, *, lake: Lake) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"))
        lake.grant_write(role, INFERENCE_LOG_PREFIX)
        # Source: Firehose developer guide, "Grant Firehose access to an Amazon S3 destination".
        grant(
            role,
            ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            lake.bucket.bucket_arn,
        )
        self.stream = firehose.CfnDeliveryStream(
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
        self.stream.node.add_dependency(role)

    @property
    def stream_name(self) -> str:
        return self.stream.ref

    def grant_put(self, grantee: iam.IGrantable) -> None:
        grant(grantee, "firehose:PutRecord", self.stream.attr_arn)


def _destination(
    lake: Lake, role: iam.Role
) -> firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty:
    properties = firehose.CfnDeliveryStream
    return properties.ExtendedS3DestinationConfigurationProperty(
        bucket_arn=lake.bucket.bucket_arn,
        role_arn=role.role_arn,
        prefix=f"{INFERENCE_LOG_PREFIX}model=!{{partitionKeyFromQuery:model_version}}/"
        "dt=!{timestamp:yyyy-MM-dd}/",
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
                            parameter_value="{model_version:.model_version}",
                        ),
                        properties.ProcessorParameterProperty(
                            parameter_name="JsonParsingEngine", parameter_value="JQ-1.6"
                        ),
                    ],
                )
            ],
        ),
    )
