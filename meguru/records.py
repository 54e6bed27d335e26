"""Records that outlive a request: what was answered, by which model, and what people said of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from meguru.consumer import FULL
from meguru.fingerprint import fingerprint

# What an answer was given, and may wait to be learnt: a better one, or a vote alone.
CORRECTION, VOTE = "correction", "vote"
FEEDBACK_KINDS = (CORRECTION, VOTE)


@dataclass(frozen=True, kw_only=True)
class Inference:
    """One answer. `inference_id` is the completion's id; `created_at` is ISO 8601 in UTC.

    `messages` are the caller's; the prompt that the model read before them is `prompt_version`'s,
    which is empty where there was none. Its tokens are in `prompt_tokens`. Where several answers
    were asked for, `other_answers` are those after the first. `latency_ms` is from the request to
    the end: `policy_ms` until the model was asked, `queue_ms` until its server began to answer,
    `first_token_ms` until there was text, `rest_ms` until the end. `guard_rule` is a rule that
    kept something back or changed it; `flaw` is what is wrong with the answer by itself (guarded,
    empty, repeated), and `of_new_version` says that a version gave it that isn't released yet, as
    far as was known. `log` is how much of the texts is kept (`LOG_POLICIES`);
    `num_messages` and `num_characters` are the messages and, with the answers, their characters
    before anything was left out, and `is_shortened` says that the texts were too long to be kept.
    """

    inference_id: str
    created_at: str
    consumer: str
    model: str
    model_package_arn: str
    messages: list[dict[str, Any]]
    answer: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    latency_ms: int
    prompt_version: str = ""
    other_answers: list[str] = field(default_factory=list)
    policy_ms: int = 0
    queue_ms: int = 0
    first_token_ms: int = 0
    rest_ms: int = 0
    cached: bool = False
    guard_rule: str = ""
    flaw: str = ""
    of_new_version: bool = False
    log: str = FULL
    num_messages: int = 0
    num_characters: int = 0
    is_shortened: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What a consumer said of one answer, with the question and answer it was said of.

    `rating` is 1 (good), -1 (bad) or 0 (none given). A correction is feedback with the right
    answer in `corrected_output`; `model` is the API's name of the model that answered. `context` is
    the messages before the question, oldest first, each with `role` and `content`. Where another
    answer to the same was better, `preferred_answer` is what it said.
    """

    inference_id: str
    consumer: str
    created_at: str
    rating: int
    question: str
    answer: str
    model_package_arn: str
    reasons: list[str] = field(default_factory=list)
    comment: str = ""
    corrected_output: str = ""
    preferred_inference_id: str = ""
    preferred_answer: str = ""
    model: str = ""
    tags: list[str] = field(default_factory=list)
    context: list[dict[str, str]] = field(default_factory=list)

    @property
    def feedback_id(self) -> str:
        """The same feedback has the same id, so that it counts once however often it is sent."""
        said = asdict(self)
        del said["created_at"]
        # They follow from the inferences, and earlier feedback was kept without.
        del said["context"], said["preferred_answer"]
        return f"fb-{fingerprint(said)[:32]}"

    def as_dict(self) -> dict[str, Any]:
        return {"feedback_id": self.feedback_id, **asdict(self)}
