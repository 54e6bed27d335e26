"""Endpoints: served, updated under load, rolled back, scaled, crashed."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import tarfile
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sagemaker.conftest import Bench

SERVER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
root = os.environ["SAGEMAKER_BASE_DIR"]
name = open(f"{root}/model/name").read()
if name == "broken":
    sys.exit("no such weights")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "crash" in asked: os._exit(1)
        if "cut" in asked:
            self.send_response(200)
            self.send_header("Content-Length", "30")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
            return
        if "stream" in asked: return self.stream()
        time.sleep(asked.get("sleep", 0.01))
        body = {"model": name, "pid": os.getpid(), "argv": sys.argv[1:]}
        if "file" in asked: body["content"] = open(f"{root}/{asked['file']}").read()
        self.answer(asked.get("status", 200), json.dumps(body).encode())
    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number in range(200):
                self.wfile.write(b"2\\r\\n%02d\\r\\n" % number)
                time.sleep(0.05)
            self.wfile.write(b"0\\r\\n\\r\\n")
        except OSError:
            open(f"{root}/../left", "w").close()

address = (os.environ["SAGEMAKER_BIND_TO_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
"""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def serving(bench: Bench) -> Any:
    return Serving(bench)


class Serving:
    def __init__(self, bench: Bench) -> None:
        self.bench, self.api = bench, bench.sagemaker
        self.runtime = bench.cloud.client("sagemaker-runtime")

    def config(self, weights: str, count: int = 1, packed: bool = True, **container: Any) -> Any:
        """A new endpoint configuration with one variant, whose model is called `weights`."""
        name = f"config-{next(_numbers)}"
        key = f"models/{name}"
        if packed:
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                member = tarfile.TarInfo("name")
                member.size = len(weights)
                tar.addfile(member, io.BytesIO(weights.encode()))
            self.bench.s3.put_object(Bucket="lake", Key=f"{key}.tar.gz", Body=buffer.getvalue())
            data: dict[str, Any] = {"ModelDataUrl": f"s3://lake/{key}.tar.gz"}
        else:
            self.bench.s3.put_object(Bucket="lake", Key=f"{key}/name", Body=weights.encode())
            source = {
                "S3Uri": f"s3://lake/{key}/",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
            data = {"ModelDataSource": {"S3DataSource": source}}
        self.api.create_model(
            ModelName=name,
            PrimaryContainer={"Image": self.bench.image("server", SERVER), **data, **container},
            ExecutionRoleArn=self.bench.role_arn,
        )
        variant = {
            "VariantName": "main",
            "ModelName": name,
            "InitialInstanceCount": count,
            "InstanceType": "ml.m5.large",
        }
        self.api.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def create(self, name: str, weights: str, **members: Any) -> Any:
        self.api.create_endpoint(
            EndpointName=name, EndpointConfigName=self.config(weights, **members)
        )
        return self.settled(name)

    def settled(self, name: str) -> Any:
        def settled() -> Any:
            endpoint = self.api.describe_endpoint(EndpointName=name)
            return endpoint if endpoint["EndpointStatus"] in ("InService", "Failed") else None

        return self.bench.wait_for(settled)

    def ask(self, name: str, **question: Any) -> Any:
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, Body=json.dumps(question), ContentType="application/json"
        )
        return json.loads(answer["Body"].read())


def test_serves_and_says_which_variant(serving: Serving) -> None:
    endpoint = serving.create("plain", "first", packed=False)
    assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
    answer = serving.runtime.invoke_endpoint(EndpointName="plain", Body=b"{}")
    assert answer["InvokedProductionVariant"] == "main"
    assert answer["ContentType"] == "application/json"
    body = json.loads(answer["Body"].read())
    assert (body["model"], body["argv"]) == ("first", ["serve"])
    with pytest.raises(ClientError) as raised:
        serving.ask("plain", status=418)
    assert raised.value.response["Error"]["Code"] == "ModelError"
    assert raised.value.response["OriginalStatusCode"] == 418
    assert "first" in raised.value.response["OriginalMessage"]
    with pytest.raises(ClientError, match="not found"):
        serving.ask("no-such-endpoint")
    with pytest.raises(ClientError, match="already existing"):
        serving.create("plain", "again")


def test_streams_and_tells_the_container_when_the_caller_leaves(
    serving: Serving, bench: Bench
) -> None:
    serving.create("streams", "first")
    answer = serving.runtime.invoke_endpoint_with_response_stream(
        EndpointName="streams", Body=b'{"stream": 1}'
    )
    started = time.monotonic()
    first = next(iter(answer["Body"]))
    assert first["PayloadPart"]["Bytes"].startswith(b"00")
    assert time.monotonic() - started < 5
    answer["Body"].close()
    work = bench.cloud.account.work_dir / "endpoints" / "streams"
    bench.wait_for(lambda: list(work.rglob("left")), what="the container's notice")


def test_a_stream_that_breaks_off_says_so(serving: Serving) -> None:
    serving.create("cut", "one")
    stream = serving.runtime.invoke_endpoint_with_response_stream(
        EndpointName="cut", Body=json.dumps({"cut": True})
    )
    with pytest.raises(ClientError, match="did not complete"):
        list(stream["Body"])


def test_an_update_under_load_loses_no_request(serving: Serving) -> None:
    serving.create("busy", "old", count=2)
    answers, failures, is_over = [], [], threading.Event()

    def keep_asking() -> None:
        while not is_over.is_set():
            try:
                answers.append(serving.ask("busy", sleep=0.05)["model"])
            except ClientError as error:
                failures.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(6)]
    for thread in threads:
        thread.start()
    serving.api.update_endpoint(EndpointName="busy", EndpointConfigName=serving.config("new"))
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        serving.api.update_endpoint(EndpointName="busy", EndpointConfigName=serving.config("x"))
    serving.settled("busy")
    asked = len(answers)
    time.sleep(0.3)
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answers[0] == "old" and len(answers) > asked + 5
    assert set(answers[asked + 6 :]) == {"new"}


def test_a_crashed_container_is_started_again(serving: Serving) -> None:
    serving.create("crashes", "only")
    pid = serving.ask("crashes")["pid"]
    with pytest.raises(ClientError, match="ModelError"):
        serving.ask("crashes", crash=1)

    def answers() -> Any:
        try:
            return serving.ask("crashes")["pid"]
        except ClientError:
            return None

    fresh = serving.bench.wait_for(answers)
    assert fresh != pid
    os.kill(fresh, signal.SIGKILL)
    assert serving.bench.wait_for(lambda: (p := answers()) and p != fresh)


def test_a_container_that_fails_its_ping_says_why(serving: Serving) -> None:
    endpoint = serving.create("broken", "broken")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert "no such weights" in endpoint["FailureReason"]
    serving.create("kept", "good")
    config = serving.config("broken")
    serving.api.update_endpoint(EndpointName="kept", EndpointConfigName=config)
    endpoint = serving.settled("kept")
    assert endpoint["EndpointStatus"] == "InService" and endpoint["EndpointConfigName"] != config
    assert "no such weights" in endpoint["FailureReason"]
    assert serving.ask("kept")["model"] == "good"


def _canary(alarm: str, wait_seconds: int = 600) -> Any:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": wait_seconds,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            },
            "TerminationWaitInSeconds": 60,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def _alarm(bench: Bench, name: str) -> None:
    bench.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="ThumbsDown",
        Namespace="Test",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )


def _both_answer(serving: Serving, name: str) -> None:
    serving.bench.wait_for(lambda: {serving.ask(name)["model"] for _ in range(8)} == {"old", "new"})


def test_a_canary_goes_all_the_way_when_time_passes(serving: Serving) -> None:
    serving.create("canary", "old")
    _alarm(serving.bench, "quiet")
    serving.api.update_endpoint(
        EndpointName="canary",
        EndpointConfigName=serving.config("new"),
        DeploymentConfig=_canary("quiet"),
    )
    _both_answer(serving, "canary")
    serving.bench.cloud.clock.advance(timedelta(seconds=601))
    serving.bench.wait_for(lambda: {serving.ask("canary")["model"] for _ in range(8)} == {"new"})
    status = serving.api.describe_endpoint(EndpointName="canary")["EndpointStatus"]
    assert status == "Updating"
    serving.bench.cloud.clock.advance(timedelta(seconds=61))
    assert serving.settled("canary")["EndpointStatus"] == "InService"


def test_an_alarm_rolls_a_canary_back(serving: Serving) -> None:
    old = serving.create("rolls-back", "old")["EndpointConfigName"]
    _alarm(serving.bench, "loud")
    serving.api.update_endpoint(
        EndpointName="rolls-back",
        EndpointConfigName=serving.config("new"),
        DeploymentConfig=_canary("loud"),
    )
    _both_answer(serving, "rolls-back")
    serving.bench.cloud.client("cloudwatch").set_alarm_state(
        AlarmName="loud", StateValue="ALARM", StateReason="tried"
    )
    endpoint = serving.settled("rolls-back")
    assert endpoint["EndpointConfigName"] == old and "loud" in endpoint["FailureReason"]
    assert {serving.ask("rolls-back")["model"] for _ in range(8)} == {"old"}
    with pytest.raises(ClientError, match="could not find alarms nobody"):
        serving.api.update_endpoint(
            EndpointName="rolls-back",
            EndpointConfigName=serving.config("new"),
            DeploymentConfig=_canary("nobody"),
        )


def test_scales_and_keeps_the_count_through_an_update(serving: Serving) -> None:
    serving.create("scales", "old")
    desired = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    serving.api.update_endpoint_weights_and_capacities(
        EndpointName="scales", DesiredWeightsAndCapacities=desired
    )
    variant = serving.settled("scales")["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (3, 3)
    assert len({serving.ask("scales")["pid"] for _ in range(9)}) == 3
    serving.api.update_endpoint(
        EndpointName="scales",
        EndpointConfigName=serving.config("new"),
        RetainAllVariantProperties=True,
    )
    assert serving.settled("scales")["ProductionVariants"][0]["CurrentInstanceCount"] == 3
    desired[0]["DesiredInstanceCount"] = 1
    serving.api.update_endpoint_weights_and_capacities(
        EndpointName="scales", DesiredWeightsAndCapacities=desired
    )
    serving.settled("scales")
    assert len({serving.ask("scales")["pid"] for _ in range(4)}) == 1


def test_deleting_ends_every_process(serving: Serving) -> None:
    serving.create("gone", "old")
    pid = serving.ask("gone")["pid"]
    serving.api.delete_endpoint(EndpointName="gone")

    def is_gone() -> Any:
        try:
            serving.api.describe_endpoint(EndpointName="gone")
        except ClientError as error:
            return "Could not find endpoint" in str(error)
        return False

    serving.bench.wait_for(is_gone)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_invocations_are_metrics(serving: Serving) -> None:
    serving.create("measured", "old")
    for _ in range(5):
        serving.ask("measured")
    cloudwatch = serving.bench.cloud.client("cloudwatch")
    now = serving.bench.cloud.clock.now()

    def invocations() -> Any:
        data = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=[
                {"Name": "EndpointName", "Value": "measured"},
                {"Name": "VariantName", "Value": "main"},
            ],
            StartTime=now - timedelta(seconds=300),
            EndTime=now + timedelta(seconds=300),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in data) == 5

    serving.bench.wait_for(invocations)


_SERVERLESS_ON_INSTANCES = {
    "VariantName": "main",
    "ModelName": "config-0",
    "InstanceType": "ml.m5.large",
    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "AsyncInferenceConfig is not carried out"),
        ({"ProductionVariants": [{"VariantName": "main"}]}, "needs an InstanceType"),
        (
            {"ProductionVariants": [{"VariantName": "main", "ModelName": "nobody"}]},
            "Could not find model",
        ),
        ({"ProductionVariants": [_SERVERLESS_ON_INSTANCES]}, "InstanceType can't be given"),
    ],
)
def test_what_is_not_served_is_refused_by_name(
    serving: Serving, members: dict[str, Any], message: str
) -> None:
    request = {"EndpointConfigName": "refused", "ProductionVariants": [{"VariantName": "main"}]}
    with pytest.raises(ClientError, match=message):
        serving.api.create_endpoint_config(**{**request, **members})


def test_weights_need_no_more_than_get_object(serving: Serving, bench: Bench) -> None:
    serving.config("weights")
    key = next(key for key in bench.keys("models/") if key.endswith(".tar.gz"))
    container = {
        "Image": bench.image("server", SERVER),
        "ModelDataUrl": f"s3://lake/{key}",
    }
    reader = bench.role("weights-reader", "s3:GetObject")
    serving.api.create_model(
        ModelName="readable", PrimaryContainer=container, ExecutionRoleArn=reader
    )
    nobody = bench.role("weights-nobody", "s3:PutObject")
    with pytest.raises(ClientError, match=r"Could not access model data.*s3:GetObject on"):
        serving.api.create_model(
            ModelName="unreadable", PrimaryContainer=container, ExecutionRoleArn=nobody
        )


def test_missing_weights_are_refused(serving: Serving) -> None:
    with pytest.raises(ClientError, match="Could not find model data"):
        serving.api.create_model(
            ModelName="weightless",
            PrimaryContainer={
                "Image": serving.bench.image("server", SERVER),
                "ModelDataUrl": "s3://lake/nothing.tar.gz",
            },
            ExecutionRoleArn=serving.bench.role_arn,
        )


def channel(name: str, uri: str, data_type: str = "S3Prefix", packed: str = "None") -> Any:
    source = {"S3Uri": uri, "S3DataType": data_type, "CompressionType": packed}
    return {"ChannelName": name, "S3DataSource": source}


def test_additional_data_lies_beside_the_model(serving: Serving, bench: Bench) -> None:
    for key in ("extra/deep/words", "extra/words", "extra-not/words"):
        bench.s3.put_object(Bucket="lake", Key=key, Body=key.encode())
    sources = [channel("base", "s3://lake/extra/"), channel("prompt", "s3://lake/extra/deep/")]
    serving.create("beside", "beside", AdditionalModelDataSources=sources)
    for file, content in {
        "base/deep/words": "extra/deep/words",
        "base/words": "extra/words",
        "prompt/words": "extra/deep/words",
    }.items():
        answer = serving.ask("beside", file=f"additional-model-data-sources/{file}")
        assert answer["content"] == content
    serving.api.delete_endpoint(EndpointName="beside")


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([channel("base", "s3://lake/nothing/")], "Could not find model data at s3://lake/nothing"),
        ([channel("base", "s3://lake/extra")], "S3Prefix has to end with a slash"),
        ([channel("base", "s3://lake/extra/", packed="Gzip")], "Gzip needs S3DataType S3Object"),
        ([channel("base", "s3://lake/extra/")] * 2, "the ChannelName base is given more than once"),
        ([channel("a b", "s3://lake/extra/")], r"ChannelName.*regular expression"),
        ([channel(f"c{n}", "s3://lake/extra/") for n in range(6)], "less than or equal to 5"),
    ],
)
def test_additional_data_that_aws_would_not_take_is_refused(
    serving: Serving, bench: Bench, sources: list[Any], message: str
) -> None:
    bench.s3.put_object(Bucket="lake", Key="extra/words", Body=b"words")
    with pytest.raises(ClientError, match=message):
        serving.config("refused", AdditionalModelDataSources=sources)


def test_additional_data_is_read_as_the_model_s_role(serving: Serving, bench: Bench) -> None:
    with pytest.raises(ClientError, match=r"Could not access model data at s3://lake/extra/.*s3:"):
        serving.api.create_model(
            ModelName="not-beside",
            PrimaryContainer={
                "Image": bench.image("server", SERVER),
                "AdditionalModelDataSources": [channel("base", "s3://lake/extra/")],
            },
            ExecutionRoleArn=bench.role("no-reader", "s3:PutObject"),
        )
