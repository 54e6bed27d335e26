"""The job reads SageMaker's folders or a hub, and says why it failed where SageMaker looks."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from base_models.job import main
from meguru.base_model import BaseModel, verify
from meguru.model_hashes import MANIFEST
from tests.unit.base_models.fake_hub import COMMIT, FakeHub


@pytest.fixture
def hub(model: Path) -> Iterator[FakeHub]:
    with FakeHub(("127.0.0.1", 0), model) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()


def environment(root: Path, **values: str) -> dict[str, str]:
    (root / "processing").mkdir(parents=True, exist_ok=True)
    return {
        "SAGEMAKER_BASE_DIR": str(root),
        "NAME": "tiny",
        "SOURCE_KIND": "folder",
        "SOURCE_ADDRESS": "/models/tiny",
        **values,
    }


def of_hub(root: Path, address: str, commit: str = COMMIT, name: str = "maker/tiny") -> int:
    said = {"SOURCE_KIND": "hub", "SOURCE_ADDRESS": name, "SOURCE_REVISION": commit}
    return main(environment(root, HF_ENDPOINT=address, **said))


def manifest(root: Path) -> BaseModel:
    return BaseModel.parse((root / "processing/output/result" / MANIFEST).read_bytes())


def test_a_folder_becomes_a_base_model(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "ml"
    shutil.copytree(model, root / "processing/input/source")
    assert main(environment(root)) == 0
    made = manifest(root)
    place = root / "processing/output/model" / made.revision
    shutil.copy(root / "processing/output/result" / MANIFEST, place)
    assert verify(place) == made
    result = json.loads((root / "processing/output/result/result.json").read_text())
    assert result["revision"] == made.revision


def test_a_failure_is_the_jobs_message(tmp_path: Path) -> None:
    root = tmp_path / "ml"
    assert main(environment(root)) == 1
    assert "nothing is at /models/tiny" in (root / "output/message").read_text()
    assert main(environment(root, NAME="../tiny")) == 1
    assert "is no name for a base model" in (root / "output/message").read_text()
    assert not (root / "processing/output").exists()


def test_a_hubs_model_is_the_folders(hub: FakeHub, tmp_path: Path) -> None:
    address, folder = hub.address, hub.folder
    # What runs code isn't fetched where safetensors are.
    (folder / "pytorch_model.bin").write_bytes(b"x")
    assert of_hub(tmp_path / "a", address) == 0
    (folder / "pytorch_model.bin").unlink()
    shutil.copytree(folder, tmp_path / "b" / "processing/input/source")
    assert main(environment(tmp_path / "b")) == 0
    ours = manifest(tmp_path / "a")
    assert ours.revision == manifest(tmp_path / "b").revision
    assert (ours.source.address, ours.source.revision) == ("maker/tiny", COMMIT)


def test_what_a_hub_lacks_is_said(hub: FakeHub, tmp_path: Path) -> None:
    address, folder = hub.address, hub.folder
    root = tmp_path / "ml"

    def refused(said: str, address: str = address, **values: str) -> None:
        assert of_hub(root, address, **values) == 1
        message = (root / "output/message").read_text()
        assert said in message and "\n" not in message
        assert not (root / "processing/output").exists()

    refused("needs the commit to take it at", commit="main")
    refused("the hub has no such model", name="maker/other")
    refused("the hub could not be reached", address="http://127.0.0.1:9")
    hub.false_hashes["model.safetensors"] = "0" * 64
    refused("model.safetensors arrived with another SHA-256")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused("no weights in .safetensors files")
