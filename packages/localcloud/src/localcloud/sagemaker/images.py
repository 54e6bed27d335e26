"""Container images as folders and processes: an image URI becomes something to start."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from localcloud.account import Account
from localcloud.sagemaker.dockerfile import Copy, Recipe, read_recipe
from localcloud.sagemaker.warm_starts import WarmStarts

_ABSOLUTE_PATH = re.compile(r"(?<![\w./~-])/[^\s:;,=\"'|&<>()]*")
_PYTHON = re.compile(r"^(?:/\S*/)?python(?:3(?:\.\d+)?)?$")


@dataclass(frozen=True)
class Image:
    """An image's recipe, the folder that holds what it copies, and where it may start warm."""

    recipe: Recipe
    tree: Path
    warm_starts: WarmStarts

    def local_path(self, path: str) -> Path | None:
        """Where an absolute path of the image lies here; None for what only the base has."""
        mapped = self.tree / path.lstrip("/")
        return mapped if path.strip("/") and mapped.exists() else None

    def localise(self, value: str, opt_ml: Path) -> str:
        """`value` with each path of the image, or under /opt/ml, replaced by where it lies here."""

        def replaced(match: re.Match[str]) -> str:
            path = match.group()
            mapped = self.local_path(path)
            if mapped:
                return str(mapped)
            return str(opt_ml) + path[7:] if re.match(r"/opt/ml(/|$)", path) else path

        return _ABSOLUTE_PATH.sub(replaced, value)

    def command(
        self, entrypoint: Sequence[str], arguments: Sequence[str], opt_ml: Path
    ) -> list[str]:
        """The words to execute; `python` is the interpreter this cloud runs on."""
        words = [self.localise(word, opt_ml) for word in (*entrypoint, *arguments)]
        if not words:
            raise ValueError("the image has neither ENTRYPOINT nor CMD: give it one")
        if _PYTHON.match(words[0]):
            words[0] = sys.executable
        return words

    def environment(self, opt_ml: Path) -> dict[str, str]:
        """The image's ENV; on PATH this interpreter's programs come right after the image's own."""
        found = {
            name: self.localise(value, opt_ml) for name, value in self.recipe.environment.items()
        }
        folders = found["PATH"].split(os.pathsep)
        own = [folder for folder in folders if folder.startswith(str(self.tree))]
        given = [folder for folder in folders if folder not in own]
        programs = str(Path(sys.executable).parent)
        found["PATH"] = os.pathsep.join([*own, programs, *given])
        return found

    def working_directory(self) -> Path:
        folder = self.tree / self.recipe.working_directory.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Images:
    """Finds an image's asset in the cloud assembly and lays its files out, once per image."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._images: dict[str, Image] = {}
        self._lock = threading.Lock()
        self._warm_starts = WarmStarts(account.processes, account.work_dir / "warm-starts")

    def find(self, uri: str) -> Image:
        """The image of `ACCOUNT.dkr.ecr.REGION.SUFFIX/REPOSITORY:TAG`.

        ValueError, with what to do, for a URI that is no asset of the assembly and for a
        Dockerfile that can't be followed.
        """
        with self._lock:
            if uri not in self._images:
                self._images[uri] = self._materialise(uri)
            return self._images[uri]

    def _materialise(self, uri: str) -> Image:
        asset = self._account.assets.image_asset(uri)
        if asset is None:
            raise ValueError(
                f"the image {uri} is no image asset of the cloud assembly, and no image is pulled "
                "on this machine: build it from a folder with a Dockerfile (DockerImageAsset)"
            )
        directory = Path(asset.directory)
        dockerfile = directory / asset.docker_file
        try:
            if asset.target:
                raise ValueError(f"the target {asset.target}: multi-stage builds are not followed")
            recipe = read_recipe(dockerfile.read_text(), asset.build_args)
            tree = self._account.work_dir / "images" / re.sub(r"\W", "-", asset.asset_hash)
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir(parents=True)
            for copy in recipe.copies:
                _copy(directory, copy, tree)
        except (ValueError, OSError) as error:
            raise ValueError(f"the image {uri} can't be run from {dockerfile}: {error}") from error
        return Image(recipe, tree, self._warm_starts)


def _copy(directory: Path, copy: Copy, tree: Path) -> None:
    """Copies, not links: what a container writes must not change the asset."""
    sources = [path for pattern in copy.sources for path in _matches(directory, pattern)]
    target = tree / copy.destination.lstrip("/")
    into_folder = copy.into_folder or len(sources) > 1 or target.is_dir()
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
            continue
        place = target / source.name if into_folder else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, place)


def _matches(directory: Path, pattern: str) -> list[Path]:
    relative = str(PurePosixPath(pattern.lstrip("/") or "."))
    if ".." in PurePosixPath(relative).parts:
        raise ValueError(f"COPY {pattern}: the path is outside the build folder")
    if glob.has_magic(relative):
        found = sorted(directory.glob(relative))
    else:
        found = [directory / relative] if (directory / relative).exists() else []
    if not found:
        raise ValueError(f"COPY {pattern}: no such file or folder in {directory}")
    return found
