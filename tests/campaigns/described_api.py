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
from tests.e2e.loop_cloud import MODEL, LoopCloud, loop_cloud, make_model_archive

# `positive_data_acceptance` is not among them: no schema says what fits a model's context.
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# A stream is read to its end, and a body that is too large is refused as well as any.
SETTINGS = {
    "max-stream-events": 10_000,
    "checks": {"negative_data_rejection": {"expected-statuses": [400, 403, 404, 409, 413]}},
}
QUESTION = [{"role": "user", "content": "締切は?"}]
PLAIN = ("model", "messages", "prompt", "max_tokens", "temperature", "top_p", "seed", "stream")
Document = dict[str, Any]


@dataclass
class DescribedApi:
    """An API that serves, its description, and the key of a consumer without limits."""

    base: str
    key: str
    document: Document
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

    def _ask(self, described: Any, simpler: Any, num_examples: int) -> list[str]:
        """Requests as described, others that are not, and such as any model can answer."""
        found: list[str] = []
        right, wrong = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
        cases = st.one_of(
            described.as_strategy(right), described.as_strategy(wrong), simpler.as_strategy(right)
        )

        @seed(1)
        @settings(
            max_examples=num_examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            found.extend(self._faults(case))

        ask()
        return found

    def _faults(self, case: Any) -> Iterator[str]:
        label = case.operation.label
        # Both headers: what is made up in either would be another key.
        answer = case.call(base_url=self.base, headers=keys(self.key), timeout=60)
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
                answer = session.send(again, timeout=60)
            if answer.status_code != 403 or answer.json()["error"]["code"] != code:
                yield f"{label} with {code}: {answer.status_code}"

    def _with_what_there_is(self) -> Document:
        """The description, where a request names a model and an answer that are there or not."""
        asked = {"model": MODEL, "messages": QUESTION, "max_tokens": 2}
        answer = requests.post(
            f"{self.base}/chat/completions", json=asked, headers=keys(self.key), timeout=60
        )
        document = copy.deepcopy(self.document)
        schemas = document["components"]["schemas"]
        for name in ("ChatRequest", "CompletionRequest"):
            schemas[name]["properties"]["model"] = {"enum": [MODEL, "absent"]}
        for path in ("/models/{model}", "/models/{model}/scorecard"):
            [model] = document["paths"][path]["get"]["parameters"]
            model["schema"] = {"enum": [MODEL, "absent"]}
        ids = {"enum": [answer.json()["id"], "absent"]}
        schemas["FeedbackRequest"]["properties"]["inference_id"] = ids
        return document


def operations_of(document: Document) -> list[APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_dict(document, config=Config.from_dict(SETTINGS))
    results = schema.get_all_operations()
    return [one.ok() for one in results if isinstance(one, Ok)]


def only_plain(document: Document) -> Document:
    """The description without the members that can't go with every other, or every engine."""
    plain = copy.deepcopy(document)
    for name in ("ChatRequest", "CompletionRequest"):
        members = plain["components"]["schemas"][name]["properties"]
        members |= {"messages": {"enum": [QUESTION]}, "max_tokens": {"enum": [1, 2]}}
        for other in set(members) - set(PLAIN):
            del members[other]
    feedback = plain["components"]["schemas"]["FeedbackRequest"]
    for other in set(feedback["properties"]) - {"inference_id", "rating"}:
        del feedback["properties"][other]
    feedback["properties"]["rating"] = {"enum": [1, -1]}
    feedback["required"] = ["inference_id", "rating"]
    return plain


def keys(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "x-api-key": key}


def described_api(cloud: LoopCloud) -> DescribedApi:
    """The API of an environment, as it describes itself."""
    key = Consumers(cloud.account).add("described")
    address = f"{cloud.outputs['ApiBase']}/openapi.json"
    answer = requests.get(address, headers=keys(key), timeout=60)
    answer.raise_for_status()
    document: Document = answer.json()
    base = urljoin(address, document["servers"][0]["url"])
    return DescribedApi(base, key, document)


@contextmanager
def described_environment(
    assembly: Path, folder: Path, plants: Iterable[Plant] = ()
) -> Iterator[DescribedApi]:
    """An environment of its own with a model that serves, and what is planted in its functions."""
    copied = Path(shutil.copytree(assembly, folder / "cdk.out"))
    for plant in plants:
        replace_in_functions(copied, *plant)
    (folder / "model").mkdir()
    archive = make_model_archive(folder / "model", ["締切は毎月10日です。When is it due?"] * 9)
    with loop_cloud(copied, folder / "log") as cloud:
        version = cloud.register(cloud.put_model(archive))
        cloud.decide(version, "Approved")
        cloud.loop.released(version)
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
