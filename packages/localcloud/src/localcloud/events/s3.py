"""Amazon S3's event notifications; the objects themselves are moto's."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.s3.models import s3_backends

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.events.delivery import Courier, Delivery
from localcloud.events.s3_changes import Change, changes_of
from localcloud.events.s3_configuration import (
    NotificationConfiguration,
    Subscription,
    parse_configuration,
)
from localcloud.events.targets import queue_url
from localcloud.events.transform import compact
from localcloud.service import Service

_log = logging.getLogger("localcloud.events")
_PRINCIPAL = "s3.amazonaws.com"
_UNREACHABLE = "Unable to validate the following destination configurations"


class S3Service(Service):
    """Tells functions, queues, topics and EventBridge what happened to objects."""

    service_name = "s3"
    extends_moto = True

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._configurations: dict[str, NotificationConfiguration] = {}
        self._lock = threading.Lock()
        self._last_sequence = 0
        self.courier = Courier(account.clock, "s3-notifications")

    def stop(self) -> None:
        self.courier.stop()

    @property
    def num_undelivered(self) -> int:
        return self.courier.num_undelivered

    def put_bucket_notification_configuration(self, request: Request, _caller: Caller) -> Response:
        bucket = self._existing(request["Bucket"])
        configuration = parse_configuration(request["NotificationConfiguration"])
        if not request.get("SkipDestinationValidation"):
            for subscription in configuration.subscriptions:
                self._validate(bucket, subscription)
        self._configurations[bucket] = configuration
        return {}

    def get_bucket_notification_configuration(self, request: Request, _caller: Caller) -> Response:
        configuration = self._configurations.get(self._existing(request["Bucket"]))
        return dict(configuration.members) if configuration else {}

    def put_bucket_notification(self, _request: Request, _caller: Caller) -> Response:
        message = "PutBucketNotification is deprecated: use PutBucketNotificationConfiguration"
        raise ServiceError("NotImplemented", message, 501)

    def get_bucket_notification(self, _request: Request, _caller: Caller) -> Response:
        message = "GetBucketNotification is deprecated: use GetBucketNotificationConfiguration"
        raise ServiceError("NotImplemented", message, 501)

    def after(self, operation: str, request: Request, response: Response, caller: Caller) -> None:
        bucket = request.get("Bucket", "")
        if operation == "DeleteBucket":
            self._configurations.pop(bucket, None)
        configuration = self._configurations.get(bucket)
        if not configuration:
            return
        if operation == "DeleteObjects" and request["Delete"].get("Quiet"):
            response = self._told(request, response)
        now, request_id = self.account.clock.now(), uuid.uuid4().hex[:16].upper()
        for change in changes_of(operation, request, response):
            complete = self._completed(change)
            self._announce(configuration, complete, now, request_id, caller)

    def _announce(
        self,
        configuration: NotificationConfiguration,
        change: Change,
        now: datetime,
        request_id: str,
        caller: Caller,
    ) -> None:
        arn = f"arn:aws:s3:::{change.bucket}"
        if configuration.to_eventbridge:
            detail = change.detail(request_id, caller.service or self.account.id)
            self.account.events.emit("aws.s3", change.detail_type, detail, [arn])
        principal = f"AWS:{caller.service or caller.session_name}"
        record = change.record(self.account.region, now, request_id, principal)
        for subscription in configuration.subscriptions:
            if subscription.wants(change.event_name, change.key):
                own = record | {"s3": record["s3"] | {"configurationId": subscription.id}}
                self._post(change.bucket, subscription, compact({"Records": [own]}))

    def _post(self, bucket: str, subscription: Subscription, text: str) -> None:
        delivery = Delivery(
            description=f"notification {subscription.id} of bucket {bucket} to {subscription.arn}",
            lane=subscription.arn,
            send=lambda: self._send(bucket, subscription.arn, text),
            created=self.account.clock.now(),
        )
        self.courier.post(delivery)

    def _send(self, bucket: str, arn: str, text: str) -> None:
        kind, caller = arn.split(":")[2], _sender(bucket)
        client = self.account.client(kind, caller)
        if kind == "lambda":
            client.invoke(FunctionName=arn, InvocationType="Event", Payload=text.encode())
        elif kind == "sqs":
            client.send_message(QueueUrl=queue_url(self.account, arn), MessageBody=text)
        else:
            client.publish(TopicArn=arn, Message=text, Subject="Amazon S3 Notification")

    def _validate(self, bucket: str, subscription: Subscription) -> None:
        """Try the destination as S3 does: with a test event, or Lambda's dry run."""
        arn = subscription.arn
        kind = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if kind not in ("lambda", "sqs", "sns"):
            raise ServiceError("InvalidArgument", f"The ARN could not be parsed: {arn}")
        try:
            if kind == "lambda":
                client = self.account.client("lambda", _sender(bucket))
                client.invoke(FunctionName=arn, InvocationType="DryRun")
            else:
                self._send(bucket, arn, self._test_event(bucket))
        except (BotoCoreError, ClientError) as error:
            _log.error("bucket %s: %s: %s: %s", bucket, _UNREACHABLE, arn, error)
            raise ServiceError("InvalidArgument", f"{_UNREACHABLE}: {arn}: {error}") from error

    def _test_event(self, bucket: str) -> str:
        now, request_id = self.account.clock.now(), uuid.uuid4().hex[:16].upper()
        return compact(
            {
                "Service": "Amazon S3",
                "Event": "s3:TestEvent",
                "Time": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
                "Bucket": bucket,
                "RequestId": request_id,
                "HostId": request_id,
            }
        )

    def _completed(self, change: Change) -> Change:
        """With the size and ETag of the object as it now is, and a place in the order of events."""
        if change.detail_type == "Object Deleted":
            return replace(change, sequencer=self._sequencer())
        found = self._moto().get_object(change.bucket, change.key, change.version_id)
        etag = change.etag or (found.etag.strip('"') if found else None)
        if change.detail_type != "Object Created":
            return replace(change, etag=etag)
        size = found.size if found else None
        return replace(change, etag=etag, size=size, sequencer=self._sequencer())

    def _told(self, request: Request, response: Response) -> Response:
        """What a quiet DeleteObjects would have answered."""
        failed = {error["Key"] for error in response.get("Errors", [])}
        versioned = bool(self._moto().get_bucket(request["Bucket"]).is_versioned)
        deleted = [
            one | {"DeleteMarker": versioned and "VersionId" not in one}
            for one in request["Delete"]["Objects"]
            if one["Key"] not in failed
        ]
        return {"Deleted": deleted}

    def _sequencer(self) -> str:
        with self._lock:
            self._last_sequence = max(self._last_sequence + 1, time.time_ns())
            return f"{self._last_sequence:018X}"

    def _existing(self, bucket: str) -> str:
        if bucket not in self._moto().buckets:
            message = "The specified bucket does not exist"
            raise ServiceError("NoSuchBucket", message, 404, BucketName=bucket)
        return bucket

    def _moto(self) -> Any:
        return s3_backends[self.account.id]["aws"]


def _sender(bucket: str) -> Caller:
    return Caller.aws_service(_PRINCIPAL, source_arn=f"arn:aws:s3:::{bucket}")
