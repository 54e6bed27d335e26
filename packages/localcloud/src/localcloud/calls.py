"""A call of an AWS operation: who makes it, and the error that refuses it in AWS's own terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Request = dict[str, Any]
Response = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """Who makes a call: the administrator, a role's session, a user, an AWS service, or nobody.

    At most one of `role_arn`, `user_arn` and `service` is set, none for the administrator.
    `source_arn` is the resource on whose behalf a service calls (`aws:SourceArn` in its
    conditions). A role's session may have policies (JSON) that limit it, and tags of its own.
    """

    role_arn: str | None = None
    session_name: str = "localcloud"
    service: str | None = None
    source_arn: str | None = None
    user_arn: str | None = None
    is_anonymous: bool = False
    session_policies: tuple[str, ...] = ()
    session_tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def administrator(cls) -> Caller:
        return cls()

    @classmethod
    def role(cls, role_arn: str, session_name: str = "localcloud") -> Caller:
        return cls(role_arn=role_arn, session_name=session_name)

    @classmethod
    def user(cls, user_arn: str) -> Caller:
        """A user of IAM, who signs with an access key of its own."""
        return cls(user_arn=user_arn)

    @classmethod
    def anonymous(cls) -> Caller:
        """Whoever doesn't sign: may do what a resource's own policy allows to everyone."""
        return cls(is_anonymous=True)

    @classmethod
    def aws_service(cls, service: str, source_arn: str | None = None) -> Caller:
        """A service principal, e.g. `events.amazonaws.com` on behalf of a rule."""
        return cls(service=service, source_arn=source_arn)

    @property
    def is_administrator(self) -> bool:
        named = self.role_arn or self.user_arn or self.service
        return not (named or self.is_anonymous)


class ServiceError(Exception):
    """An error in AWS's own terms: what the caller's SDK raises as a ClientError.

    `code` is the error shape's code (`ResourceNotFoundException`); `fields` are further members
    of that shape.
    """

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, fields
