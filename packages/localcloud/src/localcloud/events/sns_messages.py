"""SNS messages: what a publisher may send, and what each kind of subscriber receives of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.calls import ServiceError
from localcloud.events.patterns import Pattern
from localcloud.events.transform import compact

_MAXIMUM_BYTES = 256 * 1024
_LONGEST_SUBJECT = 100


@dataclass(frozen=True)
class Message:
    """One published message; `by_protocol` holds the texts of a JSON message structure."""

    id: str
    topic_arn: str
    text: str
    by_protocol: Mapping[str, str]
    subject: str | None
    attributes: Mapping[str, Mapping[str, Any]]
    group_id: str | None
    deduplication_id: str | None
    published: datetime

    def text_for(self, protocol: str) -> str:
        return self.by_protocol.get(protocol, self.text)

    def notification(
        self, protocol: str, subscription_arn: str, endpoint_url: str
    ) -> dict[str, Any]:
        """The document that subscribers without raw delivery receive."""
        base, time = f"{endpoint_url}/", self.published
        members: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic_arn,
            "Subject": self.subject,
            "Message": self.text_for(protocol),
            "Timestamp": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": f"{base}SimpleNotificationService.pem",
            "UnsubscribeURL": f"{base}?Action=Unsubscribe&SubscriptionArn={subscription_arn}",
        }
        if self.attributes:
            members["MessageAttributes"] = described_attributes(self.attributes)
        return members

    def lambda_event(self, subscription_arn: str, endpoint_url: str) -> dict[str, Any]:
        """The event that a function receives."""
        own = {"MessageAttributes": {}} | self.notification(
            "lambda", subscription_arn, endpoint_url
        )
        # A function's record spells these two differently.
        own["SigningCertUrl"] = own.pop("SigningCertURL")
        own["UnsubscribeUrl"] = own.pop("UnsubscribeURL")
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription_arn,
            "Sns": own,
        }
        return {"Records": [record]}

    def document(self, protocol: str, subscription_arn: str, endpoint_url: str) -> str:
        members = self.notification(protocol, subscription_arn, endpoint_url)
        return compact({name: value for name, value in members.items() if value is not None})

    def passes(self, policy_text: str | None, scope: str) -> bool:
        """True when a subscription's filter policy lets the message through."""
        if not policy_text or policy_text == "{}":
            return True
        policy = Pattern(json.loads(policy_text))
        if scope == "MessageBody":
            body = _parsed(self.text)
            return isinstance(body, dict) and policy.matches(body)
        return policy.matches(_attribute_values(self.attributes))


def check_message(entry: Mapping[str, Any]) -> dict[str, str]:
    """Refuse what SNS refuses of a message (InvalidParameter); its texts by protocol."""
    text, subject = entry.get("Message", ""), entry.get("Subject")
    if not text:
        raise invalid("Empty message")
    if len(text.encode()) > _MAXIMUM_BYTES:
        raise invalid("Message too long")
    if subject is not None and not _is_subject(subject):
        raise invalid("Subject")
    if entry.get("MessageStructure") != "json":
        return {}
    texts = _parsed(text)
    if not isinstance(texts, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    if not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return {name: value for name, value in texts.items() if isinstance(value, str)}


def invalid(what: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {what}")


def described_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes as a notification shows them."""
    return {
        name: {"Type": attribute["DataType"], "Value": _written(attribute)}
        for name, attribute in attributes.items()
    }


def _is_subject(subject: str) -> bool:
    return 0 < len(subject) <= _LONGEST_SUBJECT and subject.isprintable()


def _written(attribute: Mapping[str, Any]) -> str:
    if "BinaryValue" in attribute:
        return base64.b64encode(attribute["BinaryValue"]).decode()
    return str(attribute.get("StringValue", ""))


def _attribute_values(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes as a filter policy sees them: typed, and binary ones left out."""
    values: dict[str, Any] = {}
    for name, attribute in attributes.items():
        kind, text = attribute["DataType"], attribute.get("StringValue", "")
        if kind.startswith("Number") or kind == "String.Array":
            values[name] = _parsed(text)
        elif kind.startswith("String"):
            values[name] = text
    return values


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
