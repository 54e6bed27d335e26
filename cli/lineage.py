"""Lineage: from an answer back to the documents and the feedback its model was made of."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc
from boto3.dynamodb.types import TypeDeserializer

from cli.account import Account
from cli.dataset import read_shard, records_by_document
from cli.loop import Loop
from meguru.limits import MAX_ID_CHARACTERS
from meguru.names import TEXT_DATASET, dataset_manifest_key
from meguru.prompt import FILE, Prompt

SHOWN_COLUMNS = ("split", "source_kind", "source_uri", "corrects_uri")
JUDGEMENTS = ("rejected", "rating")


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """An answer's way back.

    `initial_model_package` is the version whose weights the training went on from, if any;
    `prompt` is what the model read before the question, as prompt.json has it, if anything;
    `documents` are those that gave the dataset records, each with the SHA-256 of the bytes that
    were read; what was read of the others was set aside. `records` are the rows of the dataset
    that ask the same question; the `context` of each is the turns before it, after which alone its
    answer is right.
    """

    inference_id: str
    question: str
    answer: str
    model_package_arn: str
    training_job: str
    source_commit: str
    initial_model_package: str | None
    prompt_version: str | None = None
    prompt: dict[str, Any] | None = None
    dataset_version: str
    feedback_ids: list[str]
    documents: dict[str, str]
    documents_without_records: dict[str, str]
    records: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def trace(account: Account, inference_id: str) -> Lineage:
    """Follow an inference back. ValueError where there is no such inference."""
    check_id(inference_id)
    inference = read_inference(account, inference_id)
    loop = Loop(account)
    arn = inference["model_package_arn"]
    if not arn:
        raise ValueError(f"no model had begun to answer '{inference_id}' when its caller left")
    made_of = loop.model_package(arn)["CustomerMetadataProperties"]
    version = made_of["dataset_version"]
    manifest = loop.read_json(dataset_manifest_key(TEXT_DATASET, version))
    question = last_question(inference["messages"])
    given, not_given = documents(loop, version, manifest)
    return Lineage(
        inference_id=inference_id,
        question=question,
        answer=inference["answer"],
        model_package_arn=arn,
        training_job=made_of["training_job"],
        source_commit=made_of["source_commit"],
        initial_model_package=made_of.get("initial_model_package"),
        prompt_version=made_of.get("prompt_version"),
        prompt=read_prompt(loop, made_of.get("prompt_uri")),
        dataset_version=version,
        feedback_ids=manifest["feedback_ids"],
        documents=given,
        documents_without_records=not_given,
        records=records_asking(loop, version, manifest, question),
    )


def read_prompt(loop: Loop, uri: str | None) -> dict[str, Any] | None:
    """The prompt of a model version, by its package's `prompt_uri`."""
    if uri is None:
        return None
    _, _, prefix = uri.removeprefix("s3://").partition("/")
    return Prompt.parse(loop.read(prefix + FILE)).values()


def check_id(inference_id: str) -> None:
    """ValueError for what can be no answer's id: DynamoDB would refuse it in words of its own."""
    if not re.fullmatch(f"[!-~]{{1,{MAX_ID_CHARACTERS}}}", inference_id):
        raise ValueError(
            f"{inference_id[:60]!a} is no id of an answer: an id has 1 to "
            f"{MAX_ID_CHARACTERS} letters, digits and signs without a space between them; give "
            "the 'id' of a completion, which begins with chatcmpl-"
        )


def read_inference(account: Account, inference_id: str) -> dict[str, Any]:
    item = account.client("dynamodb").get_item(
        TableName=account.outputs["InferenceTable"], Key={"inference_id": {"S": inference_id}}
    )
    if "Item" not in item:
        raise ValueError(
            f"there is no inference '{inference_id}' in the environment "
            f"'{account.environment_name}': give the id of a completion it answered"
        )
    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item["Item"].items()}


def last_question(messages: list[dict[str, Any]]) -> str:
    """The text of the last thing the user said."""
    said = [message["content"] for message in messages if message["role"] == "user"]
    content = said[-1] if said else ""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def documents(
    loop: Loop, version: str, manifest: dict[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """The SHA-256 of each document that gave the version records, and of each that gave none."""
    given: dict[str, str] = {}
    not_given: dict[str, str] = {}
    for key, count in records_by_document(loop, version, manifest).items():
        (given if count else not_given)[key] = manifest["sources"][key]
    return given, not_given


def records_asking(
    loop: Loop, version: str, manifest: dict[str, Any], question: str
) -> list[dict[str, Any]]:
    read_rows = rows_of_questions if manifest.get("format", 1) == 1 else rows_of_messages
    return [
        row for shard in manifest["shards"] for row in read_rows(loop, version, shard, question)
    ]


def rows_of_questions(
    loop: Loop, version: str, shard: dict[str, Any], question: str
) -> list[dict[str, Any]]:
    """Of a shard of the first format, which has no conversations."""
    columns = ["context", "question", "answer", *SHOWN_COLUMNS, "original_question"]
    table = read_shard(loop, version, shard, columns)
    asked = pc.or_(
        pc.equal(table["original_question"], question), pc.equal(table["question"], question)
    )
    rows = table.filter(asked).drop_columns(["original_question"]).to_pylist()
    # Versions frozen before contexts were known have no such column.
    return [{"context": [], **row} for row in rows]


def rows_of_messages(
    loop: Loop, version: str, shard: dict[str, Any], question: str
) -> list[dict[str, Any]]:
    """Every turn that asks the question and whose answer is learnt, as a row of its own.

    An answer that was voted on has its `rating`, one that was preferred the `rejected` one.
    """
    columns = ["messages", "original_messages", "train_turns", *SHOWN_COLUMNS, *JUDGEMENTS]
    found = []
    for row in read_shard(loop, version, shard, columns).to_pylist():
        judgements = {name: row.pop(name) for name in JUDGEMENTS}
        row |= {name: value for name, value in judgements.items() if value}
        messages, originals = row.pop("messages"), row.pop("original_messages")
        first = 0 if row.pop("train_turns") == "all" else len(messages) - 2
        found += [
            {
                "context": messages[:index],
                "question": messages[index]["content"],
                "answer": messages[index + 1]["content"],
                **row,
            }
            for index in range(first, len(messages) - 1)
            if messages[index]["role"] == "user"
            and question in (messages[index]["content"], originals[index]["content"])
        ]
    return found
