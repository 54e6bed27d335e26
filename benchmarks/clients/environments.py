"""An environment for each client, made once below `.venv-clients`, of pinned packages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".venv-clients"
# The environment's name, and whose version is told.
PYTHON_CLIENTS = {
    "openai-2": "openai",
    "openai-3": "openai",
    "langchain-openai": "langchain-openai",
    "litellm": "litellm",
    "lm-eval": "lm-eval",
}
NODE_CLIENT = "openai-node"


def python_environment(name: str) -> Path:
    """The interpreter of a client's environment."""
    requirements = HERE / "requirements" / f"{name}.txt"
    folder = FOLDER / name
    if not _is_made_of(folder, requirements):
        print(f"Setting up {folder.name}: once, a minute or less", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq"]
        options = ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
        _run(*pip, *options, "-r", str(requirements))
        _note(folder, requirements)
    return folder / "bin" / "python"


def node_environment() -> Path:
    """The folder that has openai-node in its node_modules; its node is the one of this Python."""
    lock = HERE / "node" / "package-lock.json"
    folder = FOLDER / NODE_CLIENT
    if not _is_made_of(folder, lock):
        print(f"Setting up {folder.name}: once, some seconds", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / file, folder)
        npm = Path(sys.executable).with_name("npm")
        _run(str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=folder)
        _note(folder, lock)
    return folder


def python_version(name: str) -> str:
    """The client's version, as it is pinned."""
    lines = (HERE / "requirements" / f"{name}.in").read_text().splitlines()
    [line] = [one for one in lines if one.startswith(PYTHON_CLIENTS[name])]
    return line.partition("==")[2]


def node_version() -> str:
    package = json.loads((HERE / "node" / "package.json").read_text())
    return str(package["dependencies"]["openai"])


def _is_made_of(folder: Path, lock: Path) -> bool:
    made_of = folder / "made-of"
    return made_of.exists() and made_of.read_bytes() == lock.read_bytes()


def _note(folder: Path, lock: Path) -> None:
    """Last of all: what is there without it was broken off."""
    shutil.copy(lock, folder / "made-of")


def _run(*words: str, cwd: Path | None = None) -> None:
    subprocess.run(words, check=True, cwd=cwd)
