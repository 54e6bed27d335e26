"""A model archive: unpacked only where every member is a plain file that belongs in a model."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath

# Nothing in these is ever executed. Pickles (.bin, .pt, .pkl) and Python files are.
ALLOWED_SUFFIXES = (".safetensors", ".json", ".jsonl", ".jinja", ".txt", ".md", ".html")
MAX_MEMBERS = 1_000
MAX_UNPACKED_BYTES = 200 * 1024**3


def unpack_model(archive: Path, folder: Path) -> Path:
    """Unpack `archive` (a .tar.gz) into `folder`; ValueError names a member that is refused."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = _checked(tar)
            tar.extractall(folder, members=members, filter="data")
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
