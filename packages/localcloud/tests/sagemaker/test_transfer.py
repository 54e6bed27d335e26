"""Archives of models: unpacked as they are, and refused where they lead out of their folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from localcloud.sagemaker.transfer import unpack


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
