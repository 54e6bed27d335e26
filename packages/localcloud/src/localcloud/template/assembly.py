"""A CDK assembly (`cdk.out`): its stacks in the order of deployment, and their assets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.assets import FileAsset, ImageAsset, file_assets, image_assets

# The manifest schema of aws-cdk-lib 2.0; later ones have only added to it.
_OLDEST_SCHEMA = 20
_UNKNOWN = {"unknown-account", "unknown-region"}

Json = dict[str, Any]


@dataclass(frozen=True)
class StackArtifact:
    """One stack of an assembly: its template and what its manifest says of it."""

    artifact_id: str
    stack_name: str
    display_name: str
    template: Json
    account: str | None
    region: str | None
    dependencies: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Assembly:
    """What `cdk synth` wrote: every stack (those of Stages too) and every asset."""

    def __init__(
        self,
        path: Path,
        stacks: list[StackArtifact],
        files: list[FileAsset],
        images: list[ImageAsset],
    ) -> None:
        self.path = path
        self.stacks = _in_order(stacks)
        self.files = {asset.object_key: asset for asset in files}
        self.images = {asset.image_tag: asset for asset in images}
        self.account = _concrete(path, "account", [stack.account for stack in stacks])
        self.region = _concrete(path, "region", [stack.region for stack in stacks])

    @classmethod
    def load(cls, path: Path | str) -> Assembly:
        """Read the assembly in a folder. ValueError, one clear line, where it isn't one."""
        root = Path(path).resolve()
        try:
            return cls._read(root)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{root} is not as aws-cdk-lib 2 writes it ({type(error).__name__}: {error}): "
                "synthesize again"
            ) from error

    @classmethod
    def _read(cls, root: Path) -> Assembly:
        stacks: list[StackArtifact] = []
        files: list[FileAsset] = []
        images: list[ImageAsset] = []
        for directory, manifest in _manifests(root):
            artifacts: Json = manifest.get("artifacts", {})
            for artifact_id, artifact in artifacts.items():
                if artifact["type"] == "aws:cloudformation:stack":
                    stacks.append(_stack(directory, artifact_id, artifact))
                elif artifact["type"] == "cdk:asset-manifest":
                    assets = _read_json(directory / artifact["properties"]["file"])
                    files += file_assets(assets, directory)
                    images += image_assets(assets, directory)
        if not stacks:
            raise ValueError(f"{root} has no stacks: add one to the CDK app and synthesize again")
        return cls(root, stacks, files, images)

    def file_asset(self, object_key: str) -> Path | None:
        """The file or folder behind an S3 key of the bootstrap bucket; None when it isn't one."""
        asset = self.files.get(object_key)
        return asset.path if asset else None

    def image_asset(self, image_uri: str) -> ImageAsset | None:
        """The image asset that an ECR image URI (`…/repository:tag`) names; None when none."""
        return self.images.get(image_uri.rpartition(":")[2])

    def nested_template(self, resource: Mapping[str, Any]) -> Json:
        """The template of an AWS::CloudFormation::Stack resource. ValueError when not an asset."""
        url = json.dumps(resource.get("Properties", {}).get("TemplateURL", ""))
        for key, asset in self.files.items():
            if key in url:
                return _read_json(asset.path)
        raise ValueError(
            f"TemplateURL {url} is no asset of {self.path}: localcloud takes nested stacks "
            "from the assembly only"
        )


def _manifests(directory: Path) -> Iterator[tuple[Path, Json]]:
    """The manifest of an assembly and those of the assemblies nested in it."""
    file = directory / "manifest.json"
    if not file.is_file():
        raise ValueError(
            f"{directory} is not a CDK assembly: it has no manifest.json; "
            "run `cdk synth` (or the CDK app) and give its output folder, cdk.out"
        )
    manifest = _read_json(file)
    _check_schema(file, manifest)
    yield directory, manifest
    for artifact in manifest.get("artifacts", {}).values():
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _manifests(directory / artifact["properties"]["directoryName"])


def _read_json(file: Path) -> Json:
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file} is missing from the assembly: synthesize again") from None
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}): synthesize again") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file} is not a JSON object: synthesize again")
    return content


def _check_schema(file: Path, manifest: Mapping[str, Any]) -> None:
    major = str(manifest.get("version", "")).partition(".")[0]
    if not major.isdigit() or int(major) < _OLDEST_SCHEMA:
        raise ValueError(
            f"{file} has schema version {manifest.get('version')!r}; localcloud reads "
            f"{_OLDEST_SCHEMA} and later, as aws-cdk-lib 2 writes it"
        )


def _stack(directory: Path, artifact_id: str, artifact: Json) -> StackArtifact:
    display_name = artifact.get("displayName", artifact_id)
    _refuse_synthesis_errors(directory, display_name, artifact)
    properties: Json = artifact.get("properties", {})
    account, _, region = artifact["environment"].removeprefix("aws://").partition("/")
    return StackArtifact(
        artifact_id=artifact_id,
        stack_name=properties.get("stackName", artifact_id),
        display_name=display_name,
        template=_read_json(directory / properties["templateFile"]),
        account=None if account in _UNKNOWN else account,
        region=None if region in _UNKNOWN else region,
        dependencies=tuple(artifact.get("dependencies", ())),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
    )


def _refuse_synthesis_errors(directory: Path, name: str, artifact: Json) -> None:
    metadata = dict(artifact.get("metadata", {}))
    if "additionalMetadataFile" in artifact:
        metadata |= _read_json(directory / artifact["additionalMetadataFile"])
    for path, entries in metadata.items():
        for entry in entries:
            if entry["type"] == "aws:cdk:error":
                raise ValueError(f"stack {name} has an error at {path}: {entry.get('data')}")


def _in_order(stacks: list[StackArtifact]) -> list[StackArtifact]:
    """Stacks after those they depend on, otherwise as the manifest has them."""
    by_id = {stack.artifact_id: stack for stack in stacks}
    ordered: dict[str, StackArtifact] = {}

    def place(stack: StackArtifact, path: tuple[str, ...]) -> None:
        if stack.artifact_id in path:
            raise ValueError(f"stacks depend on each other: {' -> '.join(path)}")
        for dependency in stack.dependencies:
            if dependency in by_id and dependency not in ordered:
                place(by_id[dependency], (*path, stack.artifact_id))
        ordered[stack.artifact_id] = stack

    for stack in stacks:
        if stack.artifact_id not in ordered:
            place(stack, ())
    return list(ordered.values())


def _concrete(path: Path, noun: str, values: list[str | None]) -> str | None:
    """The one account or region that stacks name; None when they leave it open.

    Stacks in more regions come up in the one that most of them name; two accounts are refused.
    """
    counts = Counter(value for value in values if value)
    if noun == "account" and len(counts) > 1:
        raise ValueError(
            f"{path} has stacks for the accounts {', '.join(sorted(counts))}: localcloud is one "
            "account; synthesize its stacks alone"
        )
    return counts.most_common(1)[0][0] if counts else None
