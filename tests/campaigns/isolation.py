"""Campaign: every path × callers × ids that are own, another's or nobody's; 0 foreign rows."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from cli.consumers import Consumers
from meguru.api_key import make_api_key, usage_identifier
from meguru.consumer import Consumer
from tests.campaigns.approvals import empty_archive, with_quick_server
from tests.e2e.loop_cloud import BOTH, EITHER, MODEL, SECOND_MODEL, LoopCloud, loop_cloud

# Who may call, and the models of each.
ALLOWED = {"one": {MODEL, SECOND_MODEL, EITHER, BOTH}, "two": {SECOND_MODEL, BOTH}}
REFUSED = ("ended", "revoked", "halted", "unlisted", "hash", "nonsense", "")
NUM_SEEDED, NUM_THREADS = 4, 8
# A planted fault is found within so many trials, or not at all.
MOST_UNTIL_CAUGHT = 400
ABSENT = "chatcmpl-absent"
Plant = tuple[str, str, str]


@dataclass
class Callers:
    """The key of each caller in an environment where both models serve."""

    cloud: LoopCloud
    keys: dict[str, str]

    @classmethod
    def in_cloud(cls, cloud: LoopCloud) -> Callers:
        consumers = Consumers(cloud.account)
        keys = {"nonsense": make_api_key(), "": ""}
        keys["one"] = consumers.add("one")
        allowed = frozenset(ALLOWED["two"])
        keys["ended"] = consumers.add("two", Consumer(name="two", models=allowed))
        keys["two"] = consumers.rotate("two")
        consumers.finish_rotation("two")
        keys["revoked"] = consumers.add("three")
        consumers.revoke("three")
        keys["hash"] = usage_identifier(keys["one"])
        return cls(cloud, keys | cls._passed_by_the_gateway(cloud, consumers))

    @staticmethod
    def _passed_by_the_gateway(cloud: LoopCloud, consumers: Consumers) -> dict[str, str]:
        """Keys in the usage plan that the functions alone have to refuse."""
        halted, unlisted = consumers.add("halted"), make_api_key()
        cloud.client("dynamodb").update_item(
            TableName=cloud.outputs["ConsumerTable"],
            Key={"consumer": {"S": "halted"}},
            UpdateExpression="SET revoked_at = :now",
            ExpressionAttributeValues={":now": {"S": "2026-11-27"}},
        )
        gateway = cloud.client("apigateway")
        made = gateway.create_api_key(
            name="by hand", value=usage_identifier(unlisted), enabled=True
        )
        plan = cloud.outputs["UsagePlan"]
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
        return {"halted": halted, "unlisted": unlisted}

    def send(
        self, caller: str, method: str, path: str, body: Any = None, **headers: str
    ) -> requests.Response:
        key = self.keys[caller]
        authorization = {"authorization": f"Bearer {key}"} if key else {}
        return requests.request(
            method,
            f"{self.cloud.outputs['ApiBase']}/{path}",
            json=body,
            headers={**authorization, **headers},
            timeout=60,
        )


@dataclass
class Isolation:
    """Trials in one environment: each is one request, and what it must come to."""

    callers: Callers
    seed: int = 0
    owned: dict[str, list[str]] = field(default_factory=dict)
    compared: dict[str, list[str]] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        for name, models in ALLOWED.items():
            for _ in range(NUM_SEEDED):
                if found := self._chat(name, max(models)) + self._compare(name):
                    raise AssertionError(found)

    def run(self, num_trials: int) -> list[str]:
        """So many trials, several at once; what did not hold, the tables' rows included."""
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            found = [said for one in pool.map(self.trial, range(num_trials)) for said in one]
        return found + self.foreign_rows()

    def is_caught(self) -> bool:
        """Whether the trials find what was planted; they end with the first that does."""
        return any(self.trial(number) for number in range(MOST_UNTIL_CAUGHT)) or bool(
            self.foreign_rows()
        )

    def trial(self, number: int) -> list[str]:
        """One request at random; what did not hold, in sentences."""
        chance = random.Random(f"{self.seed}-{number}")
        caller = chance.choice((*ALLOWED, *ALLOWED, *ALLOWED, *REFUSED))
        if caller in REFUSED:
            return self._refused(caller, chance)
        acts = (self._models, self._model, self._ask, self._usage, self._feedback, self._vote)
        act = chance.choice((*acts, self._scorecard, self._feedback))
        return act(caller, chance)

    def foreign_rows(self) -> list[str]:
        """What the tables have of one consumer under another's name, or too much of somebody."""
        cloud = self.callers.cloud
        owners = {
            one["inference_id"]["S"]: one["consumer"]["S"] for one in cloud.items("Inference")
        }
        found = [
            f"feedback of {one['consumer']['S']} on {id_}, which is {owners.get(id_)}'s"
            for one in cloud.items("Feedback")
            for id_ in (one["inference_id"]["S"], one["preferred_inference_id"]["S"])
            if id_ and owners.get(id_) != one["consumer"]["S"]
        ]
        kept = Counter(owners.values())
        return found + ([] if kept == self.answered else [f"{kept} for {self.answered}"])

    def _refused(self, caller: str, chance: random.Random) -> list[str]:
        method, path, body = chance.choice(
            (
                ("GET", "models", None),
                ("GET", f"models/{MODEL}", None),
                ("POST", "chat/completions", question(MODEL)),
                ("POST", "completions", {"model": MODEL, "prompt": "a"}),
                ("GET", "usage", None),
                ("GET", f"models/{MODEL}/scorecard", None),
                ("POST", "feedback", {"inference_id": self._id("one", chance), "rating": 1}),
                ("POST", "feedback", {"inference_id": self.compared["one"][0], "winner": 0}),
            )
        )
        answer = self.callers.send(caller, method, path, body)
        code = "invalid_api_key" if caller else "missing_api_key"
        return expected(f"{caller or 'nobody'} {method} {path}", answer, 403, code)

    def _models(self, caller: str, chance: random.Random) -> list[str]:
        answer = self.callers.send(caller, "GET", "models")
        found = expected(f"{caller} lists models", answer, 200)
        listed = {one["id"] for one in answer.json().get("data", ())}
        return found + ([] if listed == ALLOWED[caller] else [f"{caller} is shown {listed}"])

    def _model(self, caller: str, chance: random.Random) -> list[str]:
        model = chance.choice((MODEL, SECOND_MODEL, "absent", secrets.token_hex(4)))
        answer = self.callers.send(caller, "GET", f"models/{model}")
        return expected(f"{caller} looks at {model}", answer, *status_of_model(caller, model))

    def _usage(self, caller: str, chance: random.Random) -> list[str]:
        other = chance.choice(("", "", "?consumer=one", "?consumer=two"))
        answer = self.callers.send(caller, "GET", f"usage{other}")
        if other:
            return expected(f"{caller} asks usage{other}", answer, 400, "unknown_parameter")
        found, said = expected(f"{caller} asks its usage", answer, 200), answer.json()
        models = {one["model"] for one in said.get("data", ())}
        if said.get("consumer") != caller or not models <= ALLOWED[caller]:
            found.append(f"{caller} is told the usage of {said.get('consumer')} with {models}")
        return found

    def _ask(self, caller: str, chance: random.Random) -> list[str]:
        names = (MODEL, SECOND_MODEL, SECOND_MODEL, EITHER, "absent")
        return self._chat(caller, chance.choice(names))

    def _chat(self, caller: str, model: str) -> list[str]:
        answer = self.callers.send(caller, "POST", "chat/completions", question(model))
        if answer.status_code == 200:
            self.owned.setdefault(caller, []).append(answer.json()["id"])
            self.answered[caller] += 1
        return expected(f"{caller} asks {model}", answer, *status_of_model(caller, model))

    def _compare(self, caller: str) -> list[str]:
        """Two answers of one request, about what only this caller names."""
        body = question(BOTH) | {"metadata": {"topic": caller}}
        answer = self.callers.send(caller, "POST", "chat/completions", body)
        if answer.status_code == 200:
            self.compared.setdefault(caller, []).append(answer.json()["id"])
            self.answered[caller] += 2
        return expected(f"{caller} compares", answer, 200)

    def _vote(self, caller: str, chance: random.Random) -> list[str]:
        owner = chance.choice((caller, "one", "two", "nobody"))
        chosen = self.compared.get(owner, ["cmpr-absent", f"scorecard#{MODEL}#{caller}"])
        body = {"inference_id": chance.choice(chosen), "winner": "tie"}
        answer = self.callers.send(caller, "POST", "feedback", body)
        what = f"{caller} votes on {owner}'s"
        if owner == caller:
            return expected(what, answer, 200)
        return expected(what, answer, 404, "inference_not_found")

    def _scorecard(self, caller: str, chance: random.Random) -> list[str]:
        """Of the models that a caller may compare, with no topic that another has named."""
        model = chance.choice((MODEL, SECOND_MODEL, "absent"))
        answer = self.callers.send(caller, "GET", f"models/{model}/scorecard")
        what = f"{caller} looks at {model}'s votes"
        if model == "absent":
            return expected(what, answer, 404, "model_not_found")
        topics = answer.json().get("topics", ())
        named = {one["topic"] for one in topics if one["source"] == "metadata"}
        found = [] if named <= {caller} else [f"{caller} is shown the topics {named}"]
        return found + expected(what, answer, 200)

    def _feedback(self, caller: str, chance: random.Random) -> list[str]:
        owners = [chance.choice((caller, "one", "two", "nobody"))]
        if chance.random() < 0.4:
            owners.append(chance.choice((caller, "one", "two", "nobody")))
        ids = [self._id(owner, chance) for owner in owners]
        if len(set(ids)) < len(ids):
            # No answer is better than itself.
            del ids[1:], owners[1:]
        names = ("inference_id", "preferred_inference_id")
        body = {**dict(zip(names, ids, strict=False)), "rating": chance.choice((1, -1))}
        # Two consumers may choose the same: neither is given what was answered to the other.
        chosen = {"Idempotency-Key": repr(body)} if chance.random() < 0.5 else {}
        answer = self.callers.send(caller, "POST", "feedback", body, **chosen)
        what = f"{caller} says something of {'s and '.join(owners)}'s"
        if set(owners) == {caller}:
            return expected(what, answer, 200)
        return expected(what, answer, 404, "inference_not_found")

    def _id(self, owner: str, chance: random.Random) -> str:
        if owner not in self.owned:
            return chance.choice((ABSENT, f"chatcmpl-{secrets.token_hex(16)}", "one", "KEY#one"))
        # Of few, so that both consumers come by the same.
        return chance.choice(self.owned[owner][:NUM_SEEDED])


def question(model: str) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "a"}], "max_tokens": 2}


def status_of_model(caller: str, model: str) -> tuple[int, str]:
    """What is answered to a caller who wants this model, with the error's code."""
    if model not in (MODEL, SECOND_MODEL, EITHER, BOTH):
        return 404, "model_not_found"
    return (200, "") if model in ALLOWED[caller] else (403, "model_not_allowed")


def expected(what: str, answer: requests.Response, status: int, code: str = "") -> list[str]:
    said = answer.json().get("error", {}).get("code") or ""
    if (answer.status_code, said) == (status, code):
        return []
    return [f"{what}: {answer.status_code} {said} for {status} {code}"]


@contextmanager
def isolation(
    assembly: Path, folder: Path, plant: Plant | None = None, seed: int = 0
) -> Iterator[Isolation]:
    """An environment of its own, with both models released and the callers' keys issued."""
    quick = with_quick_server(assembly, folder)
    if plant:
        replace_in_functions(quick, *plant)
    with loop_cloud(quick, folder / "log") as cloud:
        for key in (MODEL, SECOND_MODEL):
            model = cloud.of_model(key)
            version = model.register(model.put_model(empty_archive(), f"runs/{key}/model.tar.gz"))
            model.decide(version, "Approved")
            model.loop.released(version)
        trials = Isolation(Callers.in_cloud(cloud), seed)
        trials.begin()
        yield trials


def replace_in_functions(assembly: Path, file: str, old: str, new: str) -> None:
    texts = {path: path.read_text() for path in assembly.glob(f"asset.*/{file}")}
    assert texts and all(old in text for text in texts.values()), f"{file} has no {old!r}"
    for path, text in texts.items():
        path.write_text(text.replace(old, new))


PLANTED: dict[str, Plant] = {
    "whosever an inference is": (
        "lambdas/record_feedback/feedback_store.py",
        ' or item["consumer"] != consumer',
        "",
    ),
    "whosever a comparison is": (
        "lambdas/record_feedback/vote_table.py",
        'if item.get("consumer") != consumer:',
        "if not item:",
    ),
    "the topics of another": (
        "lambdas/list_models/scorecards.py",
        "scorecard_key(model, consumer)",
        'scorecard_key(model, "one")',
    ),
    "one idempotency key for all": (
        "lambdas/record_feedback/handler.py",
        "fingerprint([consumer, ",
        "fingerprint([",
    ),
    "revoked or not": (
        "meguru/consumer.py",
        'is_revoked="revoked_at" in item or "withdrawn_at" in item',
        "is_revoked=False",
    ),
    "any model for any consumer": (
        "meguru/consumer.py",
        "return self.models is None or model in self.models",
        "return True",
    ),
    "a hash for a key": (
        "lambdas/authorize_request/handler.py",
        '"usageIdentifierKey": usage_identifier(key)',
        '"usageIdentifierKey": key if len(key) == 64 else usage_identifier(key)',
    ),
}
