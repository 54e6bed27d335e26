"""Consumers' keys in API Gateway, which knows no more of them than a hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from botocore.exceptions import ClientError

from cli.account import Account
from meguru.api_key import make_api_key, usage_identifier
from meguru.names import OWNER_TAG, api_name


class ConsumerKeys:
    """Keys of an environment's API, in one of its usage plans."""

    def __init__(self, account: Account, usage_plan: str) -> None:
        self._environment, self._usage_plan = account.environment_name, usage_plan
        self._gateway = account.client("apigateway")

    @contextmanager
    def new(self, name: str) -> Iterator[tuple[str, str]]:
        """A new key of a consumer and its id; it is gone where what is done with it fails."""
        key = make_api_key()
        made = self._gateway.create_api_key(
            name=f"{api_name(self._environment)}/{name}",
            customerId=name,
            value=usage_identifier(key),
            enabled=True,
            tags={OWNER_TAG: self._environment},
        )
        key_id: str = made["id"]
        try:
            self._gateway.create_usage_plan_key(
                usagePlanId=self._usage_plan, keyId=key_id, keyType="API_KEY"
            )
            yield key, key_id
        except BaseException:
            self.delete([key_id])
            raise

    def delete(self, key_ids: Sequence[str]) -> None:
        """End keys; those that are gone already are left out."""
        for key_id in key_ids:
            try:
                self._gateway.delete_api_key(apiKey=key_id)
            except ClientError as error:
                if error.response["Error"]["Code"] != "NotFoundException":
                    raise
