"""Amazon SNS: publishing is ours, topics and subscriptions are kept by moto.

Subscriptions with the protocols sqs, lambda and firehose receive messages, each delivery checked
against the receiver's own policy. Other protocols (email, sms, http) are kept and listed, and their
messages go to the log alone: nothing leaves this machine.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import threading
import uuid
from datetime import datetime, timedelta
from typing import Any

from moto.sns.models import sns_backends

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.delivery import Courier, Delivery, Failure, Retries
from localcloud.events.dispatch import send_to_dead_letter_queue
from localcloud.events.sns_messages import Message, check_message, invalid
from localcloud.events.targets import queue_url
from localcloud.events.transform import compact
from localcloud.service import Service

_log = logging.getLogger("localcloud.events")
_PRINCIPAL = "sns.amazonaws.com"
# What SNS promises for Lambda and SQS.
_RETRIES = Retries(maximum_attempts=100_015, maximum_age=timedelta(days=23))
_DEDUPLICATION = timedelta(minutes=5)
_MAXIMUM_BATCH = 10


class SnsService(Service):
    """Publish and PublishBatch, and the deliveries they lead to."""

    service_name = "sns"
    extends_moto = True

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.courier = Courier(account.clock, "sns")
        self._lock = threading.Lock()
        self._recent: dict[tuple[str, str], tuple[datetime, Response]] = {}
        self._sequence = itertools.count(1)

    def stop(self) -> None:
        self.courier.stop()

    @property
    def num_undelivered(self) -> int:
        return self.courier.num_undelivered

    def publish(self, request: Request, _caller: Caller) -> Response:
        arn = request.get("TopicArn") or request.get("TargetArn")
        if arn is None:
            check_message(request)
            _log.warning("a message to %s was not sent", request.get("PhoneNumber", "nobody"))
            return {"MessageId": str(uuid.uuid4())}
        return self._publish(self._topic(arn), request)

    def publish_batch(self, request: Request, _caller: Caller) -> Response:
        entries, topic = request["PublishBatchRequestEntries"], self._topic(request["TopicArn"])
        ids = [entry["Id"] for entry in entries]
        if not entries:
            raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain entries.")
        if len(entries) > _MAXIMUM_BATCH:
            message = "The batch request contains more entries than permissible."
            raise ServiceError("TooManyEntriesInBatchRequest", message)
        if len(set(ids)) < len(ids):
            message = "Two or more batch entries in the request have the same Id."
            raise ServiceError("BatchEntryIdsNotDistinct", message)
        answer: Response = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                answer["Successful"].append({"Id": entry["Id"]} | self._publish(topic, entry))
            except ServiceError as error:
                failed = {"Code": error.code, "Message": error.message, "SenderFault": True}
                answer["Failed"].append({"Id": entry["Id"]} | failed)
        return answer

    def _publish(self, topic: Any, entry: Request) -> Response:
        by_protocol = check_message(entry)
        deduplication_id = _deduplication_id(topic, entry)
        message = Message(
            id=str(uuid.uuid4()),
            topic_arn=topic.arn,
            text=by_protocol["default"] if by_protocol else entry["Message"],
            by_protocol=by_protocol,
            subject=entry.get("Subject"),
            attributes=entry.get("MessageAttributes", {}),
            group_id=entry.get("MessageGroupId"),
            deduplication_id=deduplication_id,
            published=self.account.clock.now(),
        )
        with self._lock:
            if deduplication_id and (earlier := self._earlier(message, deduplication_id)):
                return earlier
            answer = self._answer(message)
            # Within the lock, so that a FIFO topic's messages keep the order of their numbers.
            for subscription in self._subscriptions(topic.arn):
                self._post(subscription, message)
        return answer

    def _earlier(self, message: Message, deduplication_id: str) -> Response | None:
        """The answer to the same message within the last five minutes."""
        oldest = message.published - _DEDUPLICATION
        self._recent = {key: seen for key, seen in self._recent.items() if seen[0] > oldest}
        seen = self._recent.get((message.topic_arn, deduplication_id))
        return seen[1] if seen else None

    def _answer(self, message: Message) -> Response:
        if message.deduplication_id is None:
            return {"MessageId": message.id}
        answer = {"MessageId": message.id, "SequenceNumber": f"{next(self._sequence):020d}"}
        key = (message.topic_arn, message.deduplication_id)
        self._recent[key] = (message.published, answer)
        return answer

    def _post(self, subscription: Any, message: Message) -> None:
        name = f"subscription {subscription.arn} ({subscription.endpoint})"
        attributes = subscription.attributes
        scope = attributes.get("FilterPolicyScope") or "MessageAttributes"
        if not message.passes(attributes.get("FilterPolicy"), scope):
            return
        if subscription.protocol not in ("lambda", "sqs", "firehose"):
            _log.warning("%s: %s is recorded, not sent", name, subscription.protocol)
            return

        def on_failure(_failure: Failure) -> None:
            self._bury(subscription, message)

        delivery = Delivery(
            description=name,
            lane=subscription.endpoint,
            send=lambda: self._send(subscription, message),
            created=message.published,
            retries=_RETRIES,
            on_failure=on_failure if attributes.get("RedrivePolicy") else None,
        )
        self.courier.post(delivery)

    def _send(self, subscription: Any, message: Message) -> None:
        endpoint, caller = subscription.endpoint, _sender(message)
        if subscription.protocol == "lambda":
            client = self.account.client("lambda", caller)
            event = message.lambda_event(subscription.arn, self.account.endpoint_url)
            payload = compact(event).encode()
            client.invoke(FunctionName=endpoint, InvocationType="Event", Payload=payload)
        elif subscription.protocol == "sqs":
            client = self.account.client("sqs", caller)
            client.send_message(**self._queue_message(subscription, message))
        else:
            role = Caller.role(subscription.attributes["SubscriptionRoleArn"], "sns")
            record = {"Data": self._text(subscription, message).encode()}
            client = self.account.client("firehose", role)
            client.put_record(DeliveryStreamName=endpoint.rpartition("/")[2], Record=record)

    def _queue_message(self, subscription: Any, message: Message) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "QueueUrl": queue_url(self.account, subscription.endpoint),
            "MessageBody": self._text(subscription, message),
        }
        if _is_raw(subscription) and message.attributes:
            wire["MessageAttributes"] = dict(message.attributes)
        if message.group_id:
            wire["MessageGroupId"] = message.group_id
        if message.deduplication_id and subscription.endpoint.endswith(".fifo"):
            wire["MessageDeduplicationId"] = message.deduplication_id
        return wire

    def _text(self, subscription: Any, message: Message) -> str:
        if _is_raw(subscription):
            return message.text_for(subscription.protocol)
        return message.document(subscription.protocol, subscription.arn, self.account.endpoint_url)

    def _bury(self, subscription: Any, message: Message) -> None:
        queue_arn = json.loads(subscription.attributes["RedrivePolicy"])["deadLetterTargetArn"]
        text = self._text(subscription, message)
        send_to_dead_letter_queue(self.account, _sender(message), queue_arn, text, {})

    def _topic(self, arn: str) -> Any:
        topic = self._moto().topics.get(arn)
        if topic is None:
            raise ServiceError("NotFound", "Topic does not exist", 404)
        return topic

    def _subscriptions(self, topic_arn: str) -> list[Any]:
        kept = list(self._moto().subscriptions.values())
        return [subscription for subscription in kept if subscription.topic.arn == topic_arn]

    def _moto(self) -> Any:
        return sns_backends[self.account.id][self.account.region]


def _sender(message: Message) -> Caller:
    return Caller.aws_service(_PRINCIPAL, source_arn=message.topic_arn)


def _is_raw(subscription: Any) -> bool:
    return str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "true"


def _deduplication_id(topic: Any, entry: Request) -> str | None:
    """A FIFO topic's deduplication id, from the message itself where the topic says so."""
    if not topic.arn.endswith(".fifo"):
        return None
    if not entry.get("MessageGroupId"):
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if given := entry.get("MessageDeduplicationId"):
        return str(given)
    if str(topic.content_based_deduplication).lower() != "true":
        raise invalid(
            "The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return hashlib.sha256(entry["Message"].encode()).hexdigest()
