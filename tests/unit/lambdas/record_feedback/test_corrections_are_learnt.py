"""From the API to a training's examples: what is accepted is learnt, the rest is named."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
from botocore.exceptions import ClientError
from transformers import PreTrainedTokenizerFast

from curation.__main__ import curate
from lambdas.record_feedback.correction import CorrectionCheck
from lambdas.record_feedback.feedback_request import parse_feedback_request
from lambdas.record_feedback.feedback_store import FeedbackStore
from lambdas.record_feedback.settings import Model
from lambdas.record_feedback.token_counter import TokenCounter
from meguru.api_errors import ApiError
from meguru.chat import ChatEncoder
from meguru.dataset_version import read_dataset_version
from meguru.hyperparameters import Hyperparameters
from meguru.limits import TooLong
from training.objectives.causal_lm import CausalLM
from training.tokenizer import train_tokenizer
from training.worker import read_parquet

DEADLINE = {"question": "経費精算の締め切りはいつですか?", "answer": "毎月25日です。"}
FOLLOW_UP = "それを過ぎたらどうなりますか?"
# A document that answers the same words where nothing was said before them.
ALONE = {"question": FOLLOW_UP, "answer": "何を過ぎたらでしょうか。"}
TURNS = [
    {"role": "user", "content": DEADLINE["question"]},
    {"role": "assistant", "content": "毎月25日までに申請してください。"},
]
STEPS = "".join(f"{n}. 第{n}条の届出は前日に行い、部門長の確認印を得ること。" for n in range(1, 99))
LONG = {"question": "手続の一覧を全文で教えてください", "answer": STEPS[:1_124]}


class ServingModel:
    """An endpoint that counts as the text container does, by a tokenizer of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, context_tokens: int) -> None:
        self._encoder, self._context_tokens = ChatEncoder(tokenizer), context_tokens

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        num_tokens = len(self._encoder.encode_prompt(json.loads(request["Body"])["messages"]))
        if num_tokens >= self._context_tokens:
            said = {"error": {"code": "context_length_exceeded"}}
            response: Any = {
                "Error": {"Code": "ModelError", "Message": "refused"},
                "OriginalStatusCode": 400,
                "OriginalMessage": json.dumps(said),
            }
            raise ClientError(response, "InvokeEndpoint")
        return {"Body": io.BytesIO(json.dumps({"usage": {"prompt_tokens": num_tokens}}).encode())}


class Loop:
    """One turn: answers that are corrected, a lake, and a training of a given context length."""

    def __init__(
        self, folder: Path, make_table: Callable[..., Any], context_tokens: int, serves: bool
    ) -> None:
        texts = [text for one in (DEADLINE, ALONE, LONG) for text in one.values()]
        self.tokenizer = train_tokenizer(texts, 500)
        self._context_tokens, self._input = context_tokens, folder / "input"
        self._output = folder / "output"
        (self._input / "raw").mkdir(parents=True)
        (self._input / "feedback").mkdir()
        if serves:
            self._pack_model(self._input / "serving_model")
        self._inferences = make_table("inferences", "inference_id")
        counter = TokenCounter(ServingModel(self.tokenizer, context_tokens))
        check = CorrectionCheck(counter, {"chat": Model("endpoint", context_tokens)})
        feedback = make_table("feedback", "feedback_id")
        self._s3 = boto3.client("s3")
        self._store = FeedbackStore(self._inferences, feedback, self._s3, "lake", check)

    def _pack_model(self, folder: Path) -> None:
        folder.mkdir()
        content = self.tokenizer.backend_tokenizer.to_str().encode()
        with tarfile.open(folder / "model.tar.gz", "w:gz") as tar:
            member = tarfile.TarInfo("tokenizer.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

    def correct(self, messages: list[dict[str, str]], answer: str) -> None:
        self._inferences.put_item(
            Item={
                "inference_id": "chatcmpl-1",
                "consumer": "key",
                "model": "chat",
                "messages": messages,
                "answer": "わかりません。",
                "model_package_arn": "arn:p",
            }
        )
        said = {"inference_id": "chatcmpl-1", "rating": -1, "corrected_output": answer}
        request = parse_feedback_request(json.dumps(said))
        self._store.record(request, "key", datetime(2026, 11, 22, tzinfo=UTC))

    def train(self, *documents: dict[str, str]) -> tuple[CausalLM, list[dict[str, Any]]]:
        """A training's examples, and what curation set aside."""
        lines = "\n".join(json.dumps(one) for one in documents)
        (self._input / "raw" / "rules.jsonl").write_text(lines)
        for item in self._s3.list_objects_v2(Bucket="lake").get("Contents", []):
            path = self._input / "feedback" / Path(item["Key"]).name
            self._s3.download_file("lake", item["Key"], str(path))
        result = curate(
            self._input,
            self._output,
            dataset="text",
            feedback_weight=10,
            context_tokens=self._context_tokens,
        )
        version = self._output / "datasets" / "text" / str(result["version"])
        rows = read_dataset_version(version, read_parquet).split("train")
        settings = Hyperparameters(
            max_position_embeddings=self._context_tokens, question_dropout=0, context_ratio=0
        )
        quarantined = (self._output / "quarantine").rglob("*.jsonl")
        lines_aside = [
            line for path in quarantined for line in path.read_text("utf-8").splitlines()
        ]
        return CausalLM(rows, self.tokenizer, settings), [json.loads(line) for line in lines_aside]

    def texts(self, objective: CausalLM) -> list[str]:
        batch = objective.batch(range(len(objective.weights)), torch.Generator())
        return [
            str(self.tokenizer.decode(ids)).replace("<|pad|>", "") for ids in batch["input_ids"]
        ]


@pytest.fixture
def make_loop(tmp_path: Path, make_table: Callable[..., Any]) -> Callable[..., Loop]:
    def make(context_tokens: int, serves: bool = True) -> Loop:
        return Loop(tmp_path, make_table, context_tokens, serves)

    return make


def chat(*messages: dict[str, str]) -> str:
    return "".join(f"<|{one['role']}|>{one['content']}<|end|>" for one in messages)


def test_follow_up_is_learnt_with_its_turns_and_answers_no_other(
    make_loop: Callable[..., Loop],
) -> None:
    loop, right = make_loop(512), "翌月の精算に回ります。"
    question = {"role": "user", "content": FOLLOW_UP}
    loop.correct([*TURNS, question], right)
    objective, set_aside = loop.train(DEADLINE, ALONE)
    learnt = dict(zip(loop.texts(objective), objective.weights, strict=True))
    assert learnt.pop(chat(*TURNS, question, {"role": "assistant", "content": right})) == 10
    alone = [
        {"role": "user", "content": FOLLOW_UP},
        {"role": "assistant", "content": ALONE["answer"]},
    ]
    assert chat(*alone) in learnt and not any(right in text for text in learnt)
    assert set_aside == [] and list(objective.set_aside) == []


def test_long_answer_is_learnt_where_the_model_takes_it(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(1_024)
    loop.correct([{"role": "user", "content": LONG["question"]}], LONG["answer"])
    objective, set_aside = loop.train(DEADLINE)
    assert any(LONG["answer"] in text for text in loop.texts(objective))
    assert set_aside == [] and list(objective.set_aside) == []


def test_long_answer_is_refused_or_set_aside_where_it_does_not(
    make_loop: Callable[..., Loop],
) -> None:
    loop = make_loop(256)
    with pytest.raises(ApiError, match="more tokens than the serving model takes") as refusal:
        loop.correct([{"role": "user", "content": LONG["question"]}], LONG["answer"])
    assert (refusal.value.status, refusal.value.param) == (400, "corrected_output")
    objective, (named,) = loop.train(DEADLINE, LONG)
    assert named["source"] == "raw/rules.jsonl" and named["content"] == LONG
    assert "tokens by the serving model's tokenizer, at most 256" in named["detail"]
    assert len(objective.weights) == 1 and list(objective.set_aside) == []


def test_before_any_model_serves_training_names_what_is_too_long(
    make_loop: Callable[..., Loop],
) -> None:
    objective, set_aside = make_loop(256, serves=False).train(DEADLINE, LONG)
    (named,) = objective.set_aside
    assert isinstance(named, TooLong)
    assert (named.source_uri, named.limit) == ("raw/rules.jsonl", 256)
    assert named.num_tokens > 256
    assert len(objective.weights) == 1 and set_aside == []


def test_what_is_accepted_around_the_limit_is_learnt(make_loop: Callable[..., Loop]) -> None:
    loop = make_loop(64)
    accepted, num_refused = [], 0
    for length in range(10, 160, 5):
        answer = STEPS[:length].strip()
        try:
            loop.correct([*TURNS, {"role": "user", "content": f"第{length}条は?"}], answer)
            accepted.append(answer)
        except ApiError:
            num_refused += 1
    objective, set_aside = loop.train(DEADLINE)
    texts = loop.texts(objective)
    assert all(any(f"{answer}<|end|>" in text for text in texts) for answer in accepted)
    assert len(texts) == 1 + len(accepted) and len(accepted) > 5 and num_refused > 5
    assert objective.num_contexts_cut > 0
    assert set_aside == [] and list(objective.set_aside) == []
