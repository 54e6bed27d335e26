"""The order in which an assembly's images are built and pushed."""

from __future__ import annotations

import json
from pathlib import Path


def build_after(folder: Path, stack: str) -> None:
    """Let the images of the assembly in `folder` wait for the stack that has their repository.

    The CDK CLI pushes an image after the stacks that its stack depends on, but by default it builds
    all images before it deploys anything, and asks their repository first whether they are there.
    What an asset manifest itself depends on comes before both.
    """
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "cdk:asset-manifest" and _has_images(folder, artifact):
            artifact["dependencies"] = sorted({*artifact.get("dependencies", []), stack})
    file.write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _has_images(folder: Path, artifact: dict[str, dict[str, str]]) -> bool:
    assets = json.loads((folder / artifact["properties"]["file"]).read_text(encoding="utf-8"))
    return bool(assets.get("dockerImages"))
