"""Secrets' names that are refused, and those that aren't."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud


@pytest.mark.parametrize("name", ["Invalid Name", "a:b", "秘密"])
def test_a_name_that_secrets_manager_forbids_is_refused(ground: Cloud, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        ground.client("secretsmanager").create_secret(Name=name, SecretString="s")
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("Invalid name. Must be a valid name containing alphanumeric")


def test_a_name_that_it_allows_is_taken(ground: Cloud) -> None:
    made = ground.client("secretsmanager").create_secret(Name="a/b_c+d=e.f@g!-1", SecretString="s")
    assert made["Name"] == "a/b_c+d=e.f@g!-1"
