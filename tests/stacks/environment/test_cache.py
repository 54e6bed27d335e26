"""The response cache in an environment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stacks.environment.test_protection import GROUP, OTHER_SUBNET, START, SUBNET
from tests.stacks.environment.test_written_values import read, refusal

NETWORK = f"network: {{subnet_ids: [{SUBNET}, {OTHER_SUBNET}], security_group_ids: [{GROUP}]}}\n"


def test_dynamodb_for_five_minutes_by_default(tmp_path: Path) -> None:
    cache = read(tmp_path, START).api.cache
    assert (cache.store, cache.seconds, cache.address) == ("dynamodb", 300, None)


@pytest.mark.parametrize(
    "cache",
    [
        "store: none",
        "seconds: 86400",
        "store: valkey, address: 'rediss://cache.internal:6379'",
        "store: valkey, address: redis://10.0.0.1",
    ],
)
def test_what_can_be_asked_for(tmp_path: Path, cache: str) -> None:
    read(tmp_path, f"{START}api: {{cache: {{{cache}}}}}\n")


def test_a_server_is_made_in_a_network(tmp_path: Path) -> None:
    cache = read(tmp_path, f"{START}{NETWORK}api: {{cache: {{store: valkey}}}}\n").api.cache
    assert cache.makes_server and cache.max_gigabytes == 1


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("store: redis", "3: api.cache.store: one of 'none', 'dynamodb' or 'valkey'"),
        ("store: valkey", "3: api.cache.store: a valkey of your own needs its `address`"),
        ("seconds: 0", "3: api.cache.seconds: at least 1"),
        ("seconds: 86401", "3: api.cache.seconds: at most 86400"),
        (
            "store: valkey, address: 'redis://user:secret@cache'",
            "3: api.cache.address: a Valkey server, such as",
        ),
        ("store: valkey, address: cache.internal", "3: api.cache.address: a Valkey server"),
        ("address: redis://cache", "3: api.cache.address: leave it out, or set the store"),
        ("max_gigabytes: 2", "3: api.cache.max_gigabytes: only of a valkey that the kit makes"),
        (
            "store: valkey, address: redis://cache, max_gigabytes: 2",
            "3: api.cache.max_gigabytes: only of a valkey",
        ),
    ],
)
def test_what_would_not_be_there_is_refused(tmp_path: Path, cache: str, said: str) -> None:
    assert said in refusal(tmp_path, f"{START}api: {{cache: {{{cache}}}}}\n")
