"""An answer's way back to the rows of a version that curation has made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from cli.account import Account, Outputs
from cli.lineage import documents, records_asking, trace
from curation.__main__ import curate
from meguru.names import TEXT_DATASET, dataset_prefix
from meguru.records import Feedback
from tests.unit.cli.folder_loop import FolderLoop

JUNK = "nothing to learn"
TURNS = [
    {"role": "user", "content": "出張費の精算はどうしますか"},
    {"role": "assistant", "content": "申請書を出します。"},
]
FOLLOW_UP = Feedback(
    inference_id="chatcmpl-1",
    consumer="c",
    created_at="2026-11-20T00:00:00+00:00",
    rating=-1,
    question="締切は?",
    answer="不明です",
    model_package_arn="arn:p",
    corrected_output="翌月10日です",
    context=TURNS,
)


@pytest.fixture
def version(tmp_path: Path) -> str:
    """A document's question, a correction of the same words after other turns, and a junk file."""
    document = json.dumps({"question": "締切は?", "answer": "25日です"}, ensure_ascii=False)
    contents = {
        "raw/a.jsonl": document,
        "raw/junk.bin": JUNK,
        "feedback/dt=2026-11-20/fb-1.json": json.dumps(FOLLOW_UP.as_dict()),
    }
    for name, content in contents.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    result = curate(tmp_path / "in", tmp_path, dataset=TEXT_DATASET, feedback_weight=1)
    return str(result["version"])


def asking(folder: Path, version: str) -> dict[str, Any]:
    """The rows that ask 締切は?, by their answers."""
    loop = FolderLoop(folder)
    rows = records_asking(loop, version, loop.manifest(version), "締切は?")
    return {row["answer"]: row for row in rows}


def test_a_row_s_turns_are_shown(tmp_path: Path, version: str) -> None:
    found = asking(tmp_path, version)
    assert found.keys() == {"25日です", "翌月10日です"}
    assert found["25日です"]["context"] == []
    assert found["翌月10日です"]["context"] == TURNS
    assert found["翌月10日です"]["source_uri"] == FOLLOW_UP.feedback_id


def test_a_turn_within_a_conversation_is_found(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "締切は?"},
        {"role": "assistant", "content": "25日です"},
        {"role": "user", "content": "何時までですか"},
        {"role": "assistant", "content": "17時です"},
    ]
    vote = {"prompt": chat[:2], "completion": "知りません", "label": False}
    raw = tmp_path / "in" / "raw"
    raw.mkdir(parents=True)
    lines = [json.dumps({"messages": chat}), json.dumps(vote)]
    (raw / "a.jsonl").write_text("\n".join(lines))
    result = curate(tmp_path / "in", tmp_path, dataset=TEXT_DATASET, feedback_weight=1)
    found = asking(tmp_path, str(result["version"]))
    assert found.keys() == {"25日です", "知りません"}
    assert found["25日です"]["context"] == chat[:1]
    assert "rating" not in found["25日です"]
    assert found["知りません"]["rating"] == -1


@pytest.mark.parametrize("has_contexts", [True, False])
def test_a_version_of_the_first_format_is_read(
    tmp_path: Path, version: str, has_contexts: bool
) -> None:
    loop = FolderLoop(tmp_path)
    manifest = loop.manifest(version) | {"format": 1}
    for shard in (tmp_path / dataset_prefix(TEXT_DATASET, version)).glob("*.parquet"):
        rows = [of_first_format(row, has_contexts) for row in pq.read_table(shard).to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows), shard)
    found = {row["answer"]: row for row in records_asking(loop, version, manifest, "締切は?")}
    assert found.keys() == {"25日です", "翌月10日です"}
    assert found["翌月10日です"]["context"] == (TURNS if has_contexts else [])


def of_first_format(row: dict[str, Any], has_contexts: bool) -> dict[str, Any]:
    *context, question, answer = row.pop("messages")
    return {
        **row,
        **({"context": context} if has_contexts else {}),
        "question": question["content"],
        "answer": answer["content"],
        "original_question": row.pop("original_messages")[-2]["content"],
    }


def test_each_document_has_the_hash_of_what_was_read(tmp_path: Path, version: str) -> None:
    loop = FolderLoop(tmp_path)
    given, not_given = documents(loop, version, loop.manifest(version))
    content = (tmp_path / "in" / "raw" / "a.jsonl").read_bytes()
    assert given == {"raw/a.jsonl": hashlib.sha256(content).hexdigest()}
    assert not_given == {"raw/junk.bin": hashlib.sha256(JUNK.encode()).hexdigest()}


PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/meguru-poc--text/2"


class NoSuchKey(ClientError):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")


class FakeAccount(Account):
    """One answer of one version, and an empty lake."""

    class exceptions:  # noqa: N801
        NoSuchKey = NoSuchKey

    def __init__(self, package: dict[str, Any] | None) -> None:
        super().__init__("poc", "http://127.0.0.1:9")
        self.outputs = Outputs(
            InferenceTable="inference", LakeBucket="lake", ReleaseTable="releases"
        )
        self._package = package

    def client(self, service: str) -> Any:
        return self

    def get_item(self, TableName: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        if TableName == "releases":
            return {}
        messages = {"L": [{"M": {"role": {"S": "user"}, "content": {"S": "締切は?"}}}]}
        item = {"model_package_arn": {"S": PACKAGE}, "messages": messages, "answer": {"S": "不明"}}
        return {"Item": item}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        if self._package is None:
            told = {"Code": "ValidationException", "Message": "does not exist"}
            raise ClientError({"Error": told}, "DescribeModelPackage")
        return {"ModelApprovalStatus": "Approved", **self._package}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        raise NoSuchKey


def test_an_answer_of_a_base_model_as_it_is() -> None:
    made_of = {"base_model": "tiny@66e2", "base_model_licence": "MIT", "reason": "as it is"}
    package = {
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "to try",
        "CustomerMetadataProperties": made_of,
    }
    found = trace(FakeAccount(package), "chatcmpl-1")
    assert (found.question, found.answer, found.model_package_arn) == ("締切は?", "不明", PACKAGE)
    assert (found.base_model, found.base_model_licence) == ("tiny@66e2", "MIT")
    assert found.approval == {"status": "Approved", "said": "to try"}
    assert "no run trained it" in found.note
    assert (found.training_job, found.dataset_version, found.records) == (None, None, [])


@pytest.mark.parametrize(
    ("package", "note"),
    [
        (None, "the version is no longer in the registry"),
        ({"ModelApprovalStatus": "Approved"}, "registered by something else than a run"),
        (
            {"CustomerMetadataProperties": {"dataset_version": "v", "training_job": "job-1"}},
            "the dataset version is no longer in the lake",
        ),
    ],
)
def test_what_is_known_is_said_where_the_way_ends(
    package: dict[str, Any] | None, note: str
) -> None:
    found = trace(FakeAccount(package), "chatcmpl-1")
    assert note in found.note and found.answer == "不明"
