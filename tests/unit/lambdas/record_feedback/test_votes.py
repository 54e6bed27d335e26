"""Votes on blind comparisons over DynamoDB: counted once, by their own consumer alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.record_feedback import vote_table
from lambdas.record_feedback.correction import CorrectionCheck
from lambdas.record_feedback.feedback_request import FeedbackRequest
from lambdas.record_feedback.feedback_store import FeedbackStore
from lambdas.record_feedback.token_counter import TokenCounter
from lambdas.record_feedback.vote import record_vote
from lambdas.record_feedback.vote_table import MAX_TOPICS, VoteTable
from meguru.api_errors import ApiError
from meguru.comparison import BOTH_BAD, TIE, Candidate, Comparison, Winner

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ANSWERS = {"chatcmpl-a": ("alpha", "5日です"), "chatcmpl-b": ("beta", "10日です")}


class InTurn:
    """A client whose calls come one after the other, as DynamoDB takes them and moto doesn't."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()
        self.exceptions = client.exceptions

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(**request)

        return call


class Ballot:
    """Comparisons that wait for their votes, and what became of them."""

    def __init__(self, votes: Any, feedback: Any, inferences: Any) -> None:
        self.votes, self.feedback, self.inferences = votes, feedback, inferences
        self.table = VoteTable(InTurn(boto3.client("dynamodb")), "votes")
        check = CorrectionCheck(TokenCounter(None), {})
        self.store = FeedbackStore(inferences, feedback, boto3.client("s3"), "lake", check)

    def compare(self, number: int = 1, topic: str = "", consumer: str = "app") -> str:
        comparison = Comparison(
            comparison_id=f"cmpr-{number}",
            consumer=consumer,
            created_at=NOW.isoformat(),
            topic=topic or "japanese",
            is_topic_given=bool(topic),
            candidates=tuple(  # type: ignore[arg-type]
                Candidate(model=model, inference_id=name) for name, (model, _) in ANSWERS.items()
            ),
        )
        self.votes.put_item(Item=comparison.item())
        return comparison.comparison_id

    def vote(self, name: str, winner: Winner, consumer: str = "app", **said: Any) -> Any:
        request = FeedbackRequest(inference_id=name, winner=winner, **said)
        return record_vote(self.table, self.store, request, consumer, datetime.now(UTC))

    def counted(self, name: str) -> dict[str, int]:
        item = self.votes.get_item(Key={"name": name}).get("Item", {})
        return {key: int(value) for key, value in item.items() if key not in ("name", "topics")}

    def said(self) -> dict[str, dict[str, Any]]:
        return {one["inference_id"]: one for one in self.feedback.scan()["Items"]}


@pytest.fixture
def ballot(make_table: Callable[..., Any]) -> Ballot:
    inferences = make_table("inferences", "inference_id")
    for name, (model, answer) in ANSWERS.items():
        inferences.put_item(
            Item={
                "inference_id": name,
                "consumer": "app",
                "messages": [{"role": "user", "content": "締切は?"}],
                "answer": answer,
                "model": model,
                "model_package_arn": f"arn:{model}",
            }
        )
    return Ballot(make_table("votes", "name"), make_table("feedback", "feedback_id"), inferences)


@pytest.mark.parametrize(
    ("winner", "alpha", "beta"),
    [
        (0, "wins", "losses"),
        (1, "losses", "wins"),
        (TIE, "ties", "ties"),
        (BOTH_BAD, "both_bad", "both_bad"),
    ],
)
def test_a_vote_counts_for_both_at_once(
    ballot: Ballot, winner: Winner, alpha: str, beta: str
) -> None:
    ballot.vote(ballot.compare(), winner)
    for model, opponent, outcome in (("alpha", "beta", alpha), ("beta", "alpha", beta)):
        assert ballot.counted(f"scorecard#{model}") == {
            f"all/{outcome}": 1,
            f"opponent/{opponent}/{outcome}": 1,
            f"topic/japanese/{outcome}": 1,
        }


def test_the_models_are_told_after_the_vote(ballot: Ballot) -> None:
    told, _ = ballot.vote(ballot.compare(), 1)
    assert told["winner"] == 1
    assert told["candidates"] == [
        {"index": 0, "model": "alpha", "inference_id": "chatcmpl-a"},
        {"index": 1, "model": "beta", "inference_id": "chatcmpl-b"},
    ]


def test_the_better_answer_is_learnt_beside_the_worse(ballot: Ballot) -> None:
    ballot.vote(ballot.compare(), 1, comment="clear", tags=["a"])
    said = ballot.said()
    worse, better = said["chatcmpl-a"], said["chatcmpl-b"]
    assert (worse["answer"], worse["preferred_answer"]) == ("5日です", "10日です")
    assert {one["preferred_inference_id"] for one in (worse, better)} == {"chatcmpl-b"}
    for one in (worse, better):
        assert (one["pending"], one["comment"], one["tags"]) == ("vote", "clear", ["a"])
        assert one["rating"] == 0


def test_two_bad_answers_are_rated_so(ballot: Ballot) -> None:
    ballot.vote(ballot.compare(), BOTH_BAD)
    said = ballot.said().values()
    assert [(one["rating"], one["preferred_inference_id"]) for one in said] == [(-1, "")] * 2


def test_the_same_vote_again_changes_nothing(ballot: Ballot) -> None:
    name = ballot.compare()
    first, received = ballot.vote(name, 0)
    again, received_again = ballot.vote(name, 0)
    assert first == again
    assert [[one.is_new for one in said] for said in (received, received_again)] == [
        [True, True],
        [False, False],
    ]
    assert ballot.counted("scorecard#alpha")["all/wins"] == 1
    assert len(ballot.said()) == 2


def test_a_second_vote_is_refused(ballot: Ballot) -> None:
    name = ballot.compare()
    ballot.vote(name, 0)
    for other in (1, TIE, BOTH_BAD):
        with pytest.raises(ApiError) as refused:
            ballot.vote(name, other)
        assert (refused.value.status, refused.value.code) == (409, "already_voted")
    assert ballot.counted("scorecard#beta")["all/losses"] == 1
    assert ballot.votes.get_item(Key={"name": name})["Item"]["winner"] == "0"


@pytest.mark.parametrize(("name", "consumer"), [("cmpr-1", "other"), ("cmpr-2", "app")])
def test_another_s_comparison_is_as_unknown_as_none(
    ballot: Ballot, name: str, consumer: str
) -> None:
    ballot.compare()
    with pytest.raises(ApiError) as refused:
        ballot.vote(name, 0, consumer)
    assert (refused.value.status, refused.value.code) == (404, "inference_not_found")
    assert ballot.said() == {}
    assert ballot.counted("scorecard#alpha") == {}


@pytest.mark.parametrize("name", ["scorecard#alpha", "scorecard#alpha#app"])
def test_a_scorecard_is_no_comparison(ballot: Ballot, name: str) -> None:
    ballot.vote(ballot.compare(topic="leave"), 0)
    with pytest.raises(ApiError) as refused:
        ballot.vote(name, 0)
    assert refused.value.status == 404


def test_of_votes_at_once_one_counts(ballot: Ballot) -> None:
    for number in range(3):
        name = ballot.compare(number)

        def vote(winner: Winner, name: str = name) -> bool:
            try:
                ballot.vote(name, winner)
            except ApiError as refused:
                assert refused.code == "already_voted"
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            accepted = list(pool.map(vote, (0, 1, TIE, BOTH_BAD) * 2))
        # Who sends the vote that was first is told so again.
        assert 1 <= sum(accepted) <= 2
    assert (
        sum(count for name, count in ballot.counted("scorecard#alpha").items() if name[:3] == "all")
        == 3
    )


class Busy:
    """A client whose first transactions meet others, as DynamoDB says so."""

    def __init__(self, client: Any, num_conflicts: int) -> None:
        self._client, self.left = client, num_conflicts

    def get_item(self, **request: Any) -> Any:
        return self._client.get_item(**request)

    def transact_write_items(self, **request: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            return self._client.transact_write_items(**request)
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]
        said = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(said, "TransactWriteItems")


def test_votes_that_meet_are_tried_again(ballot: Ballot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote_table, "PAUSE_SECONDS", 0.0)
    client = boto3.client("dynamodb")
    ballot.table = VoteTable(Busy(client, 3), "votes")
    ballot.vote(ballot.compare(1), 0)
    assert ballot.counted("scorecard#alpha")["all/wins"] == 1
    ballot.table = VoteTable(Busy(client, 1000), "votes")
    with pytest.raises(ApiError) as refused:
        ballot.vote(ballot.compare(2), 0)
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert ballot.counted("scorecard#alpha")["all/wins"] == 1


def test_a_vote_that_ended_halfway_is_ended_by_the_next_try(ballot: Ballot) -> None:
    name = ballot.compare()
    ballot.table.vote(ballot.table.find(name, "app"), 0, NOW)
    assert ballot.said() == {}
    told, received = ballot.vote(name, 0)
    assert (told["created_at"], len(received)) == (NOW.isoformat(), 2)
    assert ballot.counted("scorecard#alpha")["all/wins"] == 1


def test_nothing_is_counted_before_the_answers_are_recorded(ballot: Ballot) -> None:
    name = ballot.compare()
    ballot.inferences.delete_item(Key={"inference_id": "chatcmpl-b"})
    with pytest.raises(ApiError) as refused:
        ballot.vote(name, 0)
    assert (refused.value.status, refused.value.code) == (409, "in_progress")
    assert ballot.counted("scorecard#alpha") == {}


def test_a_consumer_s_own_topics_are_counted_apart(ballot: Ballot) -> None:
    ballot.vote(ballot.compare(topic="経費"), 0)
    assert "topic/経費/wins" not in ballot.counted("scorecard#alpha")
    assert ballot.counted("scorecard#alpha#app") == {"topic/経費/wins": 1}
    assert ballot.counted("scorecard#beta#app") == {"topic/経費/losses": 1}


def test_topics_are_so_many_at_most(ballot: Ballot) -> None:
    topics = frozenset(f"t{number}" for number in range(MAX_TOPICS))
    ballot.votes.put_item(Item={"name": "scorecard#beta#app", "topics": set(topics)})
    ballot.vote(ballot.compare(1, "t7"), 0)
    ballot.vote(ballot.compare(2, "new"), 0)
    # Of both models in the same way, or they would not fit together.
    assert ballot.counted("scorecard#beta#app") == {"topic/t7/losses": 1, "topic/other/losses": 1}
    assert ballot.counted("scorecard#alpha#app") == {"topic/t7/wins": 1, "topic/other/wins": 1}
