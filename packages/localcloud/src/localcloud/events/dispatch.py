"""From a rule to its targets: one delivery each, with its retries and its dead-letter queue."""

from __future__ import annotations

import json
import uuid
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.events.buses import Rule
from localcloud.events.delivery import Courier, Delivery, Failure, Retries
from localcloud.events.entries import Event
from localcloud.events.roles import assumed
from localcloud.events.targets import kind_of, put_event, queue_url, send
from localcloud.events.transform import compact, transformed

SERVICE = "events.amazonaws.com"
Target = dict[str, Any]

_DEAD_LETTER_CODES = {
    "AccessDenied": "NO_PERMISSIONS",
    "AccessDeniedException": "NO_PERMISSIONS",
    "AuthorizationError": "NO_PERMISSIONS",
    "NotAuthorizedException": "NO_PERMISSIONS",
    "AWS.SimpleQueueService.NonExistentQueue": "NO_RESOURCE",
    "QueueDoesNotExist": "NO_RESOURCE",
    "NotFound": "NO_RESOURCE",
    "NotFoundException": "NO_RESOURCE",
    "ResourceNotFoundException": "NO_RESOURCE",
    "StateMachineDoesNotExist": "NO_RESOURCE",
    "ThrottlingException": "THROTTLING",
    "TooManyRequestsException": "THROTTLING",
    "ValidationException": "INVALID_PARAMETER",
    "InvalidParameterValueException": "INVALID_PARAMETER",
}


class Dispatch:
    """Sends a rule's events to its targets."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.courier = Courier(account.clock, "eventbridge")
        self._forwarded: dict[str, Event] = {}

    def send(self, rule: Rule, event: Event) -> None:
        for target in rule.targets.values():
            self._post(rule, target, event)

    def take_forwarded(self, trace_header: str | None) -> Event | None:
        """The event that another bus sent on under this header: it keeps its id and source."""
        return self._forwarded.pop(trace_header, None) if trace_header else None

    def _post(self, rule: Rule, target: Target, event: Event) -> None:
        def on_failure(failure: Failure) -> None:
            self._bury(rule, target, event, failure)

        delivery = Delivery(
            description=f"rule {rule.name}, target {target['Id']} ({target['Arn']})",
            lane=target["Arn"],
            send=lambda: self._send(rule, target, event),
            created=self._account.clock.now(),
            retries=Retries.of(target.get("RetryPolicy")),
            on_failure=on_failure if "DeadLetterConfig" in target else None,
        )
        self.courier.post(delivery)

    def _send(self, rule: Rule, target: Target, event: Event) -> None:
        caller = self._caller(rule, target)
        if kind_of(target["Arn"]) == "events":
            self._forward(caller, target, event)
        else:
            send(self._account, caller, target, transformed(target, event, rule.arn))

    def _caller(self, rule: Rule, target: Target) -> Caller:
        if role_arn := target.get("RoleArn"):
            return assumed(self._account, SERVICE, role_arn, rule.arn)
        return Caller.aws_service(SERVICE, source_arn=rule.arn)

    def _forward(self, caller: Caller, target: Target, event: Event) -> None:
        header = str(uuid.uuid4())
        self._forwarded[header] = event
        entry = {
            "EventBusName": target["Arn"],
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
            "TraceHeader": header,
        }
        try:
            put_event(self._account, caller, entry)
        finally:
            self._forwarded.pop(header, None)

    def _bury(self, rule: Rule, target: Target, event: Event, failure: Failure) -> None:
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": _DEAD_LETTER_CODES.get(failure.code, "SDK_CLIENT_ERROR"),
            "ERROR_MESSAGE": f"{failure.code}: {failure.message}",
            "RETRY_ATTEMPTS": str(failure.retries),
        }
        if failure.condition:
            attributes["EXHAUSTED_RETRY_CONDITION"] = failure.condition
        caller = Caller.aws_service(SERVICE, source_arn=rule.arn)
        queue_arn = target["DeadLetterConfig"]["Arn"]
        send_to_dead_letter_queue(self._account, caller, queue_arn, compact(event), attributes)


def send_to_dead_letter_queue(
    account: Account, caller: Caller, queue_arn: str, body: str, attributes: dict[str, str]
) -> None:
    """Put what could not be delivered in a queue, with the reason in message attributes."""
    account.client("sqs", caller).send_message(
        QueueUrl=queue_url(account, queue_arn),
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
