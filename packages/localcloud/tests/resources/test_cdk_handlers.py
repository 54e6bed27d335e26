"""CDK's own handlers, against a running cloud of moto's services and a fake Lambda."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from localcloud.calls import Caller
from localcloud.cloud import Cloud
from localcloud.resources.cdk_aws_call import _SERVICES, aws_call
from localcloud.resources.cdk_bucket_deployment import bucket_deployment
from localcloud.resources.cdk_handlers import (
    export_writer,
    log_retention,
    native_handler,
    provider_framework,
)
from localcloud.resources.context import Context

if TYPE_CHECKING:
    from tests.conftest import MakeRole

MakeContext = Callable[..., Context]

TOKEN = "arn:aws:lambda:us-east-1:123456789012:function:handler"


class FakeLambda:
    """Knows one function's role; answers invocations from a list."""

    def __init__(self, role: str | None, answers: list[Any]) -> None:
        self.role, self.answers = role, answers

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        variables = {
            "USER_ON_EVENT_FUNCTION_ARN": "on-event",
            "USER_IS_COMPLETE_FUNCTION_ARN": "is-complete",
            "WAITER_STATE_MACHINE_ARN": "waiter",
        }
        return {
            "Role": self.role,
            "FunctionName": "handler",
            "Handler": "framework.onEvent",
            "Environment": {"Variables": variables},
        }

    def invoke(self, **_: Any) -> dict[str, Any]:
        answer = self.answers.pop(0)
        failed = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


class FakeStepFunctions:
    """Knows the waiter, as CDK's provider framework defines it."""

    def describe_state_machine(self, **_: Any) -> dict[str, Any]:
        asks = {"Type": "Task", "Retry": [{"IntervalSeconds": 3, "MaxAttempts": 2}]}
        states = {"asks": asks, "times-out": {"Type": "Task", "End": True}}
        return {"definition": json.dumps({"StartAt": "asks", "States": states})}


class WithLambda:
    """The ground's cloud, with a fake Lambda before it and no waiting."""

    def __init__(self, cloud: Any, fake: FakeLambda) -> None:
        self._cloud, self._fake = cloud, fake
        self.clock = self
        self.slept: list[float] = []

    def client(self, service_name: str, caller: Caller | None = None) -> Any:
        fakes = {"lambda": self._fake, "stepfunctions": FakeStepFunctions()}
        return fakes.get(service_name) or self._cloud.client(service_name, caller)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Deployer:
    def __init__(self, logical_id: str | None) -> None:
        self.logical_id = logical_id

    def logical_id_of_arn(self, arn: str) -> str | None:
        return self.logical_id


@pytest.fixture
def context(ground: Cloud, make_role: MakeRole) -> MakeContext:
    def make(*statements: dict[str, Any], answers: Any = (), logical_id: str = "X") -> Context:
        role = make_role("handler-role", *statements)
        cloud: Any = WithLambda(ground, FakeLambda(role.role_arn, list(answers)))
        deployer: Any = Deployer(logical_id)
        return Context(cloud, deployer, "S", "arn:stack", "Thing", "Custom::Thing", {})

    return make


def event(**properties: Any) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "RequestId": "request",
        "ServiceToken": TOKEN,
        "LogicalResourceId": "Thing",
        "ResourceProperties": properties,
    }


def call(service: str, action: str, **more: Any) -> dict[str, Any]:
    return event(Create=json.dumps({"service": service, "action": action, **more}))


def test_an_aws_call_is_made_as_its_role_and_its_answer_flattened(
    context: MakeContext, ground: Cloud
) -> None:
    ground.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    allowed = context({"Action": "ssm:GetParameter", "Resource": "*"})
    request = call(
        "SSM",
        "getParameter",
        parameters={"Name": "/p", "WithDecryption": "true"},
        outputPaths=["Parameter.Value"],
        physicalResourceId={"responsePath": "Parameter.Name"},
    )
    answer = aws_call(allowed, request)
    assert answer == {"PhysicalResourceId": "/p", "Data": {"Parameter.Value": "v"}}


def test_an_aws_call_without_a_grant_is_denied(context: MakeContext) -> None:
    denied = context()
    with pytest.raises(ClientError, match="AccessDenied"):
        aws_call(
            denied, call("@aws-sdk/client-sqs", "CreateQueueCommand", parameters={"QueueName": "q"})
        )


def test_errors_that_are_to_be_ignored_are(context: MakeContext) -> None:
    allowed = context({"Action": "ssm:*", "Resource": "*"})
    parameters = {"Name": "/none"}
    request = call(
        "ssm", "GetParameter", parameters=parameters, ignoreErrorCodesMatching="NotFound"
    )
    assert aws_call(allowed, request)["Data"] == {}
    with pytest.raises(ClientError, match="ParameterNotFound"):
        aws_call(allowed, call("ssm", "GetParameter", parameters=parameters))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (call("ssm", "getNothing"), "has no action getNothing"),
        (call("nonsense", "get"), "nonsense is not a service"),
        (call("ssm", "getParameter", parameters={"Nmae": "x"}), "no parameter Nmae"),
    ],
)
def test_a_wrong_aws_call_is_named(
    context: MakeContext, request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        aws_call(context(), request_)


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, text in files.items():
            target.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return buffer.getvalue()


def test_a_bucket_deployment_unpacks_replaces_filters_and_prunes(
    context: MakeContext, ground: Cloud
) -> None:
    s3 = ground.client("s3")
    for bucket in ("assets", "site"):
        s3.create_bucket(Bucket=bucket)
    body = archive(index_dot_html="<p>@@name@@</p>", a__b_dot_txt="b", skip_dot_log="no")
    s3.put_object(Bucket="assets", Key="k.zip", Body=body)
    s3.put_object(Bucket="site", Key="www/old.txt", Body=b"old")
    s3.put_object(Bucket="site", Key="other/kept.txt", Body=b"kept")
    allowed = context({"Action": "s3:*", "Resource": "*"})
    answer = bucket_deployment(
        allowed,
        event(
            SourceBucketNames=["assets"],
            SourceObjectKeys=["k.zip"],
            SourceMarkers=[{"@@name@@": "巡る"}],
            DestinationBucketName="site",
            DestinationBucketKeyPrefix="www",
            Exclude=["*.log"],
            SystemMetadata={"cache-control": "max-age=60"},
            UserMetadata={"Team": "web"},
        ),
    )
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket="site")["Contents"]}
    assert keys == {"www/index.html", "www/a/b.txt", "other/kept.txt"}
    page = s3.get_object(Bucket="site", Key="www/index.html")
    assert page["Body"].read().decode() == "<p>巡る</p>"
    assert (page["ContentType"], page["CacheControl"]) == ("text/html", "max-age=60")
    assert page["Metadata"] == {"team": "web"}
    assert answer["Data"]["SourceObjectKeys"] == ["k.zip"]


def test_log_retention_takes_a_group_that_is_there(context: MakeContext, ground: Cloud) -> None:
    logs = ground.client("logs")
    logs.create_log_group(logGroupName="/g")
    allowed = context({"Action": "logs:*", "Resource": "*"})
    log_retention(allowed, event(LogGroupName="/g", RetentionInDays="7"))
    [group] = logs.describe_log_groups(logGroupNamePrefix="/g")["logGroups"]
    assert group["retentionInDays"] == 7


def test_the_provider_framework_asks_until_it_is_complete(context: MakeContext) -> None:
    answers = [
        {"PhysicalResourceId": "p", "Data": {"a": 1}},
        {"IsComplete": False},
        {"IsComplete": True, "Data": {"b": 2}},
    ]
    waiting = context(answers=answers)
    account: Any = waiting.account
    assert provider_framework(waiting, event()) == {
        "PhysicalResourceId": "p",
        "Data": {"a": 1, "b": 2},
    }
    assert account.slept == [3.0]


def test_the_provider_framework_asks_as_often_as_its_waiter_would(context: MakeContext) -> None:
    answers = [{}, {"IsComplete": False}, {"IsComplete": False}, {"IsComplete": True}]
    with pytest.raises(ValueError, match="is-complete has not found it complete in 6 seconds"):
        provider_framework(context(answers=answers), event())


def test_values_for_another_region_need_no_grant_for_this_one(
    context: MakeContext, ground: Cloud
) -> None:
    elsewhere = "arn:aws:ssm:eu-north-1:123456789012:parameter/cdk/exports/*"
    allowed = context({"Action": "ssm:PutParameter", "Resource": elsewhere})
    exports = {"/cdk/exports/There/x": "value"}
    export_writer(allowed, event(WriterProps={"region": "eu-north-1", "exports": exports}))
    written = ground.client("ssm").get_parameter(Name="/cdk/exports/There/x")
    assert written["Parameter"]["Value"] == "value"


def test_the_provider_framework_tells_what_failed(context: MakeContext) -> None:
    with pytest.raises(ValueError, match="on-event failed: no more"):
        provider_framework(context(answers=[{"errorMessage": "no more"}]), event())


def test_handlers_are_known_by_their_function(context: MakeContext) -> None:
    known = context(logical_id="AWS679f53fac002430cb0da5b7982bd2287A1B2C3D4")
    deployer: Any = known.deployer
    assert native_handler(known, TOKEN) is aws_call
    deployer.logical_id = "ProviderframeworkonEvent12345678"
    assert native_handler(known, TOKEN) is provider_framework
    deployer.logical_id = None
    assert native_handler(known, TOKEN) is None


def test_service_names_of_the_javascript_sdk_are_botocores() -> None:
    available = set(botocore.session.get_session().get_available_services())
    assert set(_SERVICES.values()) <= available
