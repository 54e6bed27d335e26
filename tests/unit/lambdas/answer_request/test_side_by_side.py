"""Two models' answers as two choices: asked at once, paid for both, and told apart by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.answer_request.answer import Answer
from lambdas.answer_request.pipeline import Pipeline
from lambdas.answer_request.side_by_side import SideBySide, in_step
from meguru.alias import Alias
from meguru.api_errors import ApiError
from meguru.chat_request import ChatRequest
from meguru.comparison import Comparison
from meguru.completion_request import CompletionRequest
from meguru.consumer import Consumer
from tests.unit.lambdas.conftest import FakeRuntime

COMPARE = Alias(name="compare", between=("alpha", "beta"))
KEY = Consumer(name="key")
# Each engine speaks in its own way, and says more than a text.
SAID = {"alpha": ["締切は", "10日", "です。"], "beta": ["On ", "the ", "tenth", ", I think."]}


def chunks_of(model: str, **more: Any) -> list[bytes]:
    """A stream as an engine writes it, with all that could tell it from another."""
    used = {"prompt_tokens": len(model), "completion_tokens": 1}
    head = {
        "id": f"{model}-1",
        "created": len(model),
        "model": f"/opt/ml/{model}",
        "system_fingerprint": f"fp_{model}",
        "object": "chat.completion.chunk",
    }
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", "content": "", "engine": model}},
        *({"index": 0, "delta": {"content": text}, "stop_reason": model} for text in SAID[model]),
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    said = [{**head, "choices": [choice], "usage": used} for choice in choices]
    said.append({**head, "choices": [], "usage": used})
    return [b"data: " + json.dumps(one | more).encode() + b"\n\n" for one in said]


class Store:
    """Keeps what was compared."""

    def __init__(self) -> None:
        self.kept: list[Comparison] = []

    def put(self, comparison: Comparison) -> None:
        self.kept.append(comparison)


class Compared:
    """Two models behind one name."""

    def __init__(self, pipeline: Pipeline, runtimes: dict[str, FakeRuntime], store: Store) -> None:
        self.pipeline, self.runtimes, self.store = pipeline, runtimes, store

    def ask(self, consumer: Consumer = KEY, **members: Any) -> SideBySide:
        body = {"model": "compare", "messages": [{"role": "user", "content": "締切は?"}], **members}
        asked = Answer(request=ChatRequest.parse(json.dumps(body).encode()), consumer=consumer)
        return SideBySide.of(asked, COMPARE)

    def complete(self, **members: Any) -> tuple[SideBySide, dict[str, Any]]:
        both = self.ask(**members)
        return both, both.complete(self.pipeline)

    def stream(self, **members: Any) -> tuple[SideBySide, list[dict[str, Any]]]:
        both = self.ask(stream=True, **members)
        with both.stream(self.pipeline) as chunks:
            return both, list(chunks)


@pytest.fixture
def make_compared(make_model: Any, log: Any, ledger: Any) -> Callable[..., Compared]:
    def make(error: Exception | None = None, failing: str = "", **ports: Any) -> Compared:
        models, runtimes = {}, {}
        for name in COMPARE.between:
            options = {"error": error if name == failing else None}
            models[name], runtimes[name] = make_model(*chunks_of(name), **options)
        store = Store()
        pipeline = Pipeline(
            models=models,
            aliases={"compare": COMPARE},
            log=log,
            comparisons=store,
            **{"ledger": ledger, **ports},
        )
        return Compared(pipeline, runtimes, store)

    return make


def texts(completion: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in completion["choices"]]


def test_both_answer_in_an_order_that_is_drawn(make_compared: Callable[..., Compared]) -> None:
    orders = set()
    for _ in range(40):
        compared = make_compared()
        both, completion = compared.complete()
        models = [one.model for one in both.comparison.candidates]
        assert texts(completion) == ["".join(SAID[model]) for model in models]
        orders.add(tuple(models))
    assert len(orders) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_but_their_words_tells_them_apart(
    make_compared: Callable[..., Compared], stream: bool
) -> None:
    compared = make_compared()
    both, said = compared.stream() if stream else compared.complete()
    told = json.dumps([said, both.headers()], ensure_ascii=False)
    for model in COMPARE.between:
        for spoken in SAID[model]:
            told = told.replace(spoken, "")
    assert "alpha" not in told and "beta" not in told and "fp_" not in told
    for answer in both.answers:
        assert answer.inference_id not in told
    chunks = said if isinstance(said, list) else [said]
    assert {(one["model"], one["id"]) for one in chunks} == {("compare", both.inference_id)}
    assert "x-model" not in both.headers() and "x-cache" not in both.headers()


def test_what_is_streamed_is_as_long_for_both_at_any_time(
    make_compared: Callable[..., Compared],
) -> None:
    both, chunks = make_compared().stream()
    shorter = min(len("".join(text)) for text in SAID.values())
    told, lengths = ["", ""], []
    for chunk in chunks:
        [choice] = chunk["choices"]
        told[choice["index"]] += choice["delta"].get("content", "")
        lengths.append([len(text) for text in told])
    assert told == ["".join(SAID[one.model]) for one in both.comparison.candidates]
    # Only what the longer one says after the other has ended comes at once.
    pieces = [one for one in lengths if max(one) <= shorter]
    assert all(0 <= first - second <= 8 for first, second in pieces)
    ends = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert ends[-2:] == ["stop", "stop"] and set(ends[:-2]) == {None}


def test_texts_go_in_step_whatever_their_parts() -> None:
    parts: list[Iterator[str]] = [iter(["abc", "d"]), iter(["1", "2", "3", "4", "5", "67"])]
    assert list(in_step(parts)) == [
        (0, "a"), (1, "1"), (0, "b"), (1, "2"), (0, "c"), (1, "3"), (0, "d"), (1, "4"), (1, "567"),
    ]  # fmt: skip
    assert list(in_step([iter([]), iter(["a", "b"])])) == [(1, "ab")]
    assert list(in_step([iter([]), iter([])])) == []


@pytest.mark.parametrize("stream", [True, False])
def test_both_are_paid_for_and_recorded(
    make_compared: Callable[..., Compared], log: Any, ledger: Any, stream: bool
) -> None:
    compared = make_compared()
    options = {"stream_options": {"include_usage": True}} if stream else {}
    both, said = (
        compared.stream(max_tokens=8, **options) if stream else compared.complete(max_tokens=8)
    )
    usage = said[-1]["usage"] if isinstance(said, list) else said["usage"]
    assert usage == {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    # Both are reserved before either is asked, and told under the name that was asked for.
    assert [call[:3] for call in ledger.calls[:2]] == [("reserve", "key", "compare")] * 2
    assert sorted(ledger.calls[2:]) == [("settle", 4, 1), ("settle", 5, 1)]
    records = {one.model: one for one in log.records}
    assert set(records) == {"alpha", "beta"}
    for model, record in records.items():
        assert record.answer == "".join(SAID[model])
        assert (record.alias, record.comparison_id) == ("compare", both.inference_id)
        assert (record.topic, record.cached) == ("japanese", False)
    [kept] = compared.store.kept
    assert {one.model: one.inference_id for one in kept.candidates} == {
        model: record.inference_id for model, record in records.items()
    }
    assert (kept.consumer, kept.comparison_id) == ("key", both.inference_id)


def test_the_caller_may_name_the_topic(make_compared: Callable[..., Compared]) -> None:
    compared = make_compared()
    compared.complete(metadata={"topic": " 経費 "})
    [kept] = compared.store.kept
    assert (kept.topic, kept.is_topic_given) == ("経費", True)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        (
            {"stream": True, "stream_options": {"continuous_usage_stats": True}},
            "stream_options.continuous_usage_stats",
        ),
        ({"metadata": {"topic": "a/b"}}, "metadata.topic"),
    ],
)
def test_what_would_tell_them_or_can_t_be_compared_is_refused(
    make_compared: Callable[..., Compared], members: dict[str, Any], param: str
) -> None:
    with pytest.raises(ApiError) as refused:
        make_compared().ask(**members)
    assert (refused.value.status, refused.value.param) == (400, param)


def test_texts_are_not_compared() -> None:
    body = json.dumps({"model": "compare", "prompt": "a"}).encode()
    asked = Answer(request=CompletionRequest.parse(body), consumer=KEY)
    with pytest.raises(ApiError) as refused:
        SideBySide.of(asked, COMPARE)
    assert refused.value.code == "model_not_supported"


@pytest.mark.parametrize("models", [{"alpha", "beta"}, {"other"}])
def test_who_may_use_the_models_alone_may_not_compare_them(
    make_compared: Callable[..., Compared], ledger: Any, models: set[str]
) -> None:
    compared = make_compared()
    stranger = Consumer(name="stranger", models=frozenset(models))
    with pytest.raises(ApiError) as refused:
        compared.ask(stranger).complete(compared.pipeline)
    assert (refused.value.status, refused.value.code) == (403, "model_not_allowed")
    assert ledger.calls == []


def test_who_may_compare_needs_no_more(make_compared: Callable[..., Compared]) -> None:
    compared = make_compared()
    caller = Consumer(name="caller", models=frozenset({"compare"}))
    compared.ask(caller).complete(compared.pipeline)
    assert len(compared.store.kept) == 1


@pytest.mark.parametrize("failing", ["alpha", "beta"])
def test_there_is_no_comparison_where_one_can_t_answer(
    make_compared: Callable[..., Compared], ledger: Any, failing: str
) -> None:
    error = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "InvokeEndpoint")
    compared = make_compared(error, failing)
    for _ in range(4):
        ledger.calls.clear()
        with pytest.raises(ApiError) as refused:
            compared.complete()
        assert refused.value.status == 503
        assert failing not in refused.value.message
        # The one that was asked in vain and one that wasn't asked are settled; one that began
        # is settled to what its model server reports.
        settled = [call for call in ledger.calls if call[0] == "settle"]
        assert settled in ([("settle", 0, 0)], [("settle", 0, 0)] * 2)
    assert compared.store.kept == []


def test_nothing_is_asked_where_the_budget_is_of_one(
    make_compared: Callable[..., Compared], ledger: Any, log: Any
) -> None:
    reserve = ledger.reserve

    def reserve_once(*args: Any, **options: Any) -> Any:
        if ledger.calls:
            raise ApiError(429, "Used up.", code="insufficient_quota")
        return reserve(*args, **options)

    ledger.reserve = reserve_once
    compared = make_compared()
    with pytest.raises(ApiError):
        compared.complete()
    assert [one.asked for one in compared.runtimes.values()] == [[], []]
    assert ledger.calls[1:] == [("settle", 0, 0)]
    assert log.records == compared.store.kept == []


def test_who_leaves_ends_both(make_compared: Callable[..., Compared], log: Any) -> None:
    compared = make_compared()
    both = compared.ask(stream=True)
    with pytest.raises(BrokenPipeError), both.stream(compared.pipeline) as chunks:
        for _ in range(3):
            next(chunks)
        raise BrokenPipeError
    assert [one.body.closed for one in compared.runtimes.values()] == [True, True]
    assert [one.finish_reason for one in log.records] == ["cancelled", "cancelled"]
    assert compared.store.kept == []
