"""AWS::KinesisFirehose."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.resources.context import Context, Created, Properties, Provider

_DESTINATIONS = ("S3DestinationConfiguration", "ExtendedS3DestinationConfiguration")


def delivery_stream(context: Context, properties: Properties) -> Created:
    for name in properties:
        if name.endswith("DestinationConfiguration") and name not in _DESTINATIONS:
            raise ValueError(f"{name}: localcloud delivers to S3 only")
    stream_name = properties.get("DeliveryStreamName") or context.physical_name(64)
    settings = properties.without("DeliveryStreamName")
    arn = context.call(
        "firehose", "CreateDeliveryStream", **settings, DeliveryStreamName=stream_name
    )["DeliveryStreamARN"]
    return Created(stream_name, {"Arn": arn})


PROVIDERS: Mapping[str, Provider] = {"AWS::KinesisFirehose::DeliveryStream": delivery_stream}
