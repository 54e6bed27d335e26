"""The company's own prompt is reserved for: what is settled is never more than the bound."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from lambdas.answer_request.answer import Answer
from lambdas.answer_request.serving import ServingVersions
from meguru.chat import ChatEncoder
from meguru.chat_request import ChatRequest
from meguru.completion_request import CompletionRequest
from meguru.consumer import Consumer
from meguru.prompt import Example, Prompt
from meguru.prompt_bound import PromptBound
from tests.unit.meguru.test_prompt_template import TOKENIZERS

PROMPT = Prompt(
    "社内規程だけをもとに答えます。" * 200,
    (Example("締切は?", "毎月10日です。"),) * 20,
    "質問: {question}\n規程の条番号を添えて答えてください。",
)
QUESTION = [{"role": "user", "content": "hi"}]
CONVERSATION = [*QUESTION, {"role": "assistant", "content": "yes"}, *QUESTION]


@pytest.fixture
def serving(make_table: Any) -> ServingVersions:
    """A release of `PROMPT`, as its row has it."""
    table = make_table("releases", "endpoint_name")
    table.put_item(Item={"endpoint_name": "text", "prompt_bound": PromptBound.of(PROMPT).values()})
    return ServingVersions(boto3.client("dynamodb"), "releases", {"meguru-text": "text"})


def used(ledger: Any) -> tuple[int, int]:
    """What was reserved of an answer, and what it was settled to."""
    (_, _, _, reserved), (_, prompt_tokens, completion_tokens) = ledger.calls
    return reserved, prompt_tokens + completion_tokens


@pytest.mark.parametrize("messages", [QUESTION, CONVERSATION])
@pytest.mark.parametrize("name", ["chatml", "mistral", "gemma", "silent"])
def test_no_answer_uses_more_than_was_reserved(
    make_pipeline: Any, ledger: Any, serving: ServingVersions, name: str, messages: Any
) -> None:
    # A tokenizer of bytes: no other makes more tokens of a text.
    prompt_tokens = len(ChatEncoder(TOKENIZERS[name], PROMPT).encode_prompt(messages))
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 8}
    choice = {"message": {"content": "はい"}, "finish_reason": "length"}
    completion = json.dumps({"choices": [choice], "usage": usage}).encode()
    body = {"model": "meguru-text", "messages": messages, "max_tokens": 8}
    request = ChatRequest.parse(json.dumps(body).encode())
    ports = {"ledger": ledger, "prompt_of": serving.prompt}
    make_pipeline(completion, ports=ports)[0].complete(Answer(request, Consumer(name="key")))
    reserved, settled = used(ledger)
    # Without the prompt it would not have been enough; with it, not much is left over.
    assert request.most_tokens(128) < settled <= reserved < 1.1 * settled


def test_a_text_is_read_without_a_prompt(
    make_pipeline: Any, ledger: Any, serving: ServingVersions, completion: bytes
) -> None:
    body = json.dumps({"model": "meguru-text", "prompt": "hi", "max_tokens": 8}).encode()
    request = CompletionRequest.parse(body)
    ports = {"ledger": ledger, "prompt_of": serving.prompt}
    make_pipeline(completion, ports=ports)[0].complete(Answer(request, Consumer(name="key")))
    assert used(ledger)[0] == request.most_tokens(128)
