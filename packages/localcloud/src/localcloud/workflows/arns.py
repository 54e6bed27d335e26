"""Names and ARNs in requests."""

from __future__ import annotations

import re

from localcloud.calls import ServiceError

_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")


def check_name(name: str) -> None:
    """ServiceError unless it is a name that Step Functions takes."""
    if not _NAME.fullmatch(name):
        raise ServiceError("InvalidName", f"Invalid Name: '{name}'")


def check_role(arn: str) -> None:
    """ServiceError unless it is a role's ARN."""
    if not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/.+", arn):
        raise ServiceError("InvalidArn", f"Invalid Role Arn: '{arn}'")
