"""An endpoint that has no copy of its model while nobody asks: from idle to an answer and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import yaml
from botocore.exceptions import ClientError

from cli.synthesis import REPOSITORY, synthesize
from tests.e2e.loop_cloud import GUARDED, MODEL, NAME, SIZES, LoopCloud, loop_cloud
from tests.e2e.test_destroy import Answers, answers, delete, left_by_runs

__all__ = ["answers"]

MINUTE = 60
# Longer than it takes to find that nobody asks: target tracking looks at a quarter of an hour.
QUIET = 20 * MINUTE


@pytest.fixture(scope="module")
def cloud(model_archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopCloud]:
    """A version that was released, and that scales."""
    folder = tmp_path_factory.mktemp("idle")
    values = yaml.safe_load((REPOSITORY / "environments" / "poc.yaml").read_text())
    [model] = values["models"].values()
    model["training"]["hyperparameters"] = SIZES
    # Without a smoke test, it is the update itself that finds what can't start, and falls back.
    release = {"bake_seconds": 0, "poll_seconds": 1, "smoke_test": []}
    model["endpoint"] = {"min_instances": 0, "max_instances": 2, "release": release}
    file = folder / "idle.yaml"
    file.write_text(yaml.safe_dump({**values, "name": NAME, "models": {MODEL: model}, **GUARDED}))
    with loop_cloud(synthesize(file, folder / "cdk.out"), folder / "log") as cloud:
        release_version(cloud, model_archive, "first")
        yield cloud


def release_version(cloud: LoopCloud, archive: bytes, name: str) -> str:
    package = approve(cloud, archive, name)
    cloud.loop.released(package)
    settle(cloud)
    return package


def approve(cloud: LoopCloud, archive: bytes, name: str) -> str:
    package = cloud.register(cloud.put_model(archive, f"runs/{name}/model.tar.gz"))
    cloud.decide(package, "Approved")
    return package


def settle(cloud: LoopCloud) -> None:
    """It serves before it is scaled."""
    cloud.wait(lambda: "claimed_by" not in cloud.release_record() or None, "the claim")


def component(cloud: LoopCloud) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("sagemaker").describe_inference_component(
        InferenceComponentName=cloud.outputs["EndpointName"]
    )
    return found


def wait_for_copies(cloud: LoopCloud, wanted: int) -> None:
    def look() -> bool | None:
        found = component(cloud)
        counts = found["RuntimeConfig"]
        is_steady = found["InferenceComponentStatus"] == "InService"
        return (is_steady and set(counts.values()) == {wanted}) or None

    cloud.wait(look, f"{wanted} copies")


def ask(cloud: LoopCloud, **settings: Any) -> Any:
    client = cloud.openai_client(**settings)
    return client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "いつ?"}], max_tokens=2
    )


def refused(cloud: LoopCloud) -> openai.APIStatusError:
    """What a caller is told that finds no copy, once it is counted."""
    before = num_refused(cloud)
    with pytest.raises(openai.InternalServerError) as raised:
        ask(cloud)
    cloud.wait(lambda: num_refused(cloud) > before or None, "the refusal to be counted")
    return raised.value


def num_refused(cloud: LoopCloud) -> float:
    now = time.time() + 7 * 86400
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="NoCapacityInvocationFailures",
        Dimensions=[{"Name": "InferenceComponentName", "Value": cloud.outputs["EndpointName"]}],
        StartTime=now - 14 * 86400,
        EndTime=now,
        Period=14 * 86400,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(one["Sum"] for one in points))


def serving(cloud: LoopCloud) -> str:
    """The model version that the component's model is made of."""
    name = component(cloud)["Specification"]["ModelName"]
    model = cloud.client("sagemaker").describe_model(ModelName=name)
    return str(model["PrimaryContainer"]["ModelPackageName"])


def fall_asleep(cloud: LoopCloud) -> None:
    cloud.account.advance_clock(QUIET)
    wait_for_copies(cloud, 0)


def test_from_idle_to_an_answer_and_back(cloud: LoopCloud) -> None:
    assert ask(cloud).parse().choices
    fall_asleep(cloud)
    said = refused(cloud)
    assert (said.status_code, said.code) == (503, "model_warming")
    # What the release has measured, and the alarm's minute.
    wait = int(said.response.headers["retry-after"])
    started = int(cloud.release_record()["start_seconds"])
    assert started >= 1 and wait == started + MINUTE
    assert f"ready in about {wait} s" in said.message
    cloud.account.advance_clock(MINUTE + 1)
    wait_for_copies(cloud, 1)
    answer = ask(cloud)
    assert answer.parse().choices and answer.headers["x-inference-id"]
    fall_asleep(cloud)


def test_requests_that_come_while_it_warms_start_no_more_copies(cloud: LoopCloud) -> None:
    fall_asleep(cloud)
    for _ in range(3):
        refused(cloud)
    cloud.account.advance_clock(MINUTE + 1)
    wait_for_copies(cloud, 1)
    cloud.account.advance_clock(3 * MINUTE)
    wait_for_copies(cloud, 1)


def test_a_release_without_a_copy_starts_one(cloud: LoopCloud, model_archive: bytes) -> None:
    """So that a version that can't serve is found out by its release, and not by a person."""
    fall_asleep(cloud)
    good = release_version(cloud, model_archive, "good")
    assert serving(cloud) == good
    assert ask(cloud).parse().choices
    fall_asleep(cloud)
    bad = approve(cloud, b"no archive", "bad")
    cause = cloud.wait(lambda: cloud.release_record().get("failed_because"), "its failure")
    assert cause.startswith(f"{bad}: the inference component is InService with ")
    settle(cloud)
    assert serving(cloud) == good == cloud.release_record()["released_model_package_arn"]
    fall_asleep(cloud)


def test_an_environment_may_change_to_instances_at_all_times_and_back(cloud: LoopCloud) -> None:
    """What is there is of another kind: it is made anew, with the version that served.

    The one that was approved last, and has failed, is tried again on what is new: it falls back.
    """
    served = serving(cloud)
    before = cloud.definition("DeployModelVersion")
    deploy(cloud, with_instances(before, cloud.outputs["EndpointName"]))
    assert cloud.serving() == served
    with pytest.raises(ClientError, match="Could not find inference component"):
        component(cloud)
    assert targets(cloud) == {f"endpoint/{cloud.outputs['EndpointName']}/variant/AllTraffic"}
    assert ask(cloud).parse().choices
    deploy(cloud, before)
    assert serving(cloud) == served
    assert targets(cloud) == {f"inference-component/{cloud.outputs['EndpointName']}"}
    assert ask(cloud).parse().choices
    fall_asleep(cloud)


def with_instances(definition: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """The definition of the same environment with `min_instances: 1`."""
    text = json.dumps(definition)
    for name in ("InvocationsPer", "ConcurrentRequestsPer"):
        text = text.replace(
            f"SageMakerInferenceComponent{name}Copy", f"SageMakerVariant{name}Instance"
        )
    text = text.replace("ConcurrentRequestsPerInstance", "ConcurrentRequestsPerModel")
    changed: dict[str, Any] = json.loads(text)
    assigned = changed["States"]["Begin"]["Assign"]
    assigned["component"] = "{% null %}"
    assigned["scaling"] |= {
        "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "MinCapacity": 1,
    }
    return changed


def deploy(cloud: LoopCloud, definition: dict[str, Any]) -> None:
    """What the model's stack gets of a changed file, and the look that comes by the clock."""
    cloud.wait_until_idle(0)
    states, machine = cloud.client("stepfunctions"), cloud.outputs["DeployModelVersionArn"]
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    started = states.start_execution(stateMachineArn=machine)["executionArn"]

    def look() -> dict[str, str] | None:
        found: dict[str, str] = states.describe_execution(executionArn=started)
        return None if found["status"] == "RUNNING" else found

    ended = cloud.wait(look, "the release")
    assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseFailed")
    settle(cloud)


def targets(cloud: LoopCloud) -> set[str]:
    found = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker"
    )
    return {one["ResourceId"] for one in found["ScalableTargets"]}


def test_a_stack_s_deletion_leaves_nothing(cloud: LoopCloud, answers: Answers) -> None:
    alarms = cloud.client("cloudwatch").describe_alarms
    wake = f"{cloud.outputs['EndpointName']}-wake"
    assert alarms(AlarmNames=[wake])["MetricAlarms"]
    assert {kind for kind, _ in left_by_runs(cloud)} >= {"endpoint", "inference component"}
    said = delete(cloud, answers)
    assert (said["Status"], said["Reason"]) == ("SUCCESS", "")
    assert left_by_runs(cloud) == set()
    assert not alarms(AlarmNames=[wake])["MetricAlarms"]
