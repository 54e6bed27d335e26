"""Which prompt is meant, and whether there is anything to release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.account import Account, Outputs
from cli.prompts import Prompts

GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package/meguru-poc--text"
FIRST, SECOND = "3f2a9c0d11112222", "3f2a9c0d33334444"
TRAINED = {"dataset_version": "v"}
PACKAGES = {
    f"{GROUP}/1": TRAINED,
    f"{GROUP}/2": {**TRAINED, "prompt_version": FIRST},
    f"{GROUP}/3": {"base_model": "tiny@66e2"},
}


class FakeAccount(Account):
    """Two prompts, three model versions, of which one may serve."""

    def __init__(self, serving: str = "") -> None:
        super().__init__("poc", "http://127.0.0.1:9")
        self.serving = serving
        self.outputs = Outputs(
            LakeBucket="lake",
            EndpointName="meguru-poc--text",
            ModelPackageGroup="meguru-poc--text",
            ReleaseTable="releases",
        )

    def of_model(self, model_key: str) -> Account:
        return self

    def models(self) -> dict[str, Outputs]:
        return {"text": Outputs(ModelName="text")}

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        if "ModelPackageGroupName" in asked:
            yield {"ModelPackageSummaryList": [{"ModelPackageArn": arn} for arn in PACKAGES]}
        else:
            now = datetime(2026, 11, 27, tzinfo=UTC)
            keys = [f"{asked['Prefix']}{one}/manifest.json" for one in (FIRST, SECOND)]
            yield {"Contents": [{"Key": key, "LastModified": now} for key in keys]}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        made_of = PACKAGES[ModelPackageName]
        return {"ModelApprovalStatus": "Approved", "CustomerMetadataProperties": made_of}

    def get_item(self, **asked: Any) -> dict[str, Any]:
        released = {"released_model_package_arn": {"S": self.serving}}
        return {"Item": released} if self.serving else {}


def test_a_version_is_found_by_its_beginning() -> None:
    prompts = Prompts(FakeAccount(), "text")
    assert prompts.find(FIRST) == prompts.find("3f2a9c0d1") == FIRST
    with pytest.raises(ValueError, match="is the beginning of 2 versions"):
        prompts.find("3f2a")
    with pytest.raises(ValueError, match="no prompt version 'ffff'"):
        prompts.find("ffff")
    # Whether it is there or not: a number is a model version's.
    for short in ("3", "1", ""):
        with pytest.raises(ValueError, match=f"'{short}' is too short.*first 4 .*{FIRST}"):
            prompts.find(short)


@pytest.mark.parametrize(
    ("serving", "version", "package", "said"),
    [
        ("1", "none", "", "version 1: approved, and serves"),
        ("1", FIRST, "", ""),
        ("2", FIRST, "", "version 2: approved, and serves"),
        ("2", "none", "", ""),
        ("2", "none", "1", "version 1: approved; version 2 serves"),
        ("1", FIRST, "2", "version 2: approved; version 1 serves"),
        ("2", SECOND, "1", ""),
    ],
)
def test_what_has_the_prompt_already_is_not_evaluated_again(
    serving: str, version: str, package: str, said: str
) -> None:
    prompts = Prompts(FakeAccount(f"{GROUP}/{serving}"), "text")
    assert prompts.already_with(version, package) == said


def test_what_can_not_be_evaluated_is_refused_before_a_run_starts() -> None:
    with pytest.raises(ValueError, match="no version of this model serves yet"):
        Prompts(FakeAccount(), "text").already_with("none")
    with pytest.raises(ValueError, match=r"version 3 is tiny@66e2 as it is: no data version"):
        Prompts(FakeAccount(f"{GROUP}/3"), "text").already_with(FIRST)
    with pytest.raises(ValueError, match=r"has no version 9 \(there are: 1, 2, 3\)"):
        Prompts(FakeAccount(), "text").already_with("none", "9")
