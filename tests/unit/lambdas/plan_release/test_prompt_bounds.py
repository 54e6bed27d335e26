"""What requests reserve for a prompt holds for every version that may answer them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lambdas.plan_release import handler as function
from meguru.prompt import Prompt
from meguru.prompt_bound import PromptBound
from tests.unit.lambdas.plan_release.test_handler import EVENT, VARIABLES, FakeSageMaker

SHORT, LONG = Prompt("短く。", question_template="Q: {question}\n"), Prompt("規程を読む。" * 999)
# What holds while either may answer.
BOTH = PromptBound(PromptBound.of(LONG).conversation, PromptBound.of(SHORT).question)


class Registry(FakeSageMaker):
    """Versions by their prompts' addresses, each approved a day after the one before."""

    def __init__(self, *uris: str) -> None:
        super().__init__()
        self.uris = list(uris)

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        named = [{"ModelPackageArn": f"arn:p/group/{n}"} for n in range(1, len(self.uris) + 1)]
        return [{"ModelPackageSummaryList": named}]

    def describe_model_package(self, **request: str) -> dict[str, Any]:
        number = int(request["ModelPackageName"].rpartition("/")[2])
        uri = self.uris[number - 1]
        return {
            "ModelPackageArn": request["ModelPackageName"],
            "ModelApprovalStatus": "Approved",
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
            "CustomerMetadataProperties": {"prompt_uri": uri} if uri else {},
        }


@pytest.fixture
def registry(
    make_table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Registry]:
    s3, table = boto3.client("s3"), make_table("releases", "endpoint_name")
    for name, prompt in (("short", SHORT), ("long", LONG)):
        s3.put_object(Bucket="lake", Key=f"prompts/{name}/prompt.json", Body=prompt.to_json())
    s3.put_object(Bucket="lake", Key="prompts/damaged/prompt.json", Body=b"{}")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(function, "s3", lambda: s3)
    monkeypatch.setattr(function, "releases", lambda: table)

    def make(*names: str) -> Registry:
        made = Registry(*(name and f"s3://lake/prompts/{name}/" for name in names))
        monkeypatch.setattr(function, "sagemaker", lambda: made)
        return made

    return make


def step(status: str = "") -> dict[str, Any]:
    """One look, after the wanted version has come to serve or is coming to, if a status says so."""
    plan = function.handler(EVENT, None)
    if status:
        name = plan["release"]["name"]
        function.sagemaker().endpoint = {"EndpointStatus": status, "EndpointConfigName": name}
    return plan


def serve() -> None:
    """The wanted version serves, and that is recorded as the workflow does."""
    release = step("InService")["release"]
    function.releases().update_item(
        Key={"endpoint_name": "text"},
        UpdateExpression="SET #release = :release",
        ExpressionAttributeNames={"#release": "release"},
        ExpressionAttributeValues={":release": release},
    )


def kept() -> PromptBound:
    found = function.releases().get_item(Key={"endpoint_name": "text"})["Item"]
    return PromptBound.read(found["prompt_bound"])


def test_it_is_there_before_the_first_version_serves(registry: Any) -> None:
    registry("long")
    assert step()["step"] == "create_model"
    assert kept() == PromptBound.of(LONG)


@pytest.mark.parametrize(("before", "after"), [("short", "long"), ("long", "short")])
def test_both_count_until_one_is_gone(registry: Any, before: str, after: str) -> None:
    ends = {"short": PromptBound.of(SHORT), "long": PromptBound.of(LONG)}
    first = registry(before)
    serve()
    step()
    assert kept() == ends[before]
    first.uris.append(f"s3://lake/prompts/{after}/")
    assert step("Updating")["step"] == "create_model"
    assert kept() == BOTH
    # The version before is approved alone again, while the other one comes to serve.
    coming, name = first.uris.pop(), first.endpoint["EndpointConfigName"]
    assert step()["step"] == "wait"
    first.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": name}
    assert step()["release"]["package"].endswith("/1")
    assert kept() == BOTH
    first.uris.append(coming)
    serve()
    assert kept() == BOTH
    step()
    assert kept() == ends[after]


def test_a_prompt_that_is_taken_off(registry: Any) -> None:
    versions = registry("long")
    serve()
    versions.uris.append("")
    serve()
    assert kept() == PromptBound.of(LONG)
    step()
    assert kept() == PromptBound()


@pytest.mark.parametrize("name", ["gone", "damaged"])
def test_a_prompt_that_can_not_be_read_changes_nothing(registry: Any, name: str) -> None:
    versions = registry("long")
    serve()
    step()
    versions.uris.append(f"s3://lake/prompts/{name}/")
    assert step()["step"] == "create_model"
    assert kept() == PromptBound.of(LONG)
