"""The response cache: a table, a server of the kit's or one that is there, or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from localcloud.check import Assembly

from stacks.environment import Environment
from tests.stacks.rendering import rendered
from tests.stacks.synthesis import Resource, Synthesis

NETWORK = {
    "subnet_ids": [f"subnet-0a1b2c3d4e5f6071{digit}" for digit in range(4)],
    "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
}
OF_CACHE = ("CACHE_", "RELEASE_")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(cache: dict[str, Any]) -> Synthesis:
        monkeypatch.setenv("CDK_VALIDATION", "false")
        from app import synthesize

        values = {"name": "a--b-", "models": {"m": {}}, "network": NETWORK, "api": {"cache": cache}}
        environment = Environment.model_validate(values)
        app = synthesize(environment, str(tmp_path))
        return Synthesis(environment, app, tmp_path, Assembly.load(tmp_path))

    return make


def answering(made: Synthesis) -> tuple[dict[str, str], str]:
    """What the function is told of the cache, and its role's policy as text."""
    [function] = [
        one
        for one in made.resources("AWS::Lambda::Function")
        if one.path == "InferenceApi/AnswerRequest/Resource"
    ]
    [policy] = [
        one
        for one in made.resources("AWS::IAM::Policy")
        if one.path == "InferenceApi/AnswerRequestRole/DefaultPolicy/Resource"
    ]
    told = rendered(function.properties, function.stack)["Environment"]["Variables"]
    of_cache = {name: value for name, value in told.items() if name.startswith(OF_CACHE)}
    return of_cache, json.dumps(policy.properties)


def caches(made: Synthesis) -> list[Resource]:
    return [one for one in made.resources() if one.path.startswith("ResponseCache/")]


def test_a_table_by_default(make: Any) -> None:
    made = make({})
    [table] = caches(made)
    told, policy = answering(made)
    assert told["CACHE_STORE"] == f"dynamodb://<{table.stack}.{table.logical_id}>"
    assert told["CACHE_SECONDS"] == "300"
    assert table.logical_id in policy
    assert table.definition["DeletionPolicy"] == "Delete"
    # What expires is deleted, and can't be brought back.
    assert table.properties["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }
    [replica] = table.properties["Replicas"]
    recovery = replica["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": False}


def test_a_server_that_the_kit_makes(make: Any) -> None:
    made = make({"store": "valkey", "max_gigabytes": 3})
    [server] = caches(made)
    properties = rendered(server.properties, server.stack)
    assert server.type == "AWS::ElastiCache::ServerlessCache"
    assert properties["Engine"] == "valkey" and "LakeKey" in properties["KmsKeyId"]
    assert properties["SubnetIds"] == NETWORK["subnet_ids"][:3]
    assert properties["SecurityGroupIds"] == NETWORK["security_group_ids"]
    assert properties["CacheUsageLimits"]["DataStorage"] == {"Unit": "GB", "Maximum": 3}
    # As ElastiCache takes it, whatever hyphens the environment's name has.
    name = properties["ServerlessCacheName"]
    assert name.startswith("meguru-a-b-") and "--" not in name and len(name) <= 40
    told, policy = answering(made)
    assert told["CACHE_STORE"].startswith(f"rediss://<{server.stack}.{server.logical_id}.Endpoint")
    # Nobody else's answers are read: the network lets it in, and no grant is needed.
    assert "elasticache" not in policy


def test_a_server_that_is_there(make: Any) -> None:
    made = make({"store": "valkey", "address": "redis://cache.internal:6380", "seconds": 60})
    assert caches(made) == []
    told, _ = answering(made)
    assert (told["CACHE_STORE"], told["CACHE_SECONDS"]) == ("redis://cache.internal:6380", "60")


def test_none(make: Any) -> None:
    made = make({"store": "none"})
    assert caches(made) == []
    assert answering(made)[0]["CACHE_STORE"] == ""
