"""POST /v1/feedback over DynamoDB and S3, with Powertools' idempotency."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambdas.record_feedback import handler as function
from meguru.comparison import Candidate, Comparison
from tests.unit.lambdas.conftest import FakeRuntime

CORRECTION = {"inference_id": "chatcmpl-1", "rating": -1, "corrected_output": "10日です"}


@dataclass
class Context:
    function_name: str = "record_feedback"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:record_feedback"
    aws_request_id: str = "request"
    remaining_ms: int = 15_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


class Service:
    """The function and what it keeps."""

    def __init__(self, feedback: Any, idempotency: Any) -> None:
        self.feedback, self.idempotency = feedback, idempotency

    def post(
        self,
        said: Any,
        key: str = "",
        consumer: str = "a",
        headers_of: dict[str, Any] | None = None,
        **event: Any,
    ) -> tuple[int, Any]:
        request = {
            "httpMethod": "POST",
            "path": "/v1/feedback",
            "headers": {"idempotency-key": key} if key else {},
            "requestContext": {
                "identity": {"apiKeyId": f"key-{consumer}"},
                "requestId": "request-1",
            },
            "body": said if isinstance(said, str) else json.dumps(said),
            "isBase64Encoded": False,
        }
        answer = function.handler(request | event, Context())
        assert answer["multiValueHeaders"]["x-request-id"] == ["request-1"]
        if headers_of is not None:
            headers_of |= answer["multiValueHeaders"]
        return answer["statusCode"], json.loads(answer["body"])

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.feedback.scan()["Items"]
        return found

    def objects(self) -> list[dict[str, Any]]:
        s3 = boto3.client("s3")
        listed = s3.list_objects_v2(Bucket="lake").get("Contents", [])
        keys = [item["Key"] for item in listed]
        return [json.load(s3.get_object(Bucket="lake", Key=key)["Body"]) for key in keys]


@pytest.fixture
def service(
    make_table: Callable[..., Any], make_consumers: Callable[..., Any]
) -> Iterator[Service]:
    cached = [function.settings, function.feedback_store, function.record_once, function.consumers]
    for one in [*cached, function.idempotency, function.vote_table]:
        one.cache_clear()
    make_consumers(a={}, b={}, gone={"revoked_at": "2026-11-27"})
    inferences = make_table("inferences", "inference_id")
    asked = [{"type": "text", "text": "いつ?"}]
    answers = {1: "5日です", 2: "5日です", 3: "10日です", 4: "10日です"}
    for number, consumer in enumerate("abaa", 1):
        inferences.put_item(
            Item={
                "inference_id": f"chatcmpl-{number}",
                "consumer": consumer,
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "締め切り"}]},
                    {"role": "assistant", "content": "はい"},
                    {"role": "user", "content": asked if number < 4 else "誰?"},
                ],
                "answer": answers[number],
                "model": "meguru-text",
                "model_package_arn": "arn:p",
            }
        )
    yield Service(make_table("feedback", "feedback_id"), make_table("idempotency", "id"))
    for one in [*cached, function.idempotency, function.vote_table]:
        one.cache_clear()


def test_a_vote_on_two_that_were_compared(
    service: Service, make_table: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    compared = Comparison(
        comparison_id="cmpr-1",
        consumer="a",
        created_at="2026-11-27T00:00:00+00:00",
        topic="japanese",
        is_topic_given=False,
        candidates=(
            Candidate(model="x", inference_id="chatcmpl-1"),
            Candidate(model="y", inference_id="chatcmpl-3"),
        ),
    )
    make_table("votes", "name").put_item(Item=compared.item())
    vote = {"inference_id": "cmpr-1", "winner": "both_bad"}
    assert service.post(vote, consumer="b")[0] == 404
    for _ in range(2):
        status, said = service.post(vote)
        assert (status, said["object"], said["winner"]) == (200, "feedback", "both_bad")
        assert [one["model"] for one in said["candidates"]] == ["x", "y"]
    status, said = service.post({**vote, "winner": 0})
    assert (status, said["error"]["code"]) == (409, "already_voted")
    assert len(service.items()) == len(service.objects()) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    assert [line["AnswerFoundBad"] for line in lines if "AnswerFoundBad" in line] == [[1], [1]]
    assert [line["FeedbackReceived"] for line in lines if "FeedbackReceived" in line] == [[1]]


def test_kept_beside_its_inference_and_in_the_lake(service: Service) -> None:
    status, said = service.post(CORRECTION)
    assert status == 200
    (item,), (kept,) = service.items(), service.objects()
    assert item["feedback_id"] == kept["feedback_id"] == said["id"]
    assert (kept["question"], kept["answer"]) == ("いつ?", "5日です")
    assert kept["model"] == "meguru-text"
    assert item["pending"] == "correction" and "pending" not in kept
    turns = [{"role": "user", "content": "締め切り"}, {"role": "assistant", "content": "はい"}]
    assert item["context"] == kept["context"] == turns


def test_what_is_kept_names_the_consumer_and_no_key(service: Service) -> None:
    assert service.post(CORRECTION)[0] == 200
    assert {one["consumer"] for one in (*service.items(), *service.objects())} == {"a"}


@pytest.mark.parametrize("consumer", ["gone", "nobody"])
def test_a_key_that_is_nobody_s_any_more_is_refused(service: Service, consumer: str) -> None:
    status, said = service.post(CORRECTION, consumer=consumer)
    assert (status, said["error"]["code"]) == (403, "invalid_api_key")
    assert service.items() == service.objects() == []


def test_a_vote_waits_for_who_learns_from_votes(service: Service) -> None:
    assert service.post({"inference_id": "chatcmpl-1", "rating": "up"})[0] == 200
    assert service.items()[0]["pending"] == "vote"


def test_a_comment_waits_for_no_training(service: Service) -> None:
    assert service.post({"inference_id": "chatcmpl-1", "comment": "hm"})[0] == 200
    assert "pending" not in service.items()[0]


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        (CORRECTION, [1]),
        ({"rating": "down"}, [1]),
        ({"corrected_output": "10日です"}, [1]),
        ({"rating": "up", "corrected_output": "10日です"}, [1]),
        ({"rating": "up"}, [0]),
        ({"comment": "hm"}, []),
    ],
)
def test_each_judged_answer_is_a_sample_of_the_model_s_quality(
    service: Service, capsys: pytest.CaptureFixture[str], said: dict[str, Any], bad: list[int]
) -> None:
    for _ in range(2):
        assert service.post({"inference_id": "chatcmpl-1", **said})[0] == 200
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    samples = [line for line in lines if "AnswerFoundBad" in line]
    assert [sample["AnswerFoundBad"] for sample in samples] == [[one] for one in bad]
    for sample in samples:
        [metric] = sample["_aws"]["CloudWatchMetrics"]
        assert sorted(metric["Dimensions"][0]) == ["environment", "model"]
        assert (sample["environment"], sample["model"]) == ("poc", "meguru-text")


@pytest.mark.parametrize(
    ("rating", "is_new", "minutes", "counts"),
    [
        ("down", True, 0, True),
        ("up", True, 0, False),
        ("down", False, 0, False),
        # It may be another release's by now.
        ("down", True, 20, False),
    ],
)
def test_a_vote_against_a_version_on_trial_is_told_to_its_release(
    service: Service,
    capsys: pytest.CaptureFixture[str],
    rating: str,
    is_new: bool,
    minutes: int,
    counts: bool,
) -> None:
    boto3.resource("dynamodb").Table("inferences").update_item(
        Key={"inference_id": "chatcmpl-1"},
        UpdateExpression="SET of_new_version = :new, created_at = :at",
        ExpressionAttributeValues={
            ":new": is_new,
            ":at": (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(),
        },
    )
    assert service.post({"inference_id": "chatcmpl-1", "rating": rating})[0] == 200
    printed = [line for line in capsys.readouterr().out.splitlines() if '"ThumbsDown":[' in line]
    assert len(printed) == counts
    for line in printed:
        assert json.loads(line)["version"] == "new"


@pytest.mark.parametrize(("number", "kept_answer"), [(3, "10日です"), (4, "")])
def test_a_better_answer_is_kept_where_it_answers_the_same(
    service: Service, number: int, kept_answer: str
) -> None:
    said = {"inference_id": "chatcmpl-1", "preferred_inference_id": f"chatcmpl-{number}"}
    assert service.post(said)[0] == 200
    (kept,) = service.objects()
    assert kept["preferred_answer"] == kept_answer


@pytest.mark.parametrize("keys", [("", ""), ("k", "k"), ("k", "other"), ("", "k")])
def test_duplicate_counts_once(
    service: Service, keys: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [service.post(CORRECTION, key) for key in keys]
    assert [status for status, _ in answers] == [200, 200]
    assert answers[0][1]["id"] == answers[1][1]["id"]
    assert len(service.items()) == 1
    # Said again, it does not become newer than a correction made in between.
    (kept,) = service.objects()
    assert {answer["created_at"] for _, answer in answers} == {kept["created_at"]}
    printed = capsys.readouterr().out
    assert printed.count('"FeedbackReceived":[1.0]') == printed.count('"AnswerFoundBad":[') == 1


def test_key_of_other_feedback(service: Service) -> None:
    assert service.post(CORRECTION, "k")[0] == 200
    status, said = service.post(CORRECTION | {"corrected_output": "20日です"}, "k")
    assert (status, said["error"]["code"]) == (409, "idempotency_error")
    assert len(service.items()) == len(service.objects()) == 1


def test_keys_of_two_consumers_never_meet(service: Service) -> None:
    assert service.post(CORRECTION, "k", "a")[0] == 200
    assert service.post(CORRECTION | {"inference_id": "chatcmpl-2"}, "k", "b")[0] == 200
    assert len(service.items()) == 2


@pytest.mark.parametrize(
    "members",
    [
        {"inference_id": "chatcmpl-2"},
        {"inference_id": "chatcmpl-0"},
        {"preferred_inference_id": "chatcmpl-2"},
    ],
)
def test_inference_of_another_is_unknown(service: Service, members: dict[str, str]) -> None:
    status, said = service.post(CORRECTION | members, "k")
    assert (status, said["error"]["code"]) == (404, "inference_not_found")
    assert service.items() == service.objects() == []
    # The refusal is not remembered: the key is free for the right request.
    assert service.post(CORRECTION, "k")[0] == 200


@pytest.mark.parametrize(
    "event",
    [
        {"body": None},
        {"body": "[" * 60_000},
        {"body": base64.b64encode(b"\xff\xfe").decode(), "isBase64Encoded": True},
        {"body": "not base64", "isBase64Encoded": True},
    ],
)
def test_broken_body(service: Service, event: dict[str, Any]) -> None:
    status, said = service.post("", **event)
    assert status == 400
    assert said["error"]["type"] == "invalid_request_error"


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "WAITS_SECONDS", (0.0,))


def test_path_that_no_route_knows(service: Service) -> None:
    status, said = service.post(CORRECTION, path="/v1/%66eedback")
    assert (status, said["error"]["code"]) == (404, "unknown_url")
    assert "/v1/feedback" in said["error"]["message"]


def test_the_same_at_once_waits_for_the_first(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_in_progress(service, expires_in_seconds=60)
    (unfinished,) = service.idempotency.scan()["Items"]
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        """Meanwhile the first is done, or has failed and freed the key."""
        waited.append(seconds)
        if len(waited) == 2:
            service.idempotency.delete_item(Key={"id": unfinished["id"]})

    monkeypatch.setattr("lambdas.record_feedback.handler.time.sleep", sleep)
    assert service.post(CORRECTION, "k")[0] == 200
    assert waited == [0.05, 0.1]
    assert len(service.items()) == 1


def test_call_in_progress(service: Service, no_waits: None) -> None:
    leave_in_progress(service, expires_in_seconds=60)
    assert service.post(CORRECTION, "k")[1]["error"]["code"] == "in_progress"
    assert service.items() == []


def test_call_that_crashed_holds_the_key_no_longer_than_it_could_run(service: Service) -> None:
    leave_in_progress(service, expires_in_seconds=-1)
    assert service.post(CORRECTION, "k")[0] == 200
    assert len(service.items()) == 1


def leave_in_progress(service: Service, expires_in_seconds: float) -> None:
    """What a function leaves that was ended in the middle of its work."""
    assert service.post(CORRECTION, "k")[0] == 200
    (record,) = service.idempotency.scan()["Items"]
    expiry = int((time.time() + expires_in_seconds) * 1000)
    record |= {"status": "INPROGRESS", "in_progress_expiration": expiry}
    del record["data"]
    service.idempotency.put_item(Item=record)
    service.feedback.delete_item(Key={"feedback_id": service.items()[0]["feedback_id"]})


def test_failure_is_an_error_of_openais_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEEDBACK_TABLE", "gone")
    status, said = service.post(CORRECTION)
    assert (status, said["error"]["type"]) == (500, "server_error")
    assert service.items() == []


LONG = CORRECTION | {"corrected_output": "10日です。" * 60}


def counting(monkeypatch: pytest.MonkeyPatch, *parts: Any, error: Exception | None = None) -> Any:
    """The endpoint that answers the function with `parts`."""
    runtime = FakeRuntime(*parts, error=error)
    client = boto3.client

    def make(name: str, **settings: Any) -> Any:
        return runtime if name == "sagemaker-runtime" else client(name, **settings)

    monkeypatch.setattr("lambdas.record_feedback.handler.boto3.client", make)
    return runtime


def counted(num_tokens: int) -> bytes:
    return json.dumps({"usage": {"prompt_tokens": num_tokens}}).encode()


def refused(code: str, status: int = 0, said: str = "") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}}
    return ClientError(
        response | {"OriginalStatusCode": status, "OriginalMessage": said}, "InvokeEndpoint"
    )


def test_short_correction_asks_nobody(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = counting(monkeypatch, error=AssertionError("asked"))
    assert service.post(CORRECTION)[0] == 200
    assert runtime.asked == []


def test_it_is_counted_by_an_inference_component_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = counting(monkeypatch, counted(128))
    invoke = runtime.invoke_endpoint

    def invoke_component(**request: Any) -> Any:
        if "InferenceComponentName" not in request:
            said = "Inference Component Name header is required for endpoints to which you …"
            error = {"Code": "ValidationError", "Message": said}
            raise ClientError({"Error": error}, "InvokeEndpoint")
        return invoke(**request)

    runtime.invoke_endpoint = invoke_component
    assert service.post(LONG)[0] == 200
    [request] = runtime.requests
    assert request["InferenceComponentName"] == request["EndpointName"]


def test_a_correction_waits_for_a_model_that_warms(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Inference Component has no capacity to process this request. ApplicationAutoScaling …"
    error = ClientError({"Error": {"Code": "ValidationError", "Message": said}}, "InvokeEndpoint")
    counting(monkeypatch, error=error)
    status, body = service.post(LONG)
    assert (status, body["error"]["code"]) == (503, "model_warming")
    assert service.items() == []


def test_longer_correction_is_counted_by_the_model(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = counting(monkeypatch, counted(128))
    assert service.post(LONG)[0] == 200
    (asked,) = runtime.asked
    assert asked["max_tokens"] == 1
    # The turns before the question can be cut, the question and its answer can't.
    assert asked["messages"] == [
        {"role": "user", "content": "いつ?"},
        {"role": "assistant", "content": LONG["corrected_output"]},
        {"role": "user", "content": "?"},
    ]
    assert len(service.objects()) == 1


@pytest.mark.parametrize(
    ("parts", "error", "said"),
    [
        ([counted(129)], None, "129 tokens; the model learns from at most 128"),
        ([], refused("ModelError", 400, '{"error": {"code": "context_length_exceeded"}}'), "more"),
        ([], refused("ModelError", 400, "This model's maximum context length is 96"), "more tok"),
    ],
)
def test_correction_that_no_training_can_use_is_refused(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[bytes],
    error: Exception | None,
    said: str,
) -> None:
    counting(monkeypatch, *parts, error=error)
    status, answer = service.post(LONG)
    assert (status, answer["error"]["param"]) == (400, "corrected_output")
    assert answer["error"]["code"] == "context_length_exceeded"
    assert said in answer["error"]["message"]
    assert service.items() == service.objects() == []


@pytest.mark.parametrize(
    "error",
    [
        refused("ValidationError"),
        refused("ModelNotReadyException"),
        refused("ModelError", 503, '{"error": {"code": "overloaded"}}'),
        ReadTimeoutError(endpoint_url="https://endpoint"),
    ],
)
def test_nothing_is_lost_where_nobody_can_count_now(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    counting(monkeypatch, error=error)
    headers: dict[str, Any] = {}
    status, said = service.post(LONG, "k", headers_of=headers)
    assert (status, said["error"]["code"]) == (503, "model_not_ready")
    assert headers["retry-after"] == ["10"]
    assert service.items() == service.objects() == []
    function.feedback_store.cache_clear()
    counting(monkeypatch, counted(100))
    assert service.post(LONG, "k")[0] == 200


@pytest.mark.parametrize("error", [refused("ModelError", 500), refused("ModelError", 400, "bad")])
def test_model_that_fails_to_count_is_said(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    counting(monkeypatch, error=error)
    assert service.post(LONG)[0] == 502
    assert service.items() == []


def test_long_comment_or_rating_needs_no_count(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting(monkeypatch, error=AssertionError("asked"))
    said = {"inference_id": "chatcmpl-1", "rating": -1, "comment": "x" * 5_000}
    assert service.post(said)[0] == 200


def test_pages_that_are_named_may_read(service: Service) -> None:
    for origin, found in (("https://chat.example.co.jp", True), ("https://other.example", False)):
        headers: dict[str, Any] = {}
        service.post({}, headers_of=headers, headers={"origin": origin})
        assert (headers.get("access-control-allow-origin") == [origin]) is found


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("cmpl-9", [{"role": "user", "content": "締切は"}]),
        (
            "chatcmpl-9",
            [
                {"role": "user", "content": "締切は?"},
                {"role": "assistant", "content": "", "tool_calls": []},
                {"role": "tool", "content": "10日", "tool_call_id": "c1"},
            ],
        ),
    ],
)
def test_what_is_no_plain_chat_is_not_corrected(
    service: Service, name: str, messages: list[dict[str, Any]]
) -> None:
    table = boto3.resource("dynamodb").Table("inferences")
    known = table.get_item(Key={"inference_id": "chatcmpl-1"})["Item"]
    table.put_item(Item={**known, "inference_id": name, "messages": messages})
    status, said = service.post(CORRECTION | {"inference_id": name})
    assert (status, said["error"]["param"]) == (400, "inference_id")
    assert "chats without tools" in said["error"]["message"]
    assert service.post({"inference_id": name, "rating": -1})[0] == 200
