"""A running cloud with no services but its own ground, and roles in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from localcloud.calls import Caller
from localcloud.cloud import Cloud

# How long an example takes is the machine's matter, and no fault of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

MakeRole = Callable[..., Caller]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of moto's services, with IAM in front of them."""
    with Cloud(services=[], work_dir=tmp_path / "cloud") as cloud:
        yield cloud


@pytest.fixture
def make_role(ground: Cloud) -> MakeRole:
    def make(name: str, *statements: dict[str, Any], trust: Any = None, **more: Any) -> Caller:
        """A role with one inline policy of these statements (Effect: Allow unless given)."""
        iam = ground.client("iam")
        account = f"arn:aws:iam::{ground.account.id}:root"
        trust = trust or {"Effect": "Allow", "Principal": {"AWS": account}}
        arn = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=document({"Action": "sts:AssumeRole"} | trust),
            **more,
        )["Role"]["Arn"]
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName="own", PolicyDocument=document(*statements)
            )
        return Caller.role(arn, "session")

    return make


def document(*statements: dict[str, Any]) -> str:
    allowed = [{"Effect": "Allow"} | statement for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


@pytest.fixture
def policy() -> Callable[..., str]:
    """Makes a policy document of statements, which allow unless they say otherwise."""
    return document
