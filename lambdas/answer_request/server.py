"""The function's web server, behind the Lambda Web Adapter: what is generated, and its usage.

Lambda gives a process one request at a time, so the standard library's server is enough, and a
cold start imports no framework.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lambdas.answer_request.admission import admit
from lambdas.answer_request.answer import Answer
from lambdas.answer_request.cache_choice import make_caching
from lambdas.answer_request.comparison_table import ComparisonTable
from lambdas.answer_request.endpoint import RUNTIME, TextEndpoint
from lambdas.answer_request.guards import read_guard
from lambdas.answer_request.http_exchange import HttpExchange
from lambdas.answer_request.inference_log import IMPATIENT, InferenceLog
from lambdas.answer_request.own_usage import OwnUsage
from lambdas.answer_request.pipeline import Chunks, Model, Pipeline
from lambdas.answer_request.ports import Consumers
from lambdas.answer_request.serving import ServingVersions
from lambdas.answer_request.settings import Settings
from lambdas.answer_request.side_by_side import SideBySide
from lambdas.answer_request.signed.clients import DynamoDb, SageMakerRuntime, Sqs, Table
from lambdas.answer_request.warm_up import WarmUp
from meguru.api_errors import ApiError, unknown_path
from meguru.consumer import Consumer
from meguru.consumer_directory import ConsumerDirectory
from meguru.embedding_request import EmbeddingRequest
from meguru.ledger import Ledger
from meguru.variables import variables

USAGE_PATH = "/v1/usage"

logger = logging.getLogger(__name__)


class RequestServer(ThreadingHTTPServer):
    """Takes requests of the API; who calls, `consumers` says. Pages from `origins` may read."""

    def __init__(
        self,
        address: tuple[str, int],
        pipeline: Pipeline,
        consumers: Consumers,
        usage: OwnUsage | None = None,
        origins: Collection[str] = (),
    ) -> None:
        super().__init__(address, RequestHandler)
        self.pipeline, self.consumers = pipeline, consumers
        self.usage, self.origins = usage, origins


class RequestHandler(HttpExchange):
    """One request, from whoever calls to the answer."""

    server: RequestServer

    @property
    def origins(self) -> Collection[str]:
        return self.server.origins

    def do_GET(self) -> None:  # noqa: N802
        if urlsplit(self.path).path == "/":
            # The adapter asks here until the server is ready.
            self.prepare()
            self.send_json(200, {"status": "ready"})
        else:
            self._answer_or_refuse()

    def do_POST(self) -> None:  # noqa: N802
        self._answer_or_refuse()

    def _answer_or_refuse(self) -> None:
        self.prepare()
        try:
            self._answer_or_say_why()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer_or_say_why(self) -> None:
        try:
            if self.command == "GET":
                self._report_usage()
            else:
                self._generate()
        except ApiError as error:
            self.send_api_error(error)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception:
            logger.exception("the request failed")
            self.close_connection = True
            message = "The server had an error. Try again."
            # Also where the answer was there and only its record could not be kept.
            is_made = self.command == "POST"
            self.send_api_error(
                ApiError(500, message, code="internal_error", may_have_answered=is_made)
            )

    def _consumer(self) -> Consumer:
        key_id: str = self.context["identity"]["apiKeyId"]
        return self.server.consumers.of_key(key_id)

    def _report_usage(self) -> None:
        # Unread, it would be taken for the next request.
        self.read_body()
        if self.route != USAGE_PATH or self.server.usage is None:
            raise unknown_path()
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        self.send_json(200, self.server.usage.report(self._consumer(), asked))

    def _generate(self) -> None:
        content = self.read_body()
        asked = Answer(
            request=admit(self.route, content),
            consumer=self._consumer(),
            cache_control=self.headers.get("cache-control") or "",
        )
        alias = self.server.pipeline.aliases.get(asked.model)
        if alias is None:
            self._answer_one([asked])
        elif alias.between:
            self._compare(SideBySide.of(asked, alias))
        else:
            asker = f"{asked.consumer.name}/{asked.request.asker}"
            self._answer_one([asked.of_model(model) for model in alias.drawn(asker)])

    def _answer_one(self, answers: Sequence[Answer]) -> None:
        """The first; where its model can't take the request in, the next one's is asked."""
        for answer in answers:
            try:
                self._give(answer)
            except ApiError as error:
                is_last = answer is answers[-1]
                if error.is_elsewhere and not is_last and not self.is_streaming:
                    continue
                self.send_api_error(error, answer.headers())
            return

    def _give(self, answer: Answer) -> None:
        pipeline = self.server.pipeline
        if answer.request.stream:
            self._send_events(answer, pipeline.stream(answer))
        else:
            completion = pipeline.complete(answer)
            self.send_json(200, completion, answer.headers(), answer.inference_id)

    def _compare(self, both: SideBySide) -> None:
        pipeline = self.server.pipeline
        try:
            if both.asked.request.stream:
                self._send_events(both, both.stream(pipeline))
            else:
                completion = both.complete(pipeline)
                self.send_json(200, completion, both.headers(), both.inference_id)
        except ApiError as error:
            self.send_api_error(error, both.headers())

    def _send_events(
        self, answer: Answer | SideBySide, stream: AbstractContextManager[Chunks]
    ) -> None:
        with stream as chunks:
            self.start_events(answer.headers(), answer.inference_id)
            for chunk in chunks:
                self.send_event(json.dumps(chunk, ensure_ascii=False))
            # Whoever reads the stream has all of it: what is kept of it is no matter of theirs.
            self.send_event("[DONE]")
        self.end_events()


def make_bedrock() -> Any:
    """A client, for which alone boto3 is imported: a cold start without it is shorter."""
    import boto3

    from lambdas.answer_request.bedrock_guardrail import CONFIG

    return boto3.client("bedrock-runtime", config=CONFIG)


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    settings = Settings.from_environment(variables(__file__))
    database = DynamoDb()
    consumers = ConsumerDirectory(Table(database, settings.consumer_table))
    log = InferenceLog(
        DynamoDb(IMPATIENT),
        settings.inference_table,
        Sqs(IMPATIENT),
        settings.inference_queue,
        settings.retention_days,
    )
    runtime = SageMakerRuntime(RUNTIME)
    ledger = Ledger(database, settings.ledger_table, settings.billing)
    serving = ServingVersions(database, settings.release_table, settings.endpoints)
    endpoints = {
        name: TextEndpoint(runtime, endpoint_name, WarmUp(partial(serving.start_seconds, name)))
        for name, endpoint_name in settings.endpoints.items()
    }
    models = {
        name: Model(endpoints[name], answer_tokens)
        for name, (_, answer_tokens) in settings.models.items()
    }
    for name in settings.embedders:
        models[name] = Model(endpoints[name], 0, kind=EmbeddingRequest.kind)
    guard = read_guard(settings.guard, make_bedrock)
    pipeline = Pipeline(
        models=models,
        aliases=settings.aliases,
        log=log,
        ledger=ledger,
        prompt_of=serving.prompt,
        released=serving.released,
        guard=guard,
        caching=make_caching(settings, serving),
        comparisons=ComparisonTable(database, settings.vote_table, settings.retention_days),
    )
    usage = OwnUsage(ledger, settings.billing)
    port = int(os.environ.get("AWS_LWA_PORT") or os.environ.get("PORT") or 8080)
    address = ("127.0.0.1", port)
    RequestServer(address, pipeline, consumers, usage, settings.cors_origins).serve_forever()


if __name__ == "__main__":
    main()
