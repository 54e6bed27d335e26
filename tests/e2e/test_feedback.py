"""Feedback: tied to its inference and its consumer, and counted once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.e2e.loop_cloud import MODEL, LoopCloud

Ask = Callable[[], str]


@pytest.fixture(scope="module")
def inference_id(cloud: LoopCloud) -> str:
    """An answer that the declared consumer received."""
    completion = cloud.openai_client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "締切は?"}], max_tokens=4
    )
    return completion.id


def send(cloud: LoopCloud, body: Any, key: str = "", **headers: str) -> requests.Response:
    return requests.post(
        f"{cloud.outputs['ApiBase']}/feedback",
        json=body,
        headers={"authorization": f"Bearer {key or cloud.account.api_key}", **headers},
        timeout=60,
    )


def of(cloud: LoopCloud, inference_id: str, comment: str) -> list[dict[str, Any]]:
    """The feedback table's items on an inference with this comment."""
    return [
        item
        for item in cloud.items("Feedback")
        if item["inference_id"]["S"] == inference_id and item["comment"]["S"] == comment
    ]


def test_feedback_is_kept_in_the_table_and_in_the_lake(cloud: LoopCloud, inference_id: str) -> None:
    before = cloud.counts()
    answer = send(cloud, {"inference_id": inference_id, "rating": "up", "comment": "kept"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["object"] == "feedback"
    [item] = of(cloud, inference_id, "kept")
    assert item["feedback_id"]["S"] == body["id"]
    assert item["model_package_arn"]["S"] == cloud.serving()
    after = cloud.counts()
    assert (after["Feedback"], after["lake"]) == (before["Feedback"] + 1, before["lake"] + 1)


def test_a_duplicate_counts_once(cloud: LoopCloud, inference_id: str) -> None:
    body = {"inference_id": inference_id, "rating": -1, "comment": "twice"}
    first, second = send(cloud, body), send(cloud, body)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert len(of(cloud, inference_id, "twice")) == 1


def test_many_duplicates_at_once_count_once(cloud: LoopCloud, inference_id: str) -> None:
    body = {"inference_id": inference_id, "rating": -1, "comment": "at once"}
    lake = cloud.counts()["lake"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(cloud, body), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["created_at"] for answer in answers}) == 1
    assert len(of(cloud, inference_id, "at once")) == 1
    assert cloud.counts()["lake"] == lake + 1


def test_an_idempotency_key_names_one_feedback(cloud: LoopCloud, inference_id: str) -> None:
    body = {"inference_id": inference_id, "comment": "by key"}
    first = send(cloud, body, **{"Idempotency-Key": "k1"})
    again = send(cloud, body, **{"Idempotency-Key": "k1"})
    other = send(cloud, {**body, "comment": "another"}, **{"Idempotency-Key": "k1"})
    assert first.json() == again.json()
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "idempotency_error"
    assert of(cloud, inference_id, "another") == []


def test_one_consumer_s_idempotency_key_is_not_another_s(
    cloud: LoopCloud, inference_id: str
) -> None:
    body = {"inference_id": inference_id, "comment": "mine"}
    assert send(cloud, body, **{"Idempotency-Key": "k2"}).status_code == 200
    other = send(cloud, body, cloud.create_key("stranger"), **{"Idempotency-Key": "k2"})
    assert other.status_code == 404


def test_another_key_s_inference_is_unknown(cloud: LoopCloud, inference_id: str) -> None:
    before = cloud.counts()
    theirs = cloud.create_key("theirs")
    unknown = send(cloud, {"inference_id": "chatcmpl-unknown", "rating": 1}, theirs)
    foreign = send(cloud, {"inference_id": inference_id, "rating": 1}, theirs)
    assert unknown.status_code == foreign.status_code == 404
    assert unknown.json()["error"]["code"] == foreign.json()["error"]["code"]
    assert (
        foreign.json()["error"]["message"].replace(inference_id, "chatcmpl-unknown")
        == (unknown.json()["error"]["message"])
    )
    assert cloud.counts() == before


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"inference_id": None}, "inference_id"),
        ({"inference_id": ""}, "inference_id"),
        ({"inference_id": 7}, "inference_id"),
        ({"inference_id": ["a"]}, "inference_id"),
        ({"rating": 2}, "rating"),
        ({"rating": True}, "rating"),
        ({"rating": 0.5}, "rating"),
        ({"rating": [1]}, "rating"),
        ({"reasons": "incorrect"}, "reasons"),
        ({"reasons": [1]}, "reasons"),
        ({"reasons": [None]}, "reasons"),
        ({"reasons": ["a"] * 21}, "reasons"),
        ({"comment": {"a": 1}}, "comment"),
        ({"comment": "x" * 20_001}, "comment"),
        ({"corrected_output": 7}, "corrected_output"),
        ({"corrected_output": "\ud800"}, "corrected_output"),
        ({"inference_id": "\ud800"}, "inference_id"),
        ({"preferred_inference_id": "chatcmpl-unknown"}, "preferred_inference_id"),
        ({"stars": 5}, "stars"),
    ],
    ids=str,
)
def test_hostile_feedback_is_refused(
    cloud: LoopCloud, inference_id: str, changes: dict[str, Any], param: str
) -> None:
    before = cloud.counts()
    answer = send(cloud, {"inference_id": inference_id, "rating": 1, **changes})
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["error"]["param"] == param
    assert cloud.counts() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", "訂正".encode("cp932"), b"[" * 60_000, b'{"a":NaN}'],
)
def test_a_body_that_is_no_object_is_refused(cloud: LoopCloud, content: bytes) -> None:
    answer = requests.post(
        f"{cloud.outputs['ApiBase']}/feedback",
        data=content,
        headers={"x-api-key": cloud.account.api_key, "content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_feedback_that_says_nothing_is_refused(cloud: LoopCloud, inference_id: str) -> None:
    assert send(cloud, {"inference_id": inference_id}).status_code == 400


def test_a_long_correction_is_counted_by_the_model_it_is_of(
    cloud: LoopCloud, inference_id: str
) -> None:
    """More bytes than tokens that the model takes: whether it is too long only the model knows."""
    answer = send(cloud, {"inference_id": inference_id, "corrected_output": "On day 10. " * 9})
    assert answer.status_code == 200, answer.text
    before = cloud.counts()
    answer = send(cloud, {"inference_id": inference_id, "corrected_output": "翌月の5日です。" * 40})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert cloud.counts() == before


def test_a_correction_takes_the_turns_before_its_question_along(cloud: LoopCloud) -> None:
    turns = [{"role": "user", "content": "締切は?"}, {"role": "assistant", "content": "10日です"}]
    completion = cloud.openai_client().chat.completions.create(
        model=MODEL,
        messages=[*turns, {"role": "user", "content": "過ぎたら?"}],  # type: ignore[list-item]
        max_tokens=4,
    )
    answer = send(cloud, {"inference_id": completion.id, "corrected_output": "翌月です。"})
    assert answer.status_code == 200, answer.text
    [item] = of(cloud, completion.id, "")
    kept = [{k: v["S"] for k, v in one["M"].items()} for one in item["context"]["L"]]
    assert kept == turns
