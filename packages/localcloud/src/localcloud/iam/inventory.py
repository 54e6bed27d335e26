"""What the account's resources in moto say that decisions depend on: policies, keys, roles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import AccessKey, Group, Role, User, iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

_PARTITION = "aws"


class MotoInventory:
    """Reads moto's state in place: a decision is taken on every call, and must cost little."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._policies: dict[str, Callable[[str], Any]] = {
            "sqs": self._queue_policy,
            "sns": self._topic_policy,
            "kms": self._key_policy,
            "secretsmanager": self._secret_policy,
            "logs": self._log_policies,
        }

    def resource_policy(self, service: str, arn: str) -> str | None:
        """The policy document (JSON) attached to a resource that moto holds."""
        read = self._policies.get(service)
        document = read(arn) if read else None
        return json.dumps(document) if isinstance(document, dict) else document or None

    def role(self, name: str) -> Role | None:
        """A role by its name."""
        roles = list(self._backend(iam_backends, _PARTITION).roles.values())
        return next((role for role in roles if role.name == name), None)

    def role_arn(self, name: str) -> str | None:
        """The ARN of a role by its name."""
        role = self.role(name)
        return str(role.arn) if role else None

    def user(self, arn: str) -> User | None:
        """A user by its ARN."""
        users = list(self._backend(iam_backends, _PARTITION).users.values())
        return next((user for user in users if user.arn == arn), None)

    def user_tags(self, arn: str) -> tuple[tuple[str, str], ...]:
        """The tags of a user, as pairs of key and value."""
        tagger = self._backend(iam_backends, _PARTITION).tagger
        return tuple(tagger.get_tag_dict_for_resource(arn).items())

    def groups_of(self, user: User) -> list[Group]:
        """The groups that a user is in."""
        groups = list(self._backend(iam_backends, _PARTITION).groups.values())
        return [group for group in groups if user in group.users]

    def access_key(self, access_key_id: str) -> tuple[User, AccessKey] | None:
        """A user's own access key, and the user."""
        for user in list(self._backend(iam_backends, _PARTITION).users.values()):
            for key in user.access_keys:
                if key.access_key_id == access_key_id:
                    return user, key
        return None

    def managed_policy(self, arn: str) -> str | None:
        """The default version's document of a managed policy."""
        policy = self._backend(iam_backends, _PARTITION).managed_policies.get(arn)
        versions = policy.versions if policy else []
        return next((str(one.document) for one in versions if one.is_default), None)

    def secret_arn(self, secret_id: str) -> str | None:
        """The ARN of a secret by its name or ARN, whole or without its random end."""
        secret = self._secret(secret_id)
        return str(secret.arn) if secret else None

    def key_arn(self, key_id: str) -> str | None:
        """The ARN of a key by its id, ARN, alias or alias's ARN."""
        key = self._key(key_id)
        return str(key.arn) if key else None

    def is_customer_key(self, arn: str) -> bool:
        """Whether a key belongs to the account, rather than to an AWS service."""
        key = self._key(arn)
        return key is not None and not any(a.startswith("alias/aws/") for a in key.aliases)

    def partition_key(self, table_name: str, index: str | None = None) -> str | None:
        """The name of the partition key of a table, or of an index of it."""
        table = self._backend(dynamodb_backends).tables.get(table_name)
        if table is None:
            return None
        if index is None:
            return str(table.hash_key_attr) or None
        schemas = (one.schema for one in table.all_indexes() if one.name == index)
        schema: list[dict[str, str]] = next(schemas, [])
        keys = [part["AttributeName"] for part in schema if part["KeyType"] == "HASH"]
        return str(keys[0]) if keys else None

    def has_bucket(self, name: str) -> bool:
        """Whether the account has a bucket of this name."""
        return name in self._backend(s3_backends, _PARTITION).buckets

    def is_encrypted(self, bucket_name: str) -> bool:
        """Whether a bucket says how it encrypts new objects."""
        bucket = self._backend(s3_backends, _PARTITION).buckets.get(bucket_name)
        return bucket is not None and bucket.encryption is not None

    def has_upload(self, bucket_name: str, upload_id: str) -> bool:
        """Whether a multipart upload is under way, or was completed."""
        bucket = self._backend(s3_backends, _PARTITION).buckets.get(bucket_name)
        return bucket is not None and upload_id in bucket.multiparts

    def has_listing(self, token: str) -> bool:
        """Whether a listing of objects goes on at this token."""
        return token in self._backend(s3_backends, _PARTITION)._pagination_tokens

    def bucket_key(self, bucket_name: str) -> str | None:
        """The KMS key that a bucket encrypts new objects with, where it does."""
        bucket = self._backend(s3_backends, _PARTITION).buckets.get(bucket_name)
        rule = ((bucket and bucket.encryption) or {}).get("Rule", {})
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        is_kms = str(default.get("SSEAlgorithm", "")).startswith("aws:kms")
        return default.get("KMSMasterKeyID") if is_kms else None

    def object_key(self, bucket_name: str, key: str, version: str | None) -> str | None:
        """The KMS key that an object was encrypted with, where it was."""
        bucket = self._backend(s3_backends, _PARTITION).buckets.get(bucket_name)
        if bucket is None:
            return None
        found = bucket.keys.getlist(key) if version else [bucket.keys.get(key)]
        wanted = [one for one in found or [] if not version or str(one.version_id) == version]
        return getattr(wanted[0], "kms_key_id", None) if wanted else None

    def object_etag(self, bucket_name: str, key: str) -> str | None:
        """The entity tag of an object, without quotes; None where there is no such object."""
        bucket = self._backend(s3_backends, _PARTITION).buckets.get(bucket_name)
        found = bucket.keys.get(key) if bucket else None
        # The marker of a deleted object has none.
        etag = getattr(found, "etag", None)
        return str(etag).strip('"') if etag else None

    def _queue_policy(self, arn: str) -> Any:
        queue = self._backend(sqs_backends).queues.get(arn.rpartition(":")[2])
        return queue.policy if queue else None

    def _topic_policy(self, arn: str) -> Any:
        topic = self._backend(sns_backends).topics.get(arn)
        return topic.policy if topic else None

    def _key_policy(self, arn: str) -> Any:
        key = self._key(arn)
        return key.policy if key else None

    def _secret_policy(self, arn: str) -> Any:
        secret = self._secret(arn)
        return secret.policy if secret else None

    def _log_policies(self, arn: str) -> Any:
        attached = list(self._backend(logs_backends).resource_policies.values())
        statements = [
            statement
            for policy in attached
            for statement in json.loads(policy.policy_document)["Statement"]
        ]
        return {"Version": "2012-10-17", "Statement": statements} if statements else None

    def _secret(self, secret_id: str) -> Any:
        secrets = list(self._backend(secretsmanager_backends).secrets.values())
        for secret in secrets:
            partial = str(secret.arn).rpartition("-")[0]
            if secret_id in (secret.name, secret.arn, partial):
                return secret
        return None

    def _key(self, key_id: str) -> Any:
        backend = self._backend(kms_backends)
        name = key_id.rpartition(":")[2] if key_id.startswith("arn:") else key_id
        if name.startswith("alias/"):
            name = backend.get_key_id_from_alias(name) or ""
        return backend.keys.get(name.removeprefix("key/"))

    def _backend(self, backends: Any, region: str | None = None) -> Any:
        return backends[self._account][region or self._region]
