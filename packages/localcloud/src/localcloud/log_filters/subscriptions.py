"""Subscription filters: log events on their way to functions and delivery streams.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from localcloud.account import Account
from localcloud.calls import Caller, ServiceError
from localcloud.events.delivery import Courier, Delivery
from localcloud.events.roles import assumed
from localcloud.log_filters.patterns import parse_pattern

_SERVICE = "logs.amazonaws.com"
_MAX_FILTERS = 2
_NO_FUNCTION = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission "
    "to execute your function."
)


class Subscriptions:
    """The subscription filters of every log group, and what carries events to them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._courier = Courier(account.clock, "log-subscriptions")
        self._filters: dict[str, dict[str, dict[str, Any]]] = {}

    def stop(self) -> None:
        self._courier.stop()

    def put(self, request: dict[str, Any]) -> None:
        """Raises ServiceError where CloudWatch Logs could not deliver."""
        group, name = request["logGroupName"], request["filterName"]
        own = self._filters.setdefault(group, {})
        if name not in own and len(own) >= _MAX_FILTERS:
            raise ServiceError("LimitExceededException", "Resource limit exceeded.")
        self._check_destination(request)
        created = own.get(name, {}).get("creationTime") or int(self._account.clock.time() * 1000)
        own[name] = {"distribution": "ByLogStream", **request, "creationTime": created}

    def of(self, group: str) -> list[dict[str, Any]]:
        return list(self._filters.get(group, {}).values())

    def delete(self, group: str, name: str) -> None:
        if self._filters.get(group, {}).pop(name, None) is None:
            message = "The specified subscription filter does not exist."
            raise ServiceError("ResourceNotFoundException", message)

    def forget(self, group: str) -> None:
        self._filters.pop(group, None)

    def deliver(self, group: str, stream: str, events: Sequence[dict[str, Any]]) -> None:
        """Send what matches (`id`, `timestamp`, `message`) on its way, in the background."""
        for each in self.of(group):
            matches = parse_pattern(each["filterPattern"])
            wanted = [event for event in events if matches(event["message"]) is not None]
            if wanted:
                self._post(each, self._message(each, stream, wanted))

    def _message(
        self, each: dict[str, Any], stream: str, events: list[dict[str, Any]]
    ) -> dict[str, Any]:
        return {
            "messageType": "DATA_MESSAGE",
            "owner": self._account.id,
            "logGroup": each["logGroupName"],
            "logStream": stream,
            "subscriptionFilters": [each["filterName"]],
            "logEvents": events,
        }

    def _post(self, each: dict[str, Any], message: dict[str, Any]) -> None:
        data = gzip.compress(json.dumps(message, ensure_ascii=False).encode())
        arn = each["destinationArn"]
        self._courier.post(
            Delivery(
                f"log events of {each['logGroupName']} to {arn}",
                f"{arn} {message['logStream']}",
                lambda: self._send(each, data),
                self._account.clock.now(),
            )
        )

    def _send(self, each: dict[str, Any], data: bytes) -> None:
        arn, source = each["destinationArn"], self._source_arn(each)
        if _service(arn) == "lambda":
            event = json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}})
            client = self._account.client("lambda", Caller.aws_service(_SERVICE, source))
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=event.encode())
            return
        caller = assumed(self._account, _SERVICE, each["roleArn"], source)
        name = arn.rpartition("/")[2]
        client = self._account.client("firehose", caller)
        client.put_record(DeliveryStreamName=name, Record={"Data": data})

    def _check_destination(self, request: dict[str, Any]) -> None:
        arn, service = request["destinationArn"], _service(request["destinationArn"])
        if service == "lambda":
            caller = Caller.aws_service(_SERVICE, self._source_arn(request))
            try:
                self._account.client("lambda", caller).invoke(
                    FunctionName=arn, InvocationType="DryRun"
                )
            except ClientError as error:
                raise _invalid(f"{_NO_FUNCTION} ({error})") from error
        elif service == "firehose":
            if not request.get("roleArn"):
                raise _invalid(f"roleArn is required for destination {arn}")
        else:
            raise _invalid(f"localcloud sends log events to lambda and firehose, not to {arn}")

    def _source_arn(self, request: dict[str, Any]) -> str:
        place = f"{self._account.region}:{self._account.id}"
        return f"arn:aws:logs:{place}:log-group:{request['logGroupName']}:*"


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.startswith("arn:") else ""


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
