"""SOURCE is what a person means by it, or is refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from cli.account import Account, Outputs
from cli.base_models import BaseModels, Place, model_files, read_source, why_refused
from cli.main import app
from meguru.base_model import ModelFile, revision_of
from meguru.names import base_model_head_key, base_model_manifest_key
from tests.unit.cli.test_packaged_models import MODEL

FILES = [(ModelFile("config.json", number * 64, 1),) for number in "01"]
REVISIONS = {revision_of(files): files for files in FILES}
*_, NEWEST = REVISIONS
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_source_is_known_by_how_it_looks(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.touch()
    assert read_source(str(tmp_path)) == Place("folder", str(tmp_path))
    assert read_source(str(file)) == Place("gguf", str(file))
    assert read_source("s3://bucket/m/") == Place("s3", "s3://bucket/m/")
    # A prefix without its slash would be that of its neighbours too.
    assert read_source("s3://bucket/m") == Place("s3", "s3://bucket/m/")
    assert read_source("s3://bucket/m.gguf") == Place("gguf", "s3://bucket/m.gguf")
    assert read_source(f"owner/model@{COMMIT}") == Place("hub", "owner/model", COMMIT)
    assert read_source("owner/model", COMMIT) == Place("hub", "owner/model", COMMIT)


def test_of_a_folder_a_model_s_files_alone_are_sent(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    with pytest.raises(ValueError, match=r"has no config\.json"):
        model_files(tmp_path)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "manifest.json", "a.txt"):
        (tmp_path / name).write_text("{}")
    sent = [path.name for path in model_files(tmp_path)]
    assert sent == ["config.json", "model.safetensors", "tokenizer.json", "manifest.json"]
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match=r"pytorch_model\.bin"):
        model_files(tmp_path)


def test_what_can_not_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.bin").touch()
    for source, revision, said in (
        (str(tmp_path / "m.bin"), "", "is no folder and no .gguf file"),
        ("", "", "the source is empty"),
        (" ", "", "the source is empty"),
        (str(tmp_path / "nothing" / "here"), "", "is not here: give a folder"),
        ("owner/model", "", r"needs the commit .* \(there is none\)"),
        ("owner/model@main", "", r"needs the commit .* \(it is 'main'\)"),
        ("s3:///m/", "", "names no bucket: give s3://bucket/prefix/"),
        ("s3://", "", "names no bucket"),
        ("s3://bucket/m/", COMMIT, "--revision is for a hub's models"),
    ):
        with pytest.raises(ValueError, match=said):
            read_source(source, revision)


@pytest.mark.parametrize(
    "reason",
    [
        "ClientError: Data download failed: AccessDenied: User: arn:r is not authorized to perform",
        "ClientError: Failed to download data. Access Denied (403)",
    ],
)
def test_a_source_that_the_job_may_not_read(reason: str) -> None:
    said = why_refused(read_source("s3://bucket/m/"), reason)
    assert "the job may not read s3://bucket/m/" in said and "base_models: sources:" in said
    # A hub that lets nobody in is another matter, and so is a broken file.
    assert why_refused(Place("hub", "owner/model", COMMIT), reason) == reason
    broken = "the shard model-1.safetensors is missing"
    assert why_refused(read_source("s3://bucket/m/"), broken) == broken


class LakeAccount(Account):
    """An account that has nothing but a lake."""

    def __init__(self) -> None:
        super().__init__("poc")
        self.outputs = Outputs({"LakeBucket": "lake"})


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseModels]:
    """A lake with two revisions of `smollm2`, of which trainings begin from the second."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        for revision, files in REVISIONS.items():
            content = replace(MODEL, revision=revision, files=files).to_json()
            key = base_model_manifest_key("smollm2", revision)
            s3.put_object(Bucket="lake", Key=key, Body=content)
        head = json.dumps({"revision": NEWEST}).encode()
        s3.put_object(Bucket="lake", Key=base_model_head_key("smollm2"), Body=head)
        yield BaseModels(LakeAccount())


def test_a_revision_is_named_or_the_newest(models: BaseModels) -> None:
    assert models.named("smollm2").revision == NEWEST
    for revision in REVISIONS:
        assert models.named(f"smollm2@{revision}").revision == revision
    for name, said in (
        ("smollm2@", rf"no revision '' in the lake \(there are: .*{NEWEST}"),
        (f"smollm2@{'c' * 16}", "leave @cccccccccccccccc out for the newest"),
        (f"other@{NEWEST}", "no base model 'other' is in the lake"),
    ):
        with pytest.raises(ValueError, match=said):
            models.named(name)


def test_a_plan_ends_with_one_where_it_does_not_fit() -> None:
    runner = CliRunner()
    fits = runner.invoke(app, ["model", "plan", "lora-8b"])
    assert fits.exit_code == 0 and "it fits" in fits.output and "estimate" in fits.output
    small = runner.invoke(app, ["model", "plan", "full-8b", "--instance-type", "ml.g5.xlarge"])
    assert small.exit_code == 1 and "it doesn't fit: the training needs" in small.output
    for count in ("0", "-1"):
        refused = runner.invoke(app, ["model", "plan", "lora-8b", "--instance-count", count])
        assert refused.exit_code == 2 and "--instance-count" in refused.output
    unknown = runner.invoke(app, ["model", "plan", "nothing"])
    assert (
        unknown.exit_code == 1 and "no recipe of this name; there are full-0.1b" in unknown.output
    )
