"""Where feedback is kept: beside its inference for look-up, and in the lake for training."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from lambdas.record_feedback.correction import CorrectionCheck, split_conversation
from lambdas.record_feedback.feedback_request import FeedbackRequest
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.consumer import FULL, REDACTED
from meguru.names import feedback_key
from meguru.personal_data import redact
from meguru.records import CORRECTION, VOTE, Feedback

# How long an inference is looked for that isn't there: it may have been answered just now.
WAITS_SECONDS = (0.05, 0.25)
# A vote says something of a release for so long; after that it may be another's.
VOTE_COUNTS = timedelta(minutes=15)
ALREADY_THERE = ("PreconditionFailed", "ConditionalRequestConflict")


class Recorded(NamedTuple):
    """What is kept, whether it wasn't before, and whether a version on trial is meant by it."""

    feedback: Feedback
    is_new: bool
    is_of_new_version: bool


class FeedbackStore:
    """The feedback of one account. Recording the same feedback again changes nothing."""

    def __init__(
        self, inferences: Any, feedback: Any, s3: Any, bucket: str, check: CorrectionCheck
    ) -> None:
        self._inferences, self._feedback = inferences, feedback
        self._s3, self._bucket, self._check = s3, bucket, check

    def record(self, request: FeedbackRequest, consumer: str, now: datetime) -> Recorded:
        """Tie what was said to the inference it was said of, and keep both.

        An inference of another consumer is as unknown
        as one that never was.
        """
        inference = self._inference(request.inference_id, consumer, "inference_id")
        context, question = split_conversation(inference["messages"])
        preferred_answer = ""
        if preferred_id := request.preferred_inference_id:
            preferred = self._inference(preferred_id, consumer, "preferred_inference_id")
            # An answer to something else is no better answer to this.
            if split_conversation(preferred["messages"]) == (context, question):
                preferred_answer = preferred["answer"]
        policy = inference.get("log", FULL)
        corrected = _kept(request.corrected_output, policy)
        if request.corrected_output:
            _refuse_without_texts(policy)
            _refuse_other_than_chats(inference)
            self._check.refuse_unlearnable(inference["model"], context, question, corrected)
        feedback = Feedback(
            inference_id=request.inference_id,
            consumer=consumer,
            created_at=now.isoformat(),
            rating=request.rating,
            context=context,
            question=question,
            answer=inference["answer"],
            model=inference["model"],
            model_package_arn=inference["model_package_arn"],
            reasons=request.reasons,
            comment=_kept(request.comment, policy),
            corrected_output=corrected,
            preferred_inference_id=request.preferred_inference_id,
            preferred_answer=preferred_answer,
            tags=[tag if policy == FULL else redact(tag) for tag in request.tags],
        )
        # The lake first: what the table counts has to be there when training starts.
        self._put_in_lake(feedback, now)
        kept_since = self._put_in_table(feedback)
        kept = replace(feedback, created_at=kept_since or feedback.created_at)
        return Recorded(kept, not kept_since, _is_of_release(inference, now))

    def _inference(self, inference_id: str, consumer: str, param: str) -> dict[str, Any]:
        item = self._read_soon(inference_id)
        if item is None or item["consumer"] != consumer:
            raise ApiError(
                404,
                f"There is no inference '{inference_id[:100]}'. Give the 'id' of a completion "
                "this API key's consumer received.",
                code="inference_not_found",
                param=param,
            )
        return item

    def is_recorded(self, inference_id: str) -> bool:
        """Whether an answer's record is there by now."""
        return self._read_soon(inference_id) is not None

    def _read_soon(self, inference_id: str) -> dict[str, Any] | None:
        item = self._read(inference_id)
        for seconds in WAITS_SECONDS:
            if item is not None:
                break
            # Whoever streams has the end before the record is there.
            time.sleep(seconds)
            item = self._read(inference_id)
        return item

    def _read(self, inference_id: str) -> dict[str, Any] | None:
        found = self._inferences.get_item(Key={"inference_id": inference_id}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def _put_in_lake(self, feedback: Feedback, now: datetime) -> None:
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=feedback_key(now.date(), feedback.feedback_id),
                Body=json.dumps(feedback.as_dict(), ensure_ascii=False).encode(),
                ContentType="application/json",
                # Said again, it keeps its time: the newest of several corrections counts.
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ALREADY_THERE:
                raise

    def _put_in_table(self, feedback: Feedback) -> str | None:
        """Since when the same is there already, if it is."""
        item = feedback.as_dict()
        # Sparse index: only what can be learnt waits for it.
        if feedback.corrected_output:
            item["pending"] = CORRECTION
        elif (feedback.rating or feedback.preferred_answer) and feedback.question:
            item["pending"] = VOTE
        try:
            self._feedback.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(feedback_id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return str(error.response["Item"]["created_at"]["S"])
        return None


def _is_of_release(inference: Mapping[str, Any], now: datetime) -> bool:
    if not inference.get("of_new_version"):
        return False
    return now - datetime.fromisoformat(inference["created_at"]) <= VOTE_COUNTS


def _kept(text: str, policy: str) -> str:
    """What may be kept of what people say: as much as of the answer that they say it of."""
    if policy == FULL:
        return text
    return redact(text) if policy == REDACTED else ""


def _refuse_without_texts(policy: str) -> None:
    if policy not in (FULL, REDACTED):
        raise ApiError(
            400,
            "Nothing can be learnt of this answer: by the log policy of its consumer "
            f"('{policy}') its question was not kept. A rating can be given.",
            code="question_not_kept",
            param="corrected_output",
        )


def _refuse_other_than_chats(inference: Mapping[str, Any]) -> None:
    """What is learnt are questions and answers, without what tools said in between."""
    said = inference["messages"]
    has_tools = any(one["role"] == "tool" or "tool_calls" in one for one in said)
    if has_tools or not inference["inference_id"].startswith(ChatRequest.id_prefix):
        raise ApiError(
            400,
            "Corrections are learnt of chats without tools; this answer is of something else.",
            code="invalid_value",
            param="inference_id",
        )
