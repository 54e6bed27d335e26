"""Records feedback on an answer: POST /v1/feedback."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyValidationError,
)
from botocore.config import Config

from lambdas.record_feedback.correction import CorrectionCheck
from lambdas.record_feedback.feedback_request import FeedbackRequest, parse_feedback_request
from lambdas.record_feedback.feedback_store import FeedbackStore
from lambdas.record_feedback.settings import Settings
from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError, unknown_path
from meguru.consumer_directory import ConsumerDirectory
from meguru.cors import cors_headers
from meguru.fingerprint import fingerprint
from meguru.names import BAD_ANSWER_METRIC, METRIC_NAMESPACE, NEW_VERSION, THUMBS_DOWN_METRIC
from meguru.records import Feedback

IDEMPOTENCY_HEADER = "Idempotency-Key"
# The model has this long to count a correction's tokens.
COUNT_SECONDS = 8
# Who sends the same twice at once (a double click) waits for the first to be recorded.
WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)

app = APIGatewayRestResolver()
logger = Logger(service="record_feedback")
metrics = Metrics(namespace=METRIC_NAMESPACE, service="record_feedback")


@app.post("/v1/feedback")
def post_feedback() -> Response[dict[str, Any]]:
    event = app.current_event
    consumer = consumers().of_key(event.request_context.identity.api_key_id or "").name
    request = parse_feedback_request(_body(event))
    # One consumer's key never meets another's; without a key the content is its own.
    key = fingerprint([consumer, event.headers.get(IDEMPOTENCY_HEADER) or asdict(request)])
    try:
        recorded = record_in_turn({"key": key, "said": asdict(request)}, consumer)
    except IdempotencyValidationError as error:
        raise ApiError(
            409, f"This {IDEMPOTENCY_HEADER} was used for other feedback.", code="idempotency_error"
        ) from error
    except IdempotencyAlreadyInProgressError as error:
        raise ApiError(409, "The same feedback is being recorded.", code="in_progress") from error
    return _json(200, recorded)


@app.not_found
def refuse_path(error: NotFoundError) -> Response[dict[str, Any]]:
    refusal = unknown_path()
    return _json(refusal.status, refusal.body())


@app.exception_handler(ApiError)
def send_error(error: ApiError) -> Response[dict[str, Any]]:
    return _json(error.status, error.body(), error.headers())


@app.exception_handler(Exception)
def send_server_error(error: Exception) -> Response[dict[str, Any]]:
    logger.exception("the request failed", exc_info=error)
    message = "The server had an error. Try again."
    return _json(500, ApiError(500, message, code="internal_error").body())


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    idempotency().register_lambda_context(context)
    return app.resolve(event, context)


@cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def consumers() -> ConsumerDirectory:
    table = boto3.resource("dynamodb").Table(settings().consumer_table)
    return ConsumerDirectory(table)


@cache
def idempotency() -> IdempotencyConfig:
    return IdempotencyConfig(
        event_key_jmespath="key", payload_validation_jmespath="said", expires_after_seconds=86_400
    )


@cache
def feedback_store() -> FeedbackStore:
    dynamodb = boto3.resource("dynamodb")
    return FeedbackStore(
        dynamodb.Table(settings().inference_table),
        dynamodb.Table(settings().feedback_table),
        boto3.client("s3"),
        settings().lake_bucket,
        correction_check(),
    )


def correction_check() -> CorrectionCheck:
    # A count is asked for once and soon: who waits for it is told to come again.
    config = Config(
        connect_timeout=2, read_timeout=COUNT_SECONDS, retries={"total_max_attempts": 1}
    )
    runtime = boto3.client("sagemaker-runtime", config=config)
    return CorrectionCheck(TokenCounter(runtime), settings().models)


@cache
def record_once() -> Any:
    """`record`, kept from doing the same work twice (made once, with the environment's table)."""
    return idempotent_function(
        record,
        data_keyword_argument="attempt",
        persistence_store=DynamoDBPersistenceLayer(settings().idempotency_table),
        config=idempotency(),
    )


def record_in_turn(attempt: dict[str, Any], consumer: str) -> dict[str, Any]:
    """`record`, or what it gave the same attempt before, waiting a little for one under way."""
    for seconds in WAITS_SECONDS:
        try:
            return _record_once(attempt, consumer)
        except IdempotencyAlreadyInProgressError:
            time.sleep(seconds)
    return _record_once(attempt, consumer)


def _record_once(attempt: dict[str, Any], consumer: str) -> dict[str, Any]:
    recorded: dict[str, Any] = record_once()(attempt=attempt, consumer=consumer)
    return recorded


def _body(event: APIGatewayProxyEvent) -> str | None:
    try:
        return event.decoded_body
    except ValueError as error:
        raise ApiError(400, "The body is not UTF-8 text.", code="invalid_json") from error


def record(*, attempt: dict[str, Any], consumer: str) -> dict[str, Any]:
    request = FeedbackRequest(**attempt["said"])
    feedback, is_new, is_of_new_version = feedback_store().record(
        request, consumer, datetime.now(UTC)
    )
    if is_new:
        metrics.add_dimension(name="environment", value=settings().environment_name)
        metrics.add_metric(name="FeedbackReceived", unit=MetricUnit.Count, value=1)
        measure_quality(feedback)
        if is_of_new_version and feedback.rating < 0:
            measure(feedback, THUMBS_DOWN_METRIC, 1, version=NEW_VERSION)
    return {
        "id": feedback.feedback_id,
        "object": "feedback",
        "inference_id": feedback.inference_id,
        "created_at": feedback.created_at,
    }


def measure_quality(feedback: Feedback) -> None:
    """A sample of how good the model's answers are, where somebody has said so."""
    if not feedback.rating and not feedback.corrected_output:
        return
    is_bad = feedback.rating < 0 or bool(feedback.corrected_output)
    measure(feedback, BAD_ANSWER_METRIC, int(is_bad))


def measure(feedback: Feedback, name: str, value: int, **dimensions: str) -> None:
    """A sample of a metric by the model that the feedback is on, and by `dimensions`."""
    of_model = {"environment": settings().environment_name, "model": feedback.model}
    with single_metric(name, MetricUnit.Count, value, namespace=METRIC_NAMESPACE) as metric:
        for dimension, text in {**of_model, **dimensions}.items():
            metric.add_dimension(dimension, text)


def _json(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> Response[dict[str, Any]]:
    event = app.current_event
    cors = cors_headers(event.headers.get("origin"), settings().cors_origins)
    request_id = event.request_context.request_id or ""
    return Response(
        status_code=status,
        content_type=content_types.APPLICATION_JSON,
        body=body,
        headers={"x-request-id": request_id, **cors, **(headers or {})},
    )
