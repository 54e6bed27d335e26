"""Sends records to the destinations that functions and mappings name by ARN."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError

logger = logging.getLogger(__name__)
_DESTINATIONS = ("sqs", "sns", "lambda", "events", "s3")


def check_destination(arn: str) -> None:
    """Refuse by name what records can't be sent to."""
    if not arn.startswith("arn:") or arn.split(":")[2] not in _DESTINATIONS:
        raise ServiceError(
            "InvalidParameterValueException",
            f"{arn} can't be a destination: use a queue, topic, function, event bus or bucket",
        )


class Delivery:
    """Delivers as the role of the function whose record it is, as Lambda does."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def send(self, arn: str, record: dict[str, Any], caller: Caller) -> None:
        """Deliver an invocation record. What can't be delivered is said in the cloud's log."""
        body = json.dumps(record, ensure_ascii=False)
        service = arn.split(":")[2]
        self._deliver(arn, caller, service, {"body": body, "record": record})

    def send_dead_letter(
        self, arn: str, event: bytes, attributes: dict[str, str], caller: Caller
    ) -> None:
        """Deliver an event to a dead-letter queue or topic, with Lambda's message attributes."""
        typed = {
            name: {"DataType": "String", "StringValue": value or "-"}
            for name, value in attributes.items()
        }
        content = {"body": event.decode(), "attributes": typed}
        self._deliver(arn, caller, arn.split(":")[2], content)

    def _deliver(self, arn: str, caller: Caller, service: str, content: dict[str, Any]) -> None:
        try:
            client = self._account.client(service, caller)
            getattr(self, f"_to_{service}")(client, arn, **content)
        except (ClientError, BotoCoreError) as error:
            logger.warning("a record is lost, %s did not take it: %s", arn, error)

    def _to_sqs(
        self, client: Any, arn: str, body: str, attributes: dict[str, Any] | None = None, **_: Any
    ) -> None:
        client.send_message(
            QueueUrl=queue_url(self._account.endpoint_url, arn),
            MessageBody=body,
            MessageAttributes=attributes or {},
        )

    def _to_sns(
        self, client: Any, arn: str, body: str, attributes: dict[str, Any] | None = None, **_: Any
    ) -> None:
        client.publish(TopicArn=arn, Message=body, MessageAttributes=attributes or {})

    def _to_lambda(self, client: Any, arn: str, body: str, **_: Any) -> None:
        client.invoke(FunctionName=arn, InvocationType="Event", Payload=body.encode())

    def _to_events(self, client: Any, arn: str, body: str, record: dict[str, Any]) -> None:
        succeeded = record.get("requestContext", {}).get("condition") == "Success"
        entry = {
            "EventBusName": arn,
            "Source": "lambda",
            "DetailType": "Lambda Function Invocation Result - "
            + ("Success" if succeeded else "Failure"),
            "Detail": body,
            "Resources": [record.get("requestContext", {}).get("functionArn", ""), arn],
        }
        client.put_events(Entries=[entry])

    def _to_s3(self, client: Any, arn: str, body: str, record: dict[str, Any]) -> None:
        context = record["requestContext"]
        name = context["functionArn"].split(":")[6]
        moment = datetime.fromisoformat(record["timestamp"])
        key = f"aws/lambda/async/{name}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{context['requestId']}"
        client.put_object(Bucket=arn.rpartition(":")[2], Key=key, Body=body.encode())


def queue_url(endpoint_url: str, arn: str) -> str:
    """The address of a queue of this cloud."""
    account, name = arn.split(":")[4:6]
    return f"{endpoint_url}/{account}/{name}"
