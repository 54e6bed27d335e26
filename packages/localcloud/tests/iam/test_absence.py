"""Who may not list a bucket may not learn what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud

MakeRole = Callable[..., Caller]


@pytest.fixture
def lake(ground: Cloud) -> Any:
    s3 = ground.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="lake", Key="there", Body=b"x")
    s3.put_object(Bucket="lake", Key="deleted", Body=b"x")
    s3.delete_object(Bucket="lake", Key="deleted")
    return s3


@pytest.mark.parametrize("key", ["missing", "deleted"])
def test_only_who_lists_a_bucket_is_told_what_it_lacks(
    ground: Cloud, lake: Any, make_role: MakeRole, key: str
) -> None:
    read = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/*"}
    list_it = {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake"}
    reader, lister = make_role("reader", read), make_role("lister", read, list_it)
    for role, expected in ((reader, "AccessDenied"), (lister, "NoSuchKey")):
        with pytest.raises(ClientError) as refused:
            ground.client("s3", role).get_object(Bucket="lake", Key=key)
        assert refused.value.response["Error"]["Code"] == expected
    with pytest.raises(ClientError) as refused:
        ground.client("s3", reader).head_object(Bucket="lake", Key=key)
    assert refused.value.response["Error"]["Code"] == "403"
    assert ground.client("s3", reader).get_object(Bucket="lake", Key="there")["Body"].read() == b"x"
