"""What an environment's stacks say, among those of others whose names begin alike."""

from __future__ import annotations

from typing import Any

import pytest

from cli.account import Account

STACKS = {
    "Meguru-poc-Lake": {"LakeBucket": "lake"},
    "Meguru-poc-Model-b": {"EndpointName": "meguru-poc--b"},
    "Meguru-poc-Model-a-b": {"EndpointName": "meguru-poc--a-b"},
    "Meguru-poc-Model-a": {"EndpointName": "meguru-poc--a"},
    "Meguru-poc-Model-0": {"EndpointName": "meguru-poc--0", "ModelKind": "embedding"},
    "Meguru-poc-2-Lake": {"LakeBucket": "other"},
    "Meguru-poc--Lake": {"LakeBucket": "another"},
    "Elsewhere": {"LakeBucket": "elsewhere"},
}


class FakeAccount(Account):
    """CloudFormation with the stacks above, on two pages."""

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        described = [
            {
                "StackName": name,
                "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()],
            }
            for name, outputs in STACKS.items()
        ]
        return [{"Stacks": described[:3]}, {"Stacks": described[3:]}]


@pytest.mark.parametrize(
    ("name", "bucket"), [("poc", "lake"), ("poc-2", "other"), ("poc-", "another")]
)
def test_outputs_are_the_environment_s_own(name: str, bucket: str) -> None:
    assert FakeAccount(name).outputs["LakeBucket"] == bucket


@pytest.mark.parametrize("key", ["a", "a-b", "b"])
def test_a_model_s_outputs_are_its_own(key: str) -> None:
    account = FakeAccount("poc", None, key)
    assert account.outputs == {"LakeBucket": "lake", "EndpointName": f"meguru-poc--{key}"}


def test_without_a_model_they_are_the_first_s_that_answers_with_text() -> None:
    assert FakeAccount("poc").outputs["EndpointName"] == "meguru-poc--a"


def test_environments_are_those_that_have_stacks() -> None:
    assert FakeAccount("unknown").environments() == ["poc", "poc-", "poc-2"]


def test_an_environment_that_is_not_there_is_said() -> None:
    with pytest.raises(ValueError, match="no stacks of the environment 'po' are here"):
        _ = FakeAccount("po").outputs


def test_an_output_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no output AddBaseModelArn: deploy the environment anew"):
        _ = FakeAccount("poc").outputs["AddBaseModelArn"]


def test_models_by_their_keys() -> None:
    models = FakeAccount("poc").models()
    assert sorted(models) == ["0", "a", "a-b", "b"]
    assert models["a-b"]["EndpointName"] == "meguru-poc--a-b"
    with pytest.raises(ValueError, match="no stacks of the environment 'po' are here"):
        FakeAccount("po").models()
