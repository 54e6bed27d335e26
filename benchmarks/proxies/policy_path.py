"""What the policies themselves take of a request: stores, model and log answer at once."""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.measuring import Row
from benchmarks.proxies.load import question
from benchmarks.proxies.model_server import ATTRIBUTES, PACKAGE, WHOLE
from benchmarks.proxies.our_gateway import BILLING, CONSUMER, GUARD, LIMITS, MODEL
from lambdas.answer_request.admission import admit
from lambdas.answer_request.answer import Answer
from lambdas.answer_request.caching import Caching
from lambdas.answer_request.endpoint import TextEndpoint
from lambdas.answer_request.guards import Guards
from lambdas.answer_request.inference_log import InferenceLog
from lambdas.answer_request.pipeline import Model, Pipeline
from lambdas.answer_request.single_flight import SingleFlight
from lambdas.authorize_request.handler import handler
from meguru.cache_key import Version
from meguru.conditional_update import ConditionFailed
from meguru.consumer import Consumer
from meguru.guard_rules import GuardRules
from meguru.ledger import Ledger
from tests.unit.lambdas.answer_request.memory_store import MemoryStore

NUM_WARM_UP, NUM_REQUESTS = 200, 3000
VERSION = Version(PACKAGE, "r-1")
EVENT = {"headers": {"authorization": "Bearer mgr-benchmark"}, "methodArn": "arn:m"}


class Stores:
    """DynamoDB and SageMaker without a way there: everything holds, and the model has said it."""

    class exceptions:  # noqa: N801
        ConditionalCheckFailedException = ConditionFailed

    def update_item(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": {}}

    def put_item(self, **request: Any) -> dict[str, Any]:
        return {}

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        return {"Body": self, "CustomAttributes": ATTRIBUTES}

    def read(self) -> bytes:
        return WHOLE


def policy_path_row() -> Row:
    """From a request's bytes to its answer's, in the thread's own processor time."""
    stores, consumer = (
        Stores(),
        Consumer.from_item({"consumer": CONSUMER, "log": "redacted", **LIMITS}),
    )
    pipeline = Pipeline(
        models={MODEL: Model(TextEndpoint(stores, "text"), 4096)},
        log=InferenceLog(stores, "inferences", stores, "", 30),
        ledger=Ledger(stores, "ledger", BILLING),
        guard=Guards([GuardRules.read(GUARD)]),
        caching=Caching(SingleFlight(MemoryStore(), 300), lambda _: VERSION),
    )
    times = []
    for number in range(NUM_WARM_UP + NUM_REQUESTS):
        content = question(MODEL, 64, streams=False)
        begun = time.thread_time()
        handler(EVENT, None)
        answer = Answer(admit("/v1/chat/completions", content), consumer)
        json.dumps(pipeline.complete(answer), ensure_ascii=False).encode()
        if number >= NUM_WARM_UP:
            times.append((time.thread_time() - begun) * 1000)
    p99 = sorted(times)[len(times) * 99 // 100]
    return Row("all policies without stores, p99, processor ms", p99, goal="<= 1")
