"""A released model, unmade as the deletion of its stack unmakes it, by the function's own role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.leftovers import Leftovers
from cli.main import app
from tests.e2e.loop_cloud import MODEL, NAME, SECOND_MODEL, LoopCloud, loop_cloud

RUN = "0123456789ab"
# What goes with the stacks themselves, which a local cloud doesn't delete.
OF_STACKS = {
    *("stack", "S3 bucket", "DynamoDB table", "KMS key", "model package group", "alarm"),
    # Those of the API, which is still there.
    *("log group", "API key"),
}


class Answers(HTTPServer):
    """Takes what a custom resource answers CloudFormation."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    server: Answers

    def do_PUT(self) -> None:
        self.server.said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def released(
    trial_assembly: Path, model_archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopCloud]:
    """A cloud of its own, with a version that serves."""
    with loop_cloud(trial_assembly, tmp_path_factory.mktemp("cloud") / "log") as cloud:
        package = cloud.register(cloud.put_model(model_archive))
        cloud.decide(package, "Approved")
        cloud.loop.released(package)
        # It serves before it is scaled.
        cloud.wait(lambda: "claimed_by" not in cloud.release_record() or None, "the claim")
        yield cloud


def function(cloud: LoopCloud) -> tuple[str, str]:
    """The function that unmakes the model, and its stack's id."""
    for resource in cloud.client("cloudformation").describe_stack_resources(
        StackName=f"Meguru-{NAME}-Model-{MODEL}"
    )["StackResources"]:
        is_function = resource["ResourceType"] == "AWS::Lambda::Function"
        if is_function and resource["LogicalResourceId"].startswith("UnmakingUnmakeModel"):
            return resource["PhysicalResourceId"], resource["StackId"]
    raise AssertionError("no such function")


def left_by_runs(cloud: LoopCloud) -> set[tuple[str, str]]:
    found = Leftovers(cloud.account).find()
    return {(one.kind, one.name) for one in found if one.kind not in OF_STACKS}


def delete(cloud: LoopCloud, answers: Answers, **changes: Any) -> dict[str, Any]:
    name, stack_id = function(cloud)
    event = {
        "RequestType": "Delete",
        "ResponseURL": f"http://127.0.0.1:{answers.server_port}/answer",
        "StackId": stack_id,
        "RequestId": "1",
        "LogicalResourceId": "Unmaking",
        "PhysicalResourceId": "unmaking",
        **changes,
    }
    reply = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert "FunctionError" not in reply, reply["Payload"].read()
    return answers.said[-1]


def test_update_unmakes_nothing(released: LoopCloud, answers: Answers) -> None:
    before = left_by_runs(released)
    assert delete(released, answers, RequestType="Update")["Status"] == "SUCCESS"
    assert left_by_runs(released) == before
    assert {kind for kind, _ in before} >= {"endpoint", "model", "scalable target"}
    assert released.serving()


def start_training(cloud: LoopCloud) -> str:
    """A job as the workflow starts it, of a dataset that is never read to its end; its name."""
    train = cloud.definition("TrainAndRegister")["States"]["TrainModel"]["Arguments"]
    name, lake = f"{cloud.outputs['EndpointName']}-{RUN}", cloud.outputs["LakeBucket"]
    cloud.client("s3").put_object(Bucket=lake, Key="datasets/text/none/a", Body=b"{}")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{lake}/datasets/text/none/"}
    cloud.client("sagemaker").create_training_job(
        TrainingJobName=name,
        RoleArn=train["RoleArn"],
        AlgorithmSpecification={
            "TrainingImage": train["AlgorithmSpecification"]["TrainingImage"],
            "TrainingInputMode": "File",
        },
        InputDataConfig=[{"ChannelName": "dataset", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{lake}/runs/none/model"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    return name


def test_a_stack_s_deletion_unmakes_what_runs_made(released: LoopCloud, answers: Answers) -> None:
    job = start_training(released)
    said = delete(released, answers)
    assert (said["Status"], said["Reason"]) == ("SUCCESS", "")
    assert said["PhysicalResourceId"] == "unmaking"
    assert left_by_runs(released) == set()
    assert released.release_record() == {}
    ended = released.client("sagemaker").describe_training_job(TrainingJobName=job)
    assert ended["TrainingJobStatus"] == "Stopped"


def test_again_it_finds_nothing_to_do(released: LoopCloud, answers: Answers) -> None:
    assert delete(released, answers)["Status"] == "SUCCESS"


def test_the_command_lists_what_costs_and_unmakes_the_rest(
    released: LoopCloud, tmp_path: Path, model_archive: bytes
) -> None:
    """The other model, released meanwhile; this environment may be destroyed."""
    second = released.of_model(SECOND_MODEL)
    package = second.register(second.put_model(model_archive, "runs/second/model.tar.gz"))
    second.decide(package, "Approved")
    second.loop.released(package)
    endpoint = second.outputs["EndpointName"]
    there = meguru(released, "leftovers", 1)
    assert f"endpoint\t{endpoint}\tInService\tits instances" in there
    assert f"log group\t/aws/vendedlogs/states/{endpoint}/train_and_register\t" in there
    said = destroy(released, tmp_path, NAME, is_destroyable=False)
    assert f"waiting for endpoint {endpoint}" in said
    assert "within the hour" in said
    said = destroy(released, tmp_path, NAME, is_destroyable=True)
    assert "is unmade" in said and "within the hour" not in said
    assert destroy(released, tmp_path, "mistyped", is_destroyable=True) == ""
    left = {tuple(line.split("\t")[:2]) for line in meguru(released, "leftovers", 1).splitlines()}
    assert {kind for kind, _ in left} <= OF_STACKS


def destroy(cloud: LoopCloud, folder: Path, name: str, *, is_destroyable: bool) -> str:
    file = folder / "trial.yaml"
    destroyable = str(is_destroyable).lower()
    file.write_text(f"name: {name}\ndestroyable: {destroyable}\nmodels: {{{MODEL}: {{}}}}\n")
    return meguru(cloud, "destroy", 0, "--yes", "--environment", str(file))


def meguru(cloud: LoopCloud, command: str, status: int, *words: str) -> str:
    more = ("--environment-name", NAME) if command == "leftovers" else ()
    given = {"AWS_ENDPOINT_URL": cloud.endpoint_url, "COLUMNS": "250"}
    ended = CliRunner().invoke(app, [command, *words, *more], env=given)
    assert ended.exit_code == status, ended.output
    return ended.stdout
