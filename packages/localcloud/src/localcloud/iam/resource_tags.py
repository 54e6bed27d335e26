"""The tags of resources that moto holds, which conditions look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

Tags = dict[str, str]
_GLOBAL = "aws"


class ResourceTags:
    """Reads moto's state in place, on every call."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._readers: dict[str, Callable[[str], Tags]] = {
            "dynamodb": self._table,
            "iam": self._role,
            "kms": self._key,
            "secretsmanager": self._secret,
            "sns": self._topic,
            "sqs": self._queue,
            "ssm": self._parameter,
        }

    def of(self, arn: str) -> Tags:
        """The tags of a resource; none where it isn't there or its service isn't read here."""
        parts = arn.split(":", 5)
        read = self._readers.get(parts[2]) if len(parts) == 6 else None
        return read(arn) if read else {}

    def of_object(self, arn: str, version: str | None) -> Tags:
        """The tags of an object's version (None: the newest); none for a bucket's ARN."""
        bucket_name, _, key = arn.removeprefix("arn:aws:s3:::").partition("/")
        backend = s3_backends[self._account][_GLOBAL]
        bucket = backend.buckets.get(bucket_name)
        versions = (bucket.keys.getlist(key) if bucket else None) or []
        wanted = [one for one in versions if version in (None, str(one.version_id))]
        found = getattr(wanted[-1], "arn", None) if wanted else None
        return dict(backend.tagger.get_tag_dict_for_resource(found)) if found else {}

    def _table(self, arn: str) -> Tags:
        table = dynamodb_backends[self._account][self._region].tables.get(arn.split("/")[1])
        return _pairs(table.tags) if table else {}

    def _role(self, arn: str) -> Tags:
        roles = list(iam_backends[self._account][_GLOBAL].roles.values())
        return next((_pairs(role.tags) for role in roles if role.arn == arn), {})

    def _key(self, arn: str) -> Tags:
        tagger = kms_backends[self._account][self._region].tagger
        return dict(tagger.get_tag_dict_for_resource(arn.rpartition("/")[2]))

    def _secret(self, arn: str) -> Tags:
        secrets = list(secretsmanager_backends[self._account][self._region].secrets.values())
        return next((_pairs(secret.tags) for secret in secrets if secret.arn == arn), {})

    def _topic(self, arn: str) -> Tags:
        topic = sns_backends[self._account][self._region].topics.get(arn)
        return dict(topic._tags) if topic else {}

    def _queue(self, arn: str) -> Tags:
        queue = sqs_backends[self._account][self._region].queues.get(arn.rpartition(":")[2])
        return dict(queue.tags) if queue else {}

    def _parameter(self, arn: str) -> Tags:
        # It brings moto's EC2 along, half of the time that a start takes: only who has one waits.
        from moto.ssm.models import ssm_backends

        # A parameter's ARN drops the slash that its name may begin with.
        backend = ssm_backends[self._account][self._region]
        tagged: Mapping[str, Tags] = backend._resource_tags.get("Parameter", {})
        name = arn.partition(":parameter/")[2]
        return dict(tagged.get(f"/{name}") or tagged.get(name) or {})


def _pairs(tags: Any) -> Tags:
    """As a list of keys and values, which is how most of moto keeps them."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or ()}
