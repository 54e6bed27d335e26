"""What EventBridge and Scheduler can send to: one call of a service for each kind of target."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.utils import ArnParser, InvalidArnException

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.events.delivery import RefusedError

Target = dict[str, Any]
_Send = Callable[["Account", Caller, Target, str], None]


def kind_of(arn: str) -> str:
    """`lambda`, `sqs`, ...; ValueError names a target that the cloud can't send to."""
    try:
        parsed = ArnParser().parse_arn(arn)
    except InvalidArnException as error:
        raise ValueError(f"Provided Arn is not in correct format: {arn!r}") from error
    service, resource = str(parsed["service"]), str(parsed["resource"])
    if service == "events" and not resource.startswith("event-bus/"):
        service = f"events {resource.partition('/')[0]}"
    if service == "states" and not resource.startswith("stateMachine:"):
        service = f"states {resource.partition(':')[0]}"
    if service not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ValueError(f"localcloud doesn't deliver to {service} ({arn}); it does to {known}")
    return service


def check_target(target: Target, *, needs_role: bool) -> str:
    """The kind of a target; ValueError where it is unknown or lacks what its kind needs."""
    kind = kind_of(target["Arn"])
    if needs_role and kind in _BY_ROLE and "RoleArn" not in target:
        raise ValueError(f"RoleArn is required for target {target['Arn']}.")
    if kind == "sqs" and target["Arn"].endswith(".fifo") and "SqsParameters" not in target:
        raise ValueError(f"Parameter(s) SqsParameters must be specified for target {target['Arn']}")
    return kind


def send(account: Account, caller: Caller, target: Target, text: str) -> None:
    """Send `text` to a target as `caller`; botocore's errors where it can't be."""
    KINDS[kind_of(target["Arn"])](account, caller, target, text)


def queue_url(account: Account, queue_arn: str) -> str:
    owner, name = queue_arn.split(":")[4:6]
    return f"{account.endpoint_url}/{owner}/{name}"


def _lambda(account: Account, caller: Caller, target: Target, text: str) -> None:
    client = account.client("lambda", caller)
    client.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=text.encode())


def _sqs(account: Account, caller: Caller, target: Target, text: str) -> None:
    message = {"QueueUrl": queue_url(account, target["Arn"]), "MessageBody": text}
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    if group:
        message["MessageGroupId"] = group
    account.client("sqs", caller).send_message(**message)


def _sns(account: Account, caller: Caller, target: Target, text: str) -> None:
    account.client("sns", caller).publish(TopicArn=target["Arn"], Message=text)


def _states(account: Account, caller: Caller, target: Target, text: str) -> None:
    client = account.client("stepfunctions", caller)
    client.start_execution(stateMachineArn=target["Arn"], input=text)


def _logs(account: Account, caller: Caller, target: Target, text: str) -> None:
    group = target["Arn"].split(":log-group:")[1].removesuffix(":*")
    stream = f"{account.clock.now():%Y-%m-%d}"
    message, timestamp = _log_event(text, int(account.clock.time() * 1000))
    client = account.client("logs", caller)
    names = {"logGroupName": group, "logStreamName": stream}
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(**names)
    client.put_log_events(**names, logEvents=[{"timestamp": timestamp, "message": message}])


def _log_event(text: str, now_milliseconds: int) -> tuple[str, int]:
    """A template may set the log event's own two members."""
    value = json.loads(text)
    if isinstance(value, dict) and value.keys() == {"timestamp", "message"}:
        return str(value["message"]), int(value["timestamp"])
    return text, now_milliseconds


def _firehose(account: Account, caller: Caller, target: Target, text: str) -> None:
    name = target["Arn"].rpartition("/")[2]
    client = account.client("firehose", caller)
    client.put_record(DeliveryStreamName=name, Record={"Data": text.encode()})


def _events(account: Account, caller: Caller, target: Target, text: str) -> None:
    parameters = target.get("EventBridgeParameters", {})
    entry = {
        "EventBusName": target["Arn"],
        "Source": parameters.get("Source"),
        "DetailType": parameters.get("DetailType"),
        "Detail": text,
    }
    put_event(account, caller, entry)


def put_event(account: Account, caller: Caller, entry: dict[str, Any]) -> None:
    """PutEvents of one entry; `RefusedError` where the bus didn't take it."""
    result = account.client("events", caller).put_events(Entries=[entry])["Entries"][0]
    if "ErrorCode" in result:
        raise RefusedError(result["ErrorCode"], result["ErrorMessage"])


KINDS: dict[str, _Send] = {
    "events": _events,
    "firehose": _firehose,
    "lambda": _lambda,
    "logs": _logs,
    "sns": _sns,
    "sqs": _sqs,
    "states": _states,
}
# EventBridge calls these as the target's role; the others allow it by their own policies.
_BY_ROLE = {"events", "firehose", "states"}
