from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localcloud.template.assembly import Assembly

if TYPE_CHECKING:
    from tests.template.conftest import WriteAssembly


def add_artifacts(folder: Path, **artifacts: object) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["artifacts"] |= artifacts
    file.write_text(json.dumps(manifest))


def test_stacks_come_after_those_they_depend_on(write_assembly: WriteAssembly) -> None:
    folder = write_assembly(
        {"A": {}, "B": {}, "C": {}},
        A={"dependencies": ["C", "A.assets"]},
        B={"dependencies": ["A"]},
    )
    assert [s.stack_name for s in Assembly.load(folder).stacks] == ["C", "A", "B"]


def test_stacks_that_depend_on_each_other_are_named(write_assembly: WriteAssembly) -> None:
    folder = write_assembly(
        {"A": {}, "B": {}}, A={"dependencies": ["B"]}, B={"dependencies": ["A"]}
    )
    with pytest.raises(ValueError, match="depend on each other: A -> B"):
        Assembly.load(folder)


def test_stacks_of_a_stage_are_found(write_assembly: WriteAssembly) -> None:
    folder = write_assembly({"Outer": {}})
    write_assembly({"Inner": {"Description": "in a stage"}}, under="assembly-Prod")
    add_artifacts(
        folder,
        Prod={"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}},
    )
    assert {s.stack_name for s in Assembly.load(folder).stacks} == {"Outer", "Inner"}


def test_account_and_region_are_the_stacks_own_where_concrete(
    write_assembly: WriteAssembly,
) -> None:
    folder = write_assembly(
        {"A": {}, "B": {}, "C": {}},
        A={"environment": "aws://111122223333/ap-northeast-1"},
        B={"environment": "aws://111122223333/ap-northeast-1"},
        C={"environment": "aws://unknown-account/us-east-1"},
    )
    assembly = Assembly.load(folder)
    assert (assembly.account, assembly.region) == ("111122223333", "ap-northeast-1")


def test_an_open_environment_stays_open(write_assembly: WriteAssembly) -> None:
    assembly = Assembly.load(write_assembly({"A": {}}))
    assert (assembly.account, assembly.region) == (None, None)


def test_two_accounts_are_refused(write_assembly: WriteAssembly) -> None:
    folder = write_assembly(
        {"A": {}, "B": {}},
        A={"environment": "aws://111122223333/us-east-1"},
        B={"environment": "aws://444455556666/us-east-1"},
    )
    with pytest.raises(ValueError, match="111122223333, 444455556666"):
        Assembly.load(folder)


@pytest.fixture
def with_assets(write_assembly: WriteAssembly) -> Path:
    folder = write_assembly({"A": {}})
    code = folder / "asset.aaaa" / "package"
    code.mkdir(parents=True)
    (code / "module.py").write_text("x = 1\n")
    (folder / "asset.bbbb").mkdir()
    (folder / "asset.bbbb" / "Dockerfile").write_text("FROM scratch\n")
    files = {
        "aaaa": {
            "source": {"path": "asset.aaaa", "packaging": "zip"},
            "destinations": {"here": {"bucketName": "assets", "objectKey": "prefix/aaaa.zip"}},
        }
    }
    images = {
        "bbbb": {
            "source": {"directory": "asset.bbbb", "dockerBuildArgs": {"LEVEL": "3"}},
            "destinations": {"here": {"repositoryName": "images", "imageTag": "bbbb"}},
        }
    }
    manifest = {"version": "55.0.0", "files": files, "dockerImages": images}
    (folder / "A.assets.json").write_text(json.dumps(manifest))
    artifact = {"type": "cdk:asset-manifest", "properties": {"file": "A.assets.json"}}
    add_artifacts(folder, **{"A.assets": artifact})
    return folder


def test_a_file_asset_is_found_by_its_key_and_reads_as_a_zip(with_assets: Path) -> None:
    assembly = Assembly.load(with_assets)
    assert assembly.file_asset("prefix/aaaa.zip") == with_assets.resolve() / "asset.aaaa"
    assert assembly.file_asset("cccc.zip") is None
    content = assembly.files["prefix/aaaa.zip"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["package/module.py"]
    assert content == assembly.files["prefix/aaaa.zip"].read()


def test_an_image_asset_is_found_by_its_uri(with_assets: Path) -> None:
    image = Assembly.load(with_assets).image_asset(
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/images:bbbb"
    )
    assert image is not None
    assert (image.docker_file, image.build_args) == ("Dockerfile", {"LEVEL": "3"})


def test_a_missing_asset_is_named(with_assets: Path) -> None:
    (with_assets / "asset.bbbb" / "Dockerfile").unlink()
    (with_assets / "asset.bbbb").rmdir()
    with pytest.raises(ValueError, match="asset bbbb is missing"):
        Assembly.load(with_assets)


def test_a_folder_that_is_no_assembly_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.json").write_text("{}")
    with pytest.raises(ValueError, match="is not a CDK assembly: it has no manifest"):
        Assembly.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "1.0.0"}', '{"version": "x"}'])
def test_a_broken_manifest_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json") as raised:
        Assembly.load(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "artifact", [{}, {"type": "aws:cloudformation:stack"}, "text", {"type": "cdk:asset-manifest"}]
)
def test_an_artifact_of_another_shape_is_one_clear_line(
    write_assembly: WriteAssembly, artifact: object
) -> None:
    folder = write_assembly({"A": {}})
    add_artifacts(folder, Odd=artifact)
    with pytest.raises(ValueError, match="synthesize again") as raised:
        Assembly.load(folder)
    assert "\n" not in str(raised.value)


def test_a_missing_template_is_named(write_assembly: WriteAssembly) -> None:
    folder = write_assembly({"A": {}})
    (folder / "A.template.json").unlink()
    with pytest.raises(ValueError, match=r"A\.template\.json is missing"):
        Assembly.load(folder)


def test_an_assembly_without_stacks_is_refused(write_assembly: WriteAssembly) -> None:
    with pytest.raises(ValueError, match="has no stacks"):
        Assembly.load(write_assembly({}))


def test_errors_of_the_synthesis_are_shown(write_assembly: WriteAssembly) -> None:
    entry = {"type": "aws:cdk:error", "data": "two buckets need two names"}
    folder = write_assembly({"A": {}}, A={"metadata": {"/A/Bucket": [entry]}})
    with pytest.raises(ValueError, match="error at /A/Bucket: two buckets need two names"):
        Assembly.load(folder)
