"""Campaign: requests made of the API's own description, and answers that have to be as it says."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import APIOperation, Config
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from cli.consumers import Consumers
from meguru.api_key import make_api_key
from tests.campaigns.isolation import Plant, replace_in_functions
from tests.campaigns.untrained import untrained_cloud
from tests.e2e.loop_cloud import MODEL, LoopCloud

# `positive_data_acceptance` is not among them: no schema says what fits a model's context.
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# A stream is read to its end: by itself the checker leaves after 20 events, or when the time of a
# whole answer is over. And a body that is too large is refused as well as any.
TIMEOUT_SECONDS = 300
# Of a walk along the description's links.
NUM_STEPS = 6
SETTINGS = {
    "max-stream-events": 10_000,
    "checks": {"negative_data_rejection": {"expected-statuses": [400, 403, 404, 409, 413]}},
}
QUESTION = [{"role": "user", "content": "締切は?"}]
PLAIN = {
    "ChatRequest": {"messages": {"enum": [QUESTION]}, "max_tokens": {"enum": [1, 2]}},
    "CompletionRequest": {"max_tokens": {"enum": [1, 2]}},
    "EmbeddingRequest": {"input": {"enum": ["締切", ["経費", "旅費"]]}},
}
PLAIN_MEMBERS = (
    *("model", "messages", "prompt", "max_tokens", "temperature", "top_p", "seed", "stream"),
    *("input", "encoding_format", "input_type"),
)
Document = dict[str, Any]


@dataclass
class DescribedApi:
    """An API that serves, its description, and the key of a consumer without limits."""

    base: str
    key: str
    document: Document
    # The models of each kind that serve.
    text: str
    vectors: str = "absent"
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def run(self, num_examples: int, labels: Collection[str] = ()) -> list[str]:
        """So many requests to each operation, some of them wrong; what did not hold.

        `labels` are those of the operations that are asked, all where none is given.
        """
        load_all_checks()
        document = self._with_what_there_is()
        anything, plain = (operations_of(which) for which in (document, only_plain(document)))
        found: list[str] = []
        for described, simpler in zip(anything, plain, strict=True):
            if labels and described.label not in labels:
                continue
            found += self._ask(described, simpler, num_examples)
        return found

    def run_linked(self, num_examples: int) -> list[str]:
        """So many walks along the description's links, such as an answer and its feedback."""
        load_all_checks()
        found: list[str] = []
        judged, asked = self._faults, {"base_url": self.base, **self._call()}
        schema = schema_of(only_plain(self._with_models()))

        class Walk(schema.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return asked

            def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
                found.extend(judged(case, response))

        Walk.run(
            settings=settings(
                _settings(num_examples), derandomize=True, stateful_step_count=NUM_STEPS
            )
        )
        return found

    def _ask(self, described: Any, simpler: Any, num_examples: int) -> list[str]:
        """Requests as described, others that are not, and such as any model can answer."""
        found: list[str] = []
        right, wrong = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
        cases = st.one_of(
            described.as_strategy(right), described.as_strategy(wrong), simpler.as_strategy(right)
        )

        @seed(1)
        @_settings(num_examples)
        @given(case=cases)
        def ask(case: Any) -> None:
            answer = case.call(base_url=self.base, **self._call())
            found.extend(self._faults(case, answer))

        ask()
        return found

    def _call(self) -> dict[str, Any]:
        # Both headers: what is made up in either would be another key.
        return {"headers": keys(self.key), "timeout": TIMEOUT_SECONDS}

    def _faults(self, case: Any, answer: Any) -> Iterator[str]:
        label = case.operation.label
        self.statuses[label, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS.get_by_names(list(NAMES)))
        except (Failure, FailureGroup) as failure:
            every = getattr(failure, "exceptions", (failure,))
            yield from (f"{label}: {one}".replace("\n", " ") for one in every)
        if "text/event-stream" in answer.headers.get("content-type", [""])[0]:
            yield from self._faults_of_events(case.operation.path, answer.content.decode())
        yield from self._bypasses(label, answer.request)

    def _faults_of_events(self, path: str, content: str) -> Iterator[str]:
        given = self.document["paths"][path]["post"]["responses"]["200"]["content"]
        event = given["text/event-stream"]["x-event"]
        validator = Draft202012Validator({**event, "components": self.document["components"]})
        *events, end = (
            one.removeprefix("data: ") for one in content.removesuffix("\n\n").split("\n\n")
        )
        if end != "[DONE]":
            yield f"{path}: a stream ends with {end}"
        for one in events:
            yield from (
                f"{path}: {fault.message}" for fault in validator.iter_errors(json.loads(one))
            )

    def _bypasses(self, label: str, sent: requests.PreparedRequest) -> Iterator[str]:
        """The same without a key, and with one that nobody has: nothing is answered."""
        for code, headers in (("missing_api_key", {}), ("invalid_api_key", keys(make_api_key()))):
            again = sent.copy()
            for name in keys(""):
                again.headers.pop(name, None)
            again.headers.update(headers)
            with requests.Session() as session:
                answer = session.send(again, timeout=TIMEOUT_SECONDS)
            if answer.status_code != 403 or answer.json()["error"]["code"] != code:
                yield f"{label} with {code}: {answer.status_code}"

    def _with_models(self) -> Document:
        """The description, where a request names a model that is there or not."""
        document = copy.deepcopy(self.document)
        schemas = document["components"]["schemas"]
        for name in ("ChatRequest", "CompletionRequest"):
            schemas[name]["properties"]["model"] = {"enum": [self.text, "absent"]}
        schemas["EmbeddingRequest"]["properties"]["model"] = {"enum": [self.vectors, "absent"]}
        for path in ("/models/{model}", "/models/{model}/scorecard"):
            [model] = document["paths"][path]["get"]["parameters"]
            model["schema"] = {"enum": [self.text, "absent"]}
        return document

    def _with_what_there_is(self) -> Document:
        """The same, where feedback is on an answer that is there or not."""
        asked = {"model": self.text, "messages": QUESTION, "max_tokens": 2}
        answer = requests.post(f"{self.base}/chat/completions", json=asked, **self._call())
        document = self._with_models()
        feedback = document["components"]["schemas"]["FeedbackRequest"]
        feedback["properties"]["inference_id"] = {"enum": [answer.json()["id"], "absent"]}
        return document


def schema_of(document: Document) -> Any:
    return schemathesis.openapi.from_dict(document, config=Config.from_dict(SETTINGS))


def operations_of(document: Document) -> list[APIOperation[Any, Any, Any, Any]]:
    results = schema_of(document).get_all_operations()
    return [one.ok() for one in results if isinstance(one, Ok)]


def only_plain(document: Document) -> Document:
    """The description without the members that can't go with every other, or every engine."""
    plain = copy.deepcopy(document)
    for name, values in PLAIN.items():
        members = plain["components"]["schemas"][name]["properties"]
        members |= values
        for other in set(members) - set(PLAIN_MEMBERS):
            del members[other]
    feedback = plain["components"]["schemas"]["FeedbackRequest"]
    for other in set(feedback["properties"]) - {"inference_id", "rating"}:
        del feedback["properties"][other]
    feedback["properties"]["rating"] = {"enum": [1, -1]}
    feedback["required"] = ["inference_id", "rating"]
    return plain


def _settings(num_examples: int) -> settings:
    return settings(
        max_examples=num_examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def keys(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "x-api-key": key}


def described_api(cloud: LoopCloud, text: str = MODEL, vectors: str = "absent") -> DescribedApi:
    """The API of an environment, as it describes itself, with the models that serve."""
    key = Consumers(cloud.account).add("described")
    address = f"{cloud.outputs['ApiBase']}/openapi.json"
    answer = requests.get(address, headers=keys(key), timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    document: Document = answer.json()
    base = urljoin(address, document["servers"][0]["url"])
    return DescribedApi(base, key, document, text, vectors)


@contextmanager
def described_environment(
    assembly: Path, folder: Path, plants: Iterable[Plant] = ()
) -> Iterator[DescribedApi]:
    """An environment of its own with a model that serves, and what is planted in its functions."""
    copied = Path(shutil.copytree(assembly, folder / "cdk.out"))
    for plant in plants:
        replace_in_functions(copied, *plant)
    with untrained_cloud(copied, folder) as cloud:
        yield described_api(cloud)


def caught(found: list[str]) -> set[str]:
    """The planted faults of which `found` says something."""
    return {
        name for name, (_, said) in PLANTED.items() if any(re.search(said, one) for one in found)
    }


# Each with what is said where it is found.
PLANTED: dict[str, tuple[Plant, str]] = {
    "the key of the request before": (
        (
            "lambdas/authorize_request/handler.py",
            'key = find_api_key(event.get("headers") or {})',
            'key = globals()["last"] = find_api_key(event["headers"]) or globals().get("last")',
        ),
        "GET /models with missing_api_key: 200",
    ),
    "a member that is not there": (
        ("lambdas/answer_request/own_usage.py", '"consumer": consumer.name,', ""),
        "GET /usage: .*consumer",
    ),
    "an error of the server": (
        ("lambdas/list_models/handler.py", "raise unknown_model(", "raise KeyError("),
        "GET /models/{model}: .*Server error",
    ),
    "any month": (
        ("lambdas/answer_request/own_usage.py", "if not _MONTH.fullmatch(month)", "if month == []"),
        "GET /usage: .*Invalid data should have been rejected",
    ),
}
