"""Archives of models: unpacked as they are, and refused where they lead out of their folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import cast

import pytest

from localcloud.account import Account
from localcloud.sagemaker.transfer import Transfer, unpack


def archive_of(folder: Path, *members: tarfile.TarInfo) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = 1 if member.isfile() else 0
            tar.addfile(member, io.BytesIO(b"x") if member.isfile() else None)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def test_files_folders_and_links_within_are_unpacked(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path,
        member("code", tarfile.DIRTYPE),
        member("code/inference.py"),
        member("latest", tarfile.SYMTYPE, "code"),
    )
    unpack(archive, tmp_path / "model")
    assert (tmp_path / "model" / "latest" / "inference.py").read_text() == "x"


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("/outside"),
        member("code/../../outside"),
        member("link", tarfile.SYMTYPE, "../outside"),
        member("link", tarfile.SYMTYPE, "/etc"),
        member("link", tarfile.LNKTYPE, "../outside"),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda one: f"{one.name} {one.linkname}".strip(),
)
def test_what_leads_out_is_refused_by_name(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    archive = archive_of(tmp_path, hostile)
    with pytest.raises(ValueError, match=f"model.tar.gz is no sound .*'{hostile.name}'"):
        unpack(archive, tmp_path / "model")
    assert not (tmp_path / "outside").exists()


class Bucket:
    """Of S3's client what a download asks for: keys in S3's order, each with one byte."""

    def __init__(self, *keys: str) -> None:
        self._keys = sorted(keys)

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, **where: str) -> list[dict[str, list[dict[str, str]]]]:
        return [{"Contents": [{"Key": key} for key in self._keys]}]

    def get_object(self, **where: str) -> dict[str, io.BytesIO]:
        return {"Body": io.BytesIO(b"x")}


class AccountOf:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def client(self, *which: object) -> Bucket:
        return self._bucket


def download(folder: Path, *keys: str) -> None:
    account = cast(Account, AccountOf(Bucket(*keys)))
    role = "arn:aws:iam::000000000000:role/job"
    Transfer(account, role).download_prefix("s3://lake/raw/", folder)


def test_each_key_becomes_a_file_of_its_name(tmp_path: Path) -> None:
    names = ["a/b.csv", "問" * 85, "a b", "..c"]
    download(tmp_path, *(f"raw/{name}" for name in names))
    assert all((tmp_path / name).read_bytes() == b"x" for name in names)


IS_FOLDER = "can't be a file's name, as it is also the folder"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["raw/" + "問" * 86], "問 can't be a file's name .*too long.*: rename the object"),
        (["raw/x", "raw/x/y"], f"key raw/x {IS_FOLDER} of raw/x/y: rename the object"),
        (["raw/x", "raw/x//y"], f"key raw/x {IS_FOLDER} of raw/x//y: rename the object"),
        (["raw/x", "raw/x.y", "raw/x/y/z"], f"key raw/x {IS_FOLDER} of raw/x/y/z: rename"),
        (["raw/a-b/c/d", "raw/a-b/c"], f"raw/a-b/c {IS_FOLDER} of raw/a-b/c/d: rename"),
        (["raw/a\0b"], r"key 'raw/a\\x00b' can't be a file's name .*null byte.*: rename"),
        (["raw/a\nb" + "c" * 300], r"key 'raw/a\\nbc+…c+' can't be a file's name .*: rename"),
        (["raw/."], "key raw/. can't be a file's name: rename the object"),
        (["raw/a//b", "raw/a/b"], "keys raw/a//b and raw/a/b are one file: rename an object"),
        (["raw/a/./b", "raw/a/b"], "keys raw/a/./b and raw/a/b are one file: rename an object"),
        (["raw/../x"], "leads out of its folder: rename the object"),
    ],
)
def test_a_key_that_can_be_no_file_is_named(tmp_path: Path, keys: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        download(tmp_path / "folder", *keys)


def test_nothing_is_fetched_where_a_key_is_another_s_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="also the folder"):
        download(tmp_path / "folder", "raw/0", "raw/x", "raw/x/y")
    assert not (tmp_path / "folder").exists()
