"""A container as a process: an image started in a /opt/ml layout of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.processes import Process
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.warm_starts import LABEL

# The session name under which SageMaker assumes an execution role.
ROLE_SESSION = "SageMaker"


@dataclass(frozen=True)
class Container:
    """What to start. `opt_ml` is the folder that stands for the container's /opt/ml."""

    image: Image
    opt_ml: Path
    entrypoint: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    role_arn: str

    def start(self, account: Account) -> Process:
        """Start it as the leader of its own process group; its output is a pipe."""
        home = self.opt_ml.parent / "home"
        home.mkdir(parents=True, exist_ok=True)
        common = {
            "LANG": "C.UTF-8",
            # An instance here has no GPU, whatever the machine has, unless a person shares it.
            "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
        }
        given = {
            name: self.image.localise(value, self.opt_ml)
            for name, value in self.environment.items()
        }
        environment = {
            "HOME": str(home),
            **common,
            **self.image.environment(self.opt_ml),
            **account.credentials(Caller.role(self.role_arn, ROLE_SESSION)),
            **given,
            "SAGEMAKER_BASE_DIR": str(self.opt_ml),
        }
        command = self.image.command(self.entrypoint, self.arguments, self.opt_ml)
        folder = self.image.working_directory()
        packages = self.image.recipe.labels.get(LABEL, "").split()
        shared = {**common, **self.image.environment(Path("/opt/ml"))}
        warm = self.image.warm_starts.start(packages, shared, command, env=environment, cwd=folder)
        return warm or account.processes.start(command, env=environment, cwd=folder)
