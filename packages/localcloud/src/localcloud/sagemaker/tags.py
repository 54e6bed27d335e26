"""Tags of SageMaker's resources."""

from __future__ import annotations

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.naming import validation_error
from localcloud.service import Service

_MAX_TAGS = 50


class Tags(Service):
    """AddTags, ListTags, DeleteTags; every resource of the other parts has its entry here."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._tags: dict[str, dict[str, str]] = {}

    def tag_resource_at_creation(self, arn: str, request: Request) -> None:
        self._tags[arn] = {}
        self._add(arn, request.get("Tags", []))

    def forget_tags(self, arn: str) -> None:
        self._tags.pop(arn, None)

    def tags_of(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._existing(arn).items()]

    def add_tags(self, request: Request, caller: Caller) -> Response:
        self._add(request["ResourceArn"], request["Tags"])
        return {"Tags": self.tags_of(request["ResourceArn"])}

    def list_tags(self, request: Request, caller: Caller) -> Response:
        return {"Tags": self.tags_of(request["ResourceArn"])}

    def delete_tags(self, request: Request, caller: Caller) -> Response:
        tags = self._existing(request["ResourceArn"])
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _add(self, arn: str, tags: list[dict[str, str]]) -> None:
        merged = {**self._existing(arn), **{tag["Key"]: tag["Value"] for tag in tags}}
        if len(merged) > _MAX_TAGS:
            raise validation_error(f"A resource can have at most {_MAX_TAGS} tags.")
        self._tags[arn] = merged

    def _existing(self, arn: str) -> dict[str, str]:
        if arn not in self._tags:
            raise validation_error(f"Could not find resource {arn}.")
        return self._tags[arn]
