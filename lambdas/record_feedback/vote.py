"""A vote on a blind comparison: counted once, and learnt as feedback on both answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from lambdas.record_feedback.feedback_request import FeedbackRequest
from lambdas.record_feedback.feedback_store import FeedbackStore, Recorded
from lambdas.record_feedback.vote_table import VoteTable
from meguru.api_errors import ApiError
from meguru.comparison import BOTH_BAD, Comparison
from meguru.records import Feedback


def record_vote(
    votes: VoteTable, store: FeedbackStore, request: FeedbackRequest, consumer: str, now: datetime
) -> tuple[dict[str, Any], list[Recorded]]:
    """What is answered, which names the models now, and what is kept of it on each answer.

    Sent again, it ends what an earlier try may have begun. ApiError where it is another consumer's
    comparison, or has another vote.
    """
    assert request.winner is not None
    comparison = votes.find(request.inference_id, consumer)
    if not all(store.is_recorded(one.inference_id) for one in comparison.candidates):
        raise ApiError(409, "The answers are being recorded. Try again.", code="in_progress")
    comparison = votes.vote(comparison, request.winner, now)
    voted_at = datetime.fromisoformat(comparison.voted_at)
    recorded = [
        store.record(said, consumer, voted_at) for said in of_each_answer(comparison, request)
    ]
    return _told(comparison, recorded[0].feedback), recorded


def of_each_answer(comparison: Comparison, request: FeedbackRequest) -> list[FeedbackRequest]:
    """What the vote says of each of the two.

    The better one is preferred to itself too: that is a vote for it, of which nothing is learnt.
    """
    winner, answers = comparison.winner, [one.inference_id for one in comparison.candidates]
    said = replace(
        request,
        winner=None,
        rating=-1 if winner == BOTH_BAD else 0,
        preferred_inference_id=answers[winner] if isinstance(winner, int) else "",
    )
    return [replace(said, inference_id=answer) for answer in answers]


def _told(comparison: Comparison, feedback: Feedback) -> dict[str, Any]:
    return {
        "id": feedback.feedback_id,
        "object": "feedback",
        "inference_id": comparison.comparison_id,
        "created_at": comparison.voted_at,
        "winner": comparison.winner,
        "candidates": [
            {"index": index, "model": one.model, "inference_id": one.inference_id}
            for index, one in enumerate(comparison.candidates)
        ],
    }
