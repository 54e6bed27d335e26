"""Assemblies that were made before, each by a fingerprint of all that its synthesis reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from meguru.fingerprint import file_sha256, fingerprint

PACKAGES = Path(sysconfig.get_path("purelib"))
MAX_KEPT = 8
# What these begin with is told to CDK, to Node or to the AWS SDKs.
VARIABLES = ("AWS_", "CDK_", "JSII_", "NODE_")
# What is installed, built or made, and no source.
INCIDENTAL_FOLDERS = ("__pycache__", "build", "cdk.out", "dist", "node_modules")


def inputs_fingerprint(repository: Path, environment_file: Path) -> str:
    """Of the environment file, the repository's files and commit, what is installed, and variables.

    A file counts by its size and the time of its last change, as for git: a folder of data in the
    repository is not read through. Raises OSError where the environment file can't be read.
    """
    return fingerprint(
        # Names of files and values of variables need be no text.
        ascii(
            [
                file_sha256(environment_file),
                sorted(_stamps(repository)),
                _commit(repository),
                sorted(path.name for path in PACKAGES.glob("*.dist-info")),
                (sys.version, sys.prefix),
                sorted((name, os.environ[name]) for name in os.environ if _is_read(name)),
            ]
        )
    )


def _is_read(variable: str) -> bool:
    return variable.startswith(VARIABLES)


def _stamps(repository: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for folder, folders, files in os.walk(repository):
        is_top = Path(folder) == repository
        folders[:] = [one for one in folders if not _is_incidental(one, is_top=is_top)]
        for name in files:
            path = Path(folder, name)
            # A file that another process removes meanwhile is none.
            with suppress(FileNotFoundError):
                found = path.lstat()
                stamp = (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
                yield path.relative_to(repository).as_posix(), stamp


def _is_incidental(folder: str, *, is_top: bool) -> bool:
    # A hidden folder further down may be part of an image.
    is_hidden = folder.startswith(".") and (is_top or folder.endswith("_cache"))
    return is_hidden or folder in INCIDENTAL_FOLDERS or folder.endswith(".egg-info")


def _commit(repository: Path) -> str:
    """HEAD and what differs from it; nothing where there is no git, which synthesis then finds."""
    words = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "-uno"]
    try:
        return subprocess.run(words, cwd=repository, capture_output=True, text=True).stdout
    except OSError:
        return ""


class KeptAssemblies:
    """Those in `folder`, the newest few. One that can't be kept or read is made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, name: str, to: Path) -> bool:
        """Copy one to the folder `to`, which is not there yet; False where it isn't kept."""
        kept = self._folder / name
        try:
            os.utime(kept)
            shutil.copytree(kept, to)
        except OSError:
            # Another process may remove it at any moment.
            shutil.rmtree(to, ignore_errors=True)
            return False
        return True

    def keep(self, name: str, assembly: Path) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as temporary:
                copy = shutil.copytree(assembly, Path(temporary, name))
                os.utime(copy)
                copy.rename(self._folder / name)
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        found = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[MAX_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
