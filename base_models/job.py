"""The processing job: a source from SageMaker's folders or a hub, the base model to its output."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from base_models.add import Added, add
from base_models.hub import download
from meguru.base_model import SOURCE_KINDS, Source
from meguru.fingerprint import canonical_json
from meguru.model_hashes import MANIFEST
from meguru.names import is_base_model_name


def main(environment: Mapping[str, str]) -> int:
    """The container's exit status; what went wrong is the processing job's ExitMessage."""
    root = Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        run(root / "processing", environment)
    except (ValueError, OSError) as error:
        place = root / "output" / "message"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(error), encoding="utf-8")
        print(f"adding the base model failed: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def run(folder: Path, environment: Mapping[str, str]) -> Added:
    """Make the base model of `folder/input/source`, or of a hub's, in `folder/output`.

    `NAME`, `SOURCE_KIND`, `SOURCE_ADDRESS`, `SOURCE_REVISION` and `LICENCE` say what it is.
    """
    name, source = environment["NAME"], _source(environment)
    if not is_base_model_name(name):
        raise ValueError(
            f"{name!r} is no name for a base model: up to 63 lower-case letters and digits, with "
            "single dots and hyphens between them"
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix="hub-") as downloaded:
        place = folder / "input" / "source"
        if source.kind == "hub":
            place = Path(downloaded)
            endpoint = environment.get("HF_ENDPOINT") or None
            download(source.address, source.revision, place, endpoint)
            # The client's own records of the download.
            shutil.rmtree(place / ".cache", ignore_errors=True)
        elif not place.is_dir():
            raise ValueError(f"nothing is at {source.address}: give a folder, or a prefix in S3")
        output = folder / "output"
        added = add(
            place,
            output / "model",
            name=name,
            source=source,
            licence=environment.get("LICENCE", ""),
        )
    write_result(output / "result", added)
    for note in added.notes:
        print(f"event=note {note}", flush=True)
    return added


def write_result(folder: Path, added: Added) -> None:
    """Apart from the files: a manifest in its place says that all of them are there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(added.model.to_json())
    result = {"revision": added.model.revision, "notes": added.notes}
    (folder / "result.json").write_bytes(canonical_json(result))


def _source(environment: Mapping[str, str]) -> Source:
    kind = environment["SOURCE_KIND"]
    if kind not in SOURCE_KINDS:
        raise ValueError(f"SOURCE_KIND={kind!r} is none of {', '.join(SOURCE_KINDS)}")
    return Source(kind, environment["SOURCE_ADDRESS"], environment.get("SOURCE_REVISION", ""))
