"""A trained model as it is handed on: a folder or its model.tar.gz, with nothing to execute."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from meguru.model_hashes import check_hashes

ARCHIVE = "model.tar.gz"
# Nothing in these is ever executed. Pickles (.bin, .pt, .pkl) and Python files are.
ALLOWED_SUFFIXES = (".safetensors", ".json", ".jsonl", ".jinja", ".txt", ".md", ".html")
MAX_MEMBERS = 1_000
MAX_UNPACKED_BYTES = 200 * 1024**3


def open_model(place: Path, scratch: Path, only: Collection[str] | None = None) -> Path:
    """The model's folder: `place` itself, or `scratch` with what its model.tar.gz holds.

    `only` names the files that are wanted of an archive. ValueError where there is no model, or
    where anything in it doesn't belong into one, or is not what its manifest says.
    """
    if not place.is_dir():
        raise ValueError(f"no model folder at {place}")
    archive = place / ARCHIVE
    folder = unpack_model(archive, scratch, only) if archive.is_file() else place
    check_files(folder)
    if only is None:
        check_hashes(folder)
    return folder


def check_files(folder: Path) -> list[Path]:
    """The files of a model's folder, sorted; ValueError names what must not be there."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    for path in files:
        if path.is_symlink() or path.suffix not in ALLOWED_SUFFIXES:
            raise ValueError(
                f"{path.relative_to(folder)} is refused: a model's folder may hold only "
                + ", ".join(ALLOWED_SUFFIXES)
            )
    return files


def weight_files(folder: Path) -> list[Path]:
    """The .safetensors files of a model's folder; ValueError where it has none."""
    weights = [path for path in check_files(folder) if path.suffix == ".safetensors"]
    if not weights:
        raise ValueError(f"{folder}: no .safetensors file with the model's weights")
    return weights


def unpack_model(archive: Path, folder: Path, only: Collection[str] | None = None) -> Path:
    """Unpack `archive` (a .tar.gz) into `folder`; ValueError names a member that is refused.

    Nothing is written before every member was checked; `only` names the files that are.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = _checked(tar)
            if only is not None:
                members = [one for one in members if PurePosixPath(one.name).as_posix() in only]
            for member in members:
                # No owner, mode or time of the archive's; tarfile's own filters are not in every
                # Python 3.11.
                tar.extract(member, folder, set_attrs=False)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{archive.name} can't be unpacked: {error}") from error
    return folder


def _checked(tar: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members, num_bytes = [], 0
    for member in tar:
        _refuse_hostile(member)
        members.append(member)
        num_bytes += member.size
        if len(members) > MAX_MEMBERS or num_bytes > MAX_UNPACKED_BYTES:
            raise ValueError(
                f"the model archive is refused: more than {MAX_MEMBERS} members or "
                f"{MAX_UNPACKED_BYTES} bytes"
            )
    return members


def _refuse_hostile(member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the model archive is refused: {member.name!r} leaves its folder")
    if member.isdir():
        return
    if not member.isfile():
        raise ValueError(f"the model archive is refused: {member.name!r} is not a plain file")
    if path.suffix not in ALLOWED_SUFFIXES:
        raise ValueError(
            f"the model archive is refused: {member.name!r} is not one of "
            + ", ".join(ALLOWED_SUFFIXES)
        )
