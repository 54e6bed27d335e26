from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.resources.context import Context, Properties
from localcloud.resources.custom import as_strings, custom_resource
from localcloud.resources.responses import Responses

TOKEN = "arn:aws:lambda:us-east-1:123456789012:function:handler"


class Payload:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content


class FakeLambda:
    """Calls `behave` with the event; what it returns is the invocation's answer."""

    def __init__(self, behave: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.behave = behave

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == TOKEN
        return self.behave(json.loads(Payload))


class FakeAccount:
    endpoint_url = "http://127.0.0.1:1"

    def __init__(self, client: FakeLambda) -> None:
        self.lambda_client = client

    def client(self, service_name: str, caller: object = None) -> FakeLambda:
        assert service_name == "lambda"
        return self.lambda_client


class FakeDeployer:
    def __init__(self) -> None:
        self.responses = Responses()

    def logical_id_of_arn(self, arn: str) -> None:
        return None


def create(behave: Callable[..., Any], **properties: Any) -> Any:
    deployer = FakeDeployer()

    def invoked(event: dict[str, Any]) -> dict[str, Any]:
        def respond(**answer: Any) -> None:
            token = event["ResponseURL"].rpartition("/")[2]
            deployer.responses.receive(token, json.dumps(answer).encode())

        return behave(event, respond) or {}

    account: Any = FakeAccount(FakeLambda(invoked))
    place: Any = deployer
    context = Context(account, place, "S", "arn:stack", "Thing", "Custom::Thing", {})
    return custom_resource(context, Properties({"ServiceToken": TOKEN, **properties}))


def test_the_event_and_what_comes_of_the_answer() -> None:
    events = []

    def behave(event: dict[str, Any], respond: Any) -> None:
        events.append(event)
        respond(Status="SUCCESS", PhysicalResourceId="p", Data={"A": "1"})

    created = create(behave, Count=3, Nested={"On": True})
    assert (created.physical_id, created.attributes) == ("p", {"A": "1"})
    [event] = events
    assert event["RequestType"] == "Create"
    assert event["ResourceProperties"] == {
        "ServiceToken": TOKEN,
        "Count": "3",
        "Nested": {"On": "true"},
    }
    assert event["ResponseURL"].startswith("http://127.0.0.1:1/_localcloud/cfn-response/")


def test_a_failure_is_told_with_its_reason() -> None:
    with pytest.raises(ValueError, match="its handler failed: no shelf left"):
        create(lambda event, respond: respond(Status="FAILED", Reason="no shelf left"))


def test_a_function_that_breaks_is_not_waited_for() -> None:
    broken = {"FunctionError": "Unhandled", "Payload": Payload(b'{"errorMessage": "oops"}')}
    with pytest.raises(ValueError, match=r"its function failed: .*oops"):
        create(lambda event, respond: broken)


def test_an_answer_before_the_function_broke_counts() -> None:
    def behave(event: dict[str, Any], respond: Any) -> dict[str, Any]:
        respond(Status="SUCCESS", PhysicalResourceId="first")
        return {"FunctionError": "Unhandled", "Payload": Payload(b"{}")}

    assert create(behave).physical_id == "first"


def test_a_function_that_never_answers_is_given_up() -> None:
    with pytest.raises(ValueError, match="has not answered in 0 seconds"):
        create(lambda event, respond: None, ServiceTimeout="0.05")


def test_only_functions_take_events() -> None:
    with pytest.raises(ValueError, match="localcloud sends events to Lambda functions"):
        create(lambda event, respond: None, ServiceToken="arn:aws:sns:us-east-1:1:topic")


def test_properties_arrive_as_strings() -> None:
    assert as_strings({"a": [1, True, None, "x"]}) == {"a": ["1", "true", None, "x"]}


def test_only_expected_answers_are_taken() -> None:
    responses = Responses()
    with pytest.raises(ValueError, match="no custom resource waits"):
        responses.receive("ghost", b'{"Status": "SUCCESS"}')
    token = responses.expect()
    for body in (b"[]", b"{}", b"{"):
        with pytest.raises(ValueError, match=r"Status|Expecting"):
            responses.receive(token, body)
    responses.forget(token)
    with pytest.raises(ValueError, match="no custom resource waits"):
        responses.receive(token, b'{"Status": "SUCCESS"}')
