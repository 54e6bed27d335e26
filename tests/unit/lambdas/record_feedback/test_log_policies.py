"""Feedback keeps no more than the log policy of the answer that it is of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from meguru.log_policy import kept
from meguru.records import Inference
from tests.unit.lambdas.record_feedback.test_handler import Service, service

__all__ = ["service"]

NUMBER = "090-1234-5678"
ASKED = [{"role": "user", "content": f"{NUMBER}は誰?"}]
COMMENT = {"rating": -1, "comment": f"{NUMBER}に電話しました", "tags": [NUMBER, "昼"]}
CORRECTED = {"rating": -1, "corrected_output": f"佐藤です。{NUMBER}"}


@pytest.fixture(params=["redacted", "summary", "of-a-later-release"])
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def answered(service: Service, policy: str) -> Iterator[Service]:
    """Two answers to one question, as the inference log keeps them under the policy."""
    table = boto3.resource("dynamodb").Table("inferences")
    for number in (8, 9):
        inference = Inference(
            inference_id=f"chatcmpl-{number}",
            created_at="2026-11-27T00:00:00+00:00",
            consumer="a",
            model="meguru-text",
            model_package_arn="arn:p",
            messages=ASKED,
            answer=f"鈴木です。{NUMBER}" if number == 8 else "佐藤です。",
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=1,
            latency_ms=1,
        )
        table.put_item(Item=kept(inference, policy).as_dict())
    yield service


def everything_kept(service: Service) -> str:
    """Of feedback, wherever: in the table, the lake, and what keeps it from being kept twice."""
    found: list[Any] = [service.items(), service.objects(), service.idempotency.scan()["Items"]]
    return json.dumps(found, ensure_ascii=False, default=str)


def test_no_number_is_kept_of_a_comment(answered: Service, policy: str) -> None:
    status, _ = answered.post({"inference_id": "chatcmpl-8", **COMMENT}, key="once")
    assert status == 200
    assert "1234" not in everything_kept(answered)
    [item] = answered.items()
    said = "[phone]に電話しました" if policy == "redacted" else ""
    assert (item["comment"], item["tags"]) == (said, ["[phone]", "昼"])
    assert (item["rating"], item["consumer"]) == (-1, "a")


def test_a_correction_is_redacted_or_refused(answered: Service, policy: str) -> None:
    status, said = answered.post({"inference_id": "chatcmpl-8", **CORRECTED}, key="once")
    if policy == "redacted":
        assert status == 200
        [item] = answered.items()
        assert (item["question"], item["pending"]) == ("[phone]は誰?", "correction")
        assert (item["corrected_output"], item["answer"]) == (
            "佐藤です。[phone]",
            "鈴木です。[phone]",
        )
    else:
        assert (status, said["error"]["code"]) == (400, "question_not_kept")
        assert answered.items() == answered.objects() == []
    assert "1234" not in everything_kept(answered)


def test_a_vote_is_learnt_only_of_a_question_that_was_kept(answered: Service, policy: str) -> None:
    said = {"inference_id": "chatcmpl-8", "preferred_inference_id": "chatcmpl-9", "rating": -1}
    assert answered.post(said)[0] == 200
    [item] = answered.items()
    is_kept = policy == "redacted"
    assert item.get("pending") == ("vote" if is_kept else None)
    assert item["preferred_answer"] == ("佐藤です。" if is_kept else "")
