"""The base models of a lake: what is in it, and how another gets into it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base_models.source_files import CONFIG, choose_files
from cli.account import Account
from cli.loop import ExecutionFailed, Loop, LoopFailed
from meguru.base_model import BaseModel
from meguru.model_hashes import MANIFEST
from meguru.names import (
    BASE_MODELS_PREFIX,
    INCOMING_MODELS_PREFIX,
    base_model_head_key,
    base_model_manifest_key,
    base_model_prefix,
    is_base_model_name,
)
from meguru.prompt_bound import TEMPLATE_TOKENS, PromptBound

COMMIT = re.compile(r"[0-9a-f]{40}")
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
# What S3 says of it, within what SageMaker says of the job.
_UNREADABLE = re.compile(r"Access ?Denied|not authorized|Forbidden|\b403\b")
RESPONSES = {
    "text": ["application/json", "text/event-stream"],
    "embedding": ["application/json"],
}
# A day: a job waits for capacity.
TIMEOUT_SECONDS = 86_400.0


@dataclass(frozen=True)
class Place:
    """Where a base model is taken from: `kind` as in meguru.base_model.SOURCE_KINDS."""

    kind: str
    address: str
    revision: str = ""


def read_source(source: str, revision: str = "") -> Place:
    """What a person means by SOURCE; ValueError says what it can be, before anything is sent.

    A path that is there, `s3://bucket/prefix/`, or a hub's `owner/model` with a commit, which may
    stand behind an @.
    """
    if not source.strip():
        raise ValueError(
            "the source is empty: give a folder, a .gguf file, s3://bucket/prefix/, or a hub's "
            "owner/model@commit"
        )
    if source.startswith("s3://"):
        if not _S3.fullmatch(source):
            raise ValueError(f"{source} names no bucket: give s3://bucket/prefix/")
        if source.endswith(".gguf"):
            return _once(Place("gguf", source), revision)
        return _once(Place("s3", source.rstrip("/") + "/"), revision)
    path = Path(source)
    if path.exists():
        is_gguf = path.is_file() and path.suffix == ".gguf"
        if path.is_file() and not is_gguf:
            raise ValueError(f"{source} is no folder and no .gguf file: give the model's folder")
        return _once(Place("gguf" if is_gguf else "folder", str(path.resolve())), revision)
    repository, _, behind = source.partition("@")
    commit = revision or behind
    if not _HUB_ID.fullmatch(repository):
        raise ValueError(
            f"{source} is not here: give a folder, a .gguf file, s3://bucket/prefix/, or a hub's "
            "owner/model@commit"
        )
    if not COMMIT.fullmatch(commit):
        said = f"it is {commit!r}" if commit else "there is none"
        raise ValueError(
            f"{repository}: no such path is here, and a hub's model needs the commit it is taken "
            f"at, 40 hexadecimal digits ({said}): owner/model@commit, or --revision"
        )
    return Place("hub", repository, commit)


def model_files(folder: Path) -> list[Path]:
    """What is sent of a folder: what the job takes of it, by the same rules.

    ValueError, before anything is sent, for what the job would refuse by its name.
    """
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder} has no {CONFIG}: give the folder that has the model's")
    manifest = folder / MANIFEST
    chosen = choose_files(folder)
    own = [manifest] if manifest.is_file() else []
    return [*chosen.taken.values(), *chosen.description, *own]


def _once(place: Place, revision: str) -> Place:
    if revision:
        raise ValueError(f"--revision is for a hub's models; {place.address} has none")
    return place


def check_base_model_name(name: str) -> None:
    if not is_base_model_name(name):
        raise ValueError(
            f"{name!r} is no name for a base model: up to 63 lower-case letters and digits, "
            "with single dots and hyphens between them"
        )


def why_refused(place: Place, reason: str) -> str:
    """Why the job made no base model of `place`: its own words, but where it couldn't read it."""
    if place.address.startswith("s3://") and _UNREADABLE.search(reason):
        return (
            f"the job may not read {place.address}: write the prefix into `base_models: sources:` "
            "of the environment file and deploy; where it stands there, the bucket's owner has to "
            "let the job's role read it"
        )
    return reason


class BaseModels:
    """The base models of one account's lake."""

    def __init__(self, account: Account) -> None:
        self._account, self._loop = account, Loop(account, TIMEOUT_SECONDS)

    @property
    def _bucket(self) -> str:
        return self._account.outputs["LakeBucket"]

    def add(
        self, place: Place, name: str, licence: str, say: Callable[[str], None]
    ) -> dict[str, Any]:
        """Have the job make the base model; `name`, `revision`, `is_new` and `notes`.

        LoopFailed with the job's own line where it refuses.
        """
        check_base_model_name(name)
        # What was uploaded goes, however it ends.
        uploaded = self._upload(place, say)
        try:
            said = {
                "name": name,
                "kind": place.kind,
                # Where a file lay on somebody's own machine is nobody else's concern.
                "address": Path(place.address).name if uploaded else place.address,
                "revision": place.revision,
                "licence": licence,
                "input": "" if place.kind == "hub" else uploaded or place.address,
            }
            started = self._account.client("stepfunctions").start_execution(
                stateMachineArn=self._account.outputs["AddBaseModelArn"], input=json.dumps(said)
            )
            say("the job checks it")
            return self._loop.finished(started["executionArn"])
        except ExecutionFailed as error:
            raise LoopFailed(why_refused(place, error.reason)) from error
        finally:
            self._delete(uploaded)

    def register(self, model: BaseModel) -> str:
        """Register a base model as it is, in the account's model; its model package's ARN.

        It waits for approval as every version does, and brings no evaluation.
        """
        outputs = self._account.outputs
        if model.kind != outputs["ModelKind"]:
            raise ValueError(
                f"the base model {model.name} is of kind {model.kind}, and {outputs['ModelName']} "
                f"of kind {outputs['ModelKind']}: name a model of its kind with --model"
            )
        place = f"s3://{self._bucket}/{base_model_prefix(model.name, model.revision)}"
        source = {"S3Uri": place, "S3DataType": "S3Prefix", "CompressionType": "None"}
        container = {
            "Image": outputs["InferenceImageUri"],
            "ModelDataSource": {"S3DataSource": source},
        }
        named = f"{model.name}@{model.revision}"
        package: str = self._account.client("sagemaker").create_model_package(
            ModelPackageGroupName=outputs["ModelPackageGroup"],
            ModelPackageDescription=f"Base model {named} as it is: neither trained nor evaluated",
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": RESPONSES[model.kind],
            },
            CustomerMetadataProperties={
                "base_model": named,
                "base_model_licence": model.licence,
                TEMPLATE_TOKENS: model.template_tokens or PromptBound().metadata(),
                "reason": "base model as it is",
            },
        )["ModelPackageArn"]
        return package

    def names(self) -> list[str]:
        listed = self._pages(Prefix=BASE_MODELS_PREFIX, Delimiter="/")
        prefixes = [one["Prefix"] for page in listed for one in page.get("CommonPrefixes", [])]
        return [one.removeprefix(BASE_MODELS_PREFIX).strip("/") for one in prefixes]

    def head(self, name: str) -> BaseModel:
        """The revision that trainings begin from; ValueError where there is none of this name."""
        check_base_model_name(name)
        s3 = self._account.client("s3")
        try:
            revision = self._loop.read_json(base_model_head_key(name))["revision"]
        except s3.exceptions.NoSuchKey as error:
            known = ", ".join(self.names()) or "none yet"
            raise ValueError(
                f"no base model '{name}' is in the lake (there are: {known}): add it with "
                f"`meguru model add SOURCE --name {name}`"
            ) from error
        return self.revision(name, revision)

    def named(self, text: str) -> BaseModel:
        """Of `NAME` the revision that trainings begin from, of `NAME@REVISION` that one."""
        name, at, revision = text.partition("@")
        newest = self.head(name)
        if not at:
            return newest
        if revision not in (known := self.revisions(name)):
            raise ValueError(
                f"'{name}' has no revision '{revision}' in the lake (there are: "
                f"{', '.join(known)}): give one of them, or leave @{revision} out for the newest"
            )
        return self.revision(name, revision)

    def revision(self, name: str, revision: str) -> BaseModel:
        return BaseModel.parse(self._loop.read(base_model_manifest_key(name, revision)))

    def revisions(self, name: str) -> list[str]:
        """Those that are whole: a revision is there once its manifest is."""
        keys = [
            one["Key"]
            for page in self._pages(Prefix=f"{BASE_MODELS_PREFIX}{name}/")
            for one in page.get("Contents", [])
        ]
        return [key.split("/")[-2] for key in keys if key.endswith("/manifest.json")]

    def _pages(self, **request: str) -> Any:
        pages = self._account.client("s3").get_paginator("list_objects_v2")
        return pages.paginate(Bucket=self._bucket, **request)

    def _upload(self, place: Place, say: Callable[[str], None]) -> str:
        """Put a folder's or a file's bytes where the job reads them; the prefix, or nothing."""
        if place.address.startswith("s3://") or place.kind == "hub":
            return ""
        path = Path(place.address)
        files = [path] if path.is_file() else model_files(path)
        root = path.parent if path.is_file() else path
        prefix = f"{INCOMING_MODELS_PREFIX}{uuid.uuid4().hex}/"
        total = sum(file.stat().st_size for file in files)
        say(f"{len(files)} files ({total / 1e6:,.0f} MB) go to the lake")
        for file in files:
            key = prefix + file.relative_to(root).as_posix()
            self._account.client("s3").upload_file(str(file), self._bucket, key)
        return f"s3://{self._bucket}/{prefix}"

    def _delete(self, uploaded: str) -> None:
        if not uploaded:
            return
        prefix = uploaded.removeprefix(f"s3://{self._bucket}/")
        for page in self._pages(Prefix=prefix):
            for one in page.get("Contents", []):
                self._account.client("s3").delete_object(Bucket=self._bucket, Key=one["Key"])
