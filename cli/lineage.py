"""Lineage: from an answer back to the documents and the feedback its model was made of."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow.compute as pc
from boto3.dynamodb.types import TypeDeserializer

from cli.account import Account
from cli.dataset import read_shard, records_by_document
from cli.loop import Loop
from cli.model_versions import describe_version, standing
from meguru.limits import MAX_ID_CHARACTERS
from meguru.names import TEXT_DATASET, dataset_manifest_key
from meguru.prompt import FILE, Prompt

SHOWN_COLUMNS = ("split", "source_kind", "source_uri", "corrects_uri")
JUDGEMENTS = ("rejected", "rating")
# What a version's metadata say it was made of.
MADE_OF = (
    "base_model", "base_model_licence", "training_job", "source_commit", "initial_model_package",
    "prompt_version", "dataset_version",
)  # fmt: skip
APPROVAL = {"status": "ModelApprovalStatus", "said": "ApprovalDescription"}


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """An answer's way back, as far as it is known; `note` says why it ends before the documents.

    `approval` is how the version stands in the registry, and `standing` what has become of it
    since: a rollback tells by whom and why. `base_model` is NAME@REVISION where it began from one:
    one that was registered as it is has no training job and no data.
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
    note: str = ""
    approval: dict[str, str] = field(default_factory=dict)
    standing: str = ""
    base_model: str | None = None
    base_model_licence: str | None = None
    training_job: str | None = None
    source_commit: str | None = None
    initial_model_package: str | None = None
    prompt_version: str | None = None
    prompt: dict[str, Any] | None = None
    dataset_version: str | None = None
    feedback_ids: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    documents_without_records: dict[str, str] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def trace(account: Account, inference_id: str) -> Lineage:
    """Follow an inference back as far as it goes. ValueError where there is no such inference."""
    check_id(inference_id)
    inference = read_inference(account, inference_id)
    loop, arn = Loop(account), inference["model_package_arn"]
    if not arn:
        raise ValueError(f"no model had begun to answer '{inference_id}' when its caller left")
    question = last_question(inference["messages"])
    package = describe_version(account, arn)
    made_of = package.get("CustomerMetadataProperties", {})
    version = made_of.get("dataset_version")
    manifest = find_manifest(loop, version) if version else None
    return Lineage(
        inference_id=inference_id,
        question=question,
        answer=inference["answer"],
        model_package_arn=arn,
        note=why_it_ends(package, manifest),
        approval={name: package[key] for name, key in APPROVAL.items() if key in package},
        standing=standing(account, arn, arn.split("/")[-2]),
        prompt=read_prompt(loop, made_of.get("prompt_uri")),
        **{name: made_of.get(name) for name in MADE_OF},
        **(data_of(loop, version, manifest, question) if manifest else {}),
    )


def find_manifest(loop: Loop, version: str) -> dict[str, Any] | None:
    try:
        return loop.read_json(dataset_manifest_key(TEXT_DATASET, version))
    except loop.account.client("s3").exceptions.NoSuchKey:
        return None


def why_it_ends(package: dict[str, Any], manifest: dict[str, Any] | None) -> str:
    """Why nothing is known beyond the version; empty where the documents are."""
    made_of = package.get("CustomerMetadataProperties", {})
    if not package:
        return "the version is no longer in the registry: what it was made of went with it"
    if manifest:
        return ""
    if "dataset_version" in made_of:
        return "the dataset version is no longer in the lake: its documents can't be named"
    if "base_model" in made_of and "training_job" not in made_of:
        return "the base model answered as it is: no run trained it, and no data of the lake did"
    return "the version names no dataset version: it was registered by something else than a run"


def data_of(loop: Loop, version: str, manifest: dict[str, Any], question: str) -> dict[str, Any]:
    given, not_given = documents(loop, version, manifest)
    return {
        "feedback_ids": manifest["feedback_ids"],
        "documents": given,
        "documents_without_records": not_given,
        "records": records_asking(loop, version, manifest, question),
    }


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
