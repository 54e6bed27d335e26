"""Hostile archives are refused before anything of them is written."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import meguru.model_archive
from meguru.model_archive import open_model, unpack_model


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


def archive(folder: Path, *members: tarfile.TarInfo) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for one in members:
            tar.addfile(one, io.BytesIO(b"data") if one.size else None)
    return path


def test_plain_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path, member(".", tarfile.DIRTYPE), member("./config.json"))
    assert (unpack_model(path, tmp_path / "out") / "config.json").read_bytes() == b"data"


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        (lambda: member("../evil.json"), "leaves its folder"),
        (lambda: member("/etc/evil.json"), "leaves its folder"),
        (lambda: member("a/../../evil.json"), "leaves its folder"),
        (lambda: member("link.json", tarfile.SYMTYPE, "/etc/passwd"), "not a plain file"),
        (lambda: member("hard.json", tarfile.LNKTYPE, "config.json"), "not a plain file"),
        (lambda: member("pipe.json", tarfile.FIFOTYPE), "not a plain file"),
        (lambda: member("device.json", tarfile.CHRTYPE), "not a plain file"),
        (lambda: member("pytorch_model.bin"), "is not one of"),
        (lambda: member("modeling_custom.py"), "is not one of"),
        (lambda: member("noextension"), "is not one of"),
    ],
)
def test_hostile_member_is_refused(
    tmp_path: Path, hostile: Callable[[], tarfile.TarInfo], message: str
) -> None:
    path = archive(tmp_path, member("config.json"), hostile())
    with pytest.raises(ValueError, match=message):
        unpack_model(path, tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written before all is checked"


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meguru.model_archive, "MAX_UNPACKED_BYTES", 7)
    path = archive(tmp_path, member("a.json"), member("b.json"))
    with pytest.raises(ValueError, match="or 7 bytes"):
        unpack_model(path, tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(ValueError, match=r"model\.tar\.gz can't be unpacked"):
        unpack_model(path, tmp_path / "out")


def test_corrupt_compression_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, *[member(f"{number}.json") for number in range(500)])
    content = bytearray(path.read_bytes())
    for place in range(200, len(content), 37):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.tar\.gz can't be unpacked"):
        unpack_model(path, tmp_path / "out")


def test_only_what_is_wanted_is_unpacked_of_what_was_checked(tmp_path: Path) -> None:
    good = archive(tmp_path, member("./tokenizer.json"), member("model.safetensors"))
    folder = open_model(good.parent, tmp_path / "out", only=["tokenizer.json"])
    assert [path.name for path in folder.iterdir()] == ["tokenizer.json"]
    archive(tmp_path, member("tokenizer.json"), member("evil.py"))
    with pytest.raises(ValueError, match="is not one of"):
        open_model(tmp_path, tmp_path / "again", only=["tokenizer.json"])


def test_folder_is_opened_in_its_place_and_checked_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert open_model(tmp_path, tmp_path / "never") == tmp_path
    (tmp_path / "modeling.py").write_text("")
    with pytest.raises(ValueError, match=r"modeling\.py is refused"):
        open_model(tmp_path, tmp_path / "never")


def test_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no model folder at .*/gone"):
        open_model(tmp_path / "gone", tmp_path)
