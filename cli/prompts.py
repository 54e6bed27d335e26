"""The prompts of one model: what is in the lake, and how one comes to serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.account import Account
from cli.loop import Loop
from cli.model_versions import describe_version, read_release, standing
from cli.run_progress import RunProgress
from cli.runs import Run
from meguru.names import prompt_prefix, prompts_prefix
from meguru.prompt import FILE, MANIFEST, Prompt, is_prompt_version

NONE = "none"
SHORTEST = 4


@dataclass(frozen=True)
class Stored:
    """A version in the lake, and the model versions that have it: (number, how it stands)."""

    version: str
    added_at: datetime
    prompt: Prompt
    registered: list[tuple[str, str]]


class Prompts:
    """The prompts of one model of an account; ValueError where it has no model of this name."""

    def __init__(self, account: Account, model: str) -> None:
        self._key = find_model(account, model)
        self._account = account.of_model(self._key)
        self._loop = Loop(self._account)

    def add(self, prompt: Prompt) -> bool:
        """Put a version into the lake; whether it is a new one."""
        is_new = prompt.version not in self.versions()
        prefix = prompt_prefix(self._key, prompt.version)
        # The manifest last: it says that the rest is there.
        for name, content in ((FILE, prompt.to_json()), (MANIFEST, prompt.manifest())):
            self._account.client("s3").put_object(
                Bucket=self._bucket, Key=prefix + name, Body=content
            )
        return is_new

    def versions(self) -> dict[str, datetime]:
        """Those that are whole with the time they were added, the newest last."""
        pages = self._account.client("s3").get_paginator("list_objects_v2")
        listed = pages.paginate(Bucket=self._bucket, Prefix=prompts_prefix(self._key))
        found = {
            one["Key"].split("/")[-2]: one["LastModified"]
            for page in listed
            for one in page.get("Contents", [])
            if one["Key"].endswith(f"/{MANIFEST}")
        }
        return dict(sorted(found.items(), key=lambda pair: pair[1]))

    def find(self, version: str) -> str:
        """The whole version that `version` is the beginning of; ValueError says which there are."""
        if version == NONE:
            return NONE
        known = list(self.versions())
        found = [one for one in known if one.startswith(version)]
        if len(version) >= SHORTEST and len(found) == 1:
            return found[0]
        if len(version) >= SHORTEST and len(found) > 1:
            raise ValueError(
                f"{version!r} is the beginning of {len(found)} versions: {', '.join(found)}"
            )
        if len(version) < SHORTEST:
            raise ValueError(
                f"{version!r} is too short for a prompt's version: give its first {SHORTEST} "
                f"characters or more (there are: {', '.join(known) or 'none yet'})"
            )
        raise ValueError(
            f"no prompt version {version!r} of this model is in the lake (there are: "
            f"{', '.join(known) or 'none yet'}): add it with `meguru prompt add MODEL FILE`"
        )

    def read(self, version: str) -> Prompt | None:
        """A version's prompt; None for `none`."""
        whole = self.find(version)
        if whole == NONE:
            return None
        return Prompt.parse(self._loop.read(prompt_prefix(self._key, whole) + FILE))

    def stored(self) -> list[Stored]:
        """Everything of each version, the newest first."""
        users: dict[str, list[tuple[str, str]]] = {}
        for version, number, status in self._registered():
            users.setdefault(version, []).append((number, status))
        found = []
        for version, added_at in reversed(self.versions().items()):
            prompt = self.read(version)
            assert prompt is not None
            found.append(Stored(version, added_at, prompt, users.get(version, [])))
        return found

    def already_with(self, version: str, package: str = "") -> str:
        """Why there is nothing to release: how the model version stands that has this prompt.

        Empty where it has another. ValueError where no version serves and none is named, and for
        one that there are no questions to evaluate on.
        """
        endpoint = self._account.outputs["EndpointName"]
        release = read_release(self._account, endpoint)
        arn = self._package(package) or release.get("released_model_package_arn", "")
        if not arn:
            raise ValueError(
                "no version of this model serves yet: name the one that the prompt is for with "
                "--package"
            )
        described = describe_version(self._account, arn)
        made_of = described.get("CustomerMetadataProperties", {})
        if described and "dataset_version" not in made_of:
            raise ValueError(
                f"version {arn.rpartition('/')[2]} is {made_of.get('base_model', 'a model')} as it "
                "is: no data version belongs to it, to evaluate a prompt on; name one that a run "
                "has trained with --package"
            )
        if made_of.get("prompt_version", NONE) != self.find(version):
            return ""
        return f"version {arn.rpartition('/')[2]}: {standing(self._account, arn, endpoint)}"

    def release(self, version: str, package: str = "", reason: str = "") -> Run:
        """Have a version evaluated and, where the gate lets it through, registered: the run of it.

        Without `package` (an ARN, or a version's number) it is for the weights that serve.
        """
        said = {"prompt_version": self.find(version), "package": self._package(package)}
        given = {name: value for name, value in {**said, "reason": reason}.items() if value}
        outputs = self._account.outputs
        started = self._account.client("stepfunctions").start_execution(
            stateMachineArn=outputs["ReleasePromptArn"], input=json.dumps(given)
        )
        arn = started["executionArn"]
        return Run(
            name=arn.rpartition(":")[2],
            model=outputs["ModelName"],
            arn=arn,
            started_at=started["startDate"],
            endpoint=outputs["EndpointName"],
        )

    def progress(self, run: Run) -> RunProgress:
        return RunProgress(self._account, run)

    def outcome(self, run: Run) -> dict[str, Any]:
        """Of a run that has ended: `model_package_arn` and `metrics`, or `reasons` of the gate."""
        return self._loop.finished(run.arn)

    def evidence(self, model_package_arn: str) -> str:
        made_of = self._loop.model_package(model_package_arn)["CustomerMetadataProperties"]
        return str(made_of["evidence"])

    @property
    def _bucket(self) -> str:
        return self._account.outputs["LakeBucket"]

    def _package(self, package: str) -> str:
        """The ARN of a version that is named by its number; ValueError where there is none."""
        if not package:
            return ""
        known = {one["ModelPackageArn"] for one in self._packages()}
        found = [arn for arn in known if package in (arn, arn.rpartition("/")[2])]
        if not found:
            numbers = sorted(int(arn.rpartition("/")[2]) for arn in known)
            raise ValueError(
                f"this model has no version {package} (there are: "
                f"{', '.join(map(str, numbers)) or 'none yet'})"
            )
        return str(found[0])

    def _packages(self) -> Iterator[dict[str, Any]]:
        pages = self._account.client("sagemaker").get_paginator("list_model_packages")
        group = self._account.outputs["ModelPackageGroup"]
        for page in pages.paginate(ModelPackageGroupName=group):
            yield from page["ModelPackageSummaryList"]

    def _registered(self) -> Iterator[tuple[str, str, str]]:
        """Of each model version that has a prompt: the prompt's, its number, how it stands."""
        for one in self._packages():
            arn = one["ModelPackageArn"]
            made_of = self._loop.model_package(arn).get("CustomerMetadataProperties", {})
            if is_prompt_version(made_of.get("prompt_version", "")):
                number = arn.rpartition("/")[2]
                yield made_of["prompt_version"], number, one["ModelApprovalStatus"]


def find_model(account: Account, model: str) -> str:
    """The key of the model that the API or the environment file calls `model`."""
    names = {key: outputs["ModelName"] for key, outputs in account.models().items()}
    for key, name in names.items():
        if model in (key, name):
            return key
    known = ", ".join(sorted(set(names.values()))) or "none"
    raise ValueError(
        f"no model '{model}' is in the environment '{account.environment_name}' "
        f"(there are: {known})"
    )
