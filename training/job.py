"""What SageMaker hands a training job: folders, hyperparameters and the hosts that take part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Resources:
    """`resourceconfig.json`: the hosts of the job, this one, and the interface they talk over."""

    current_host: str
    hosts: tuple[str, ...]
    network_interface_name: str | None
    instance_type: str = ""

    @property
    def master(self) -> str:
        """The first host by name: the one every host names without asking another."""
        return sorted(self.hosts)[0]

    @property
    def node_rank(self) -> int:
        return sorted(self.hosts).index(self.current_host)


@dataclass(frozen=True)
class Job:
    """The folders of one training job under `root` (SageMaker's /opt/ml)."""

    root: Path
    name: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Job:
        """`SAGEMAKER_BASE_DIR` moves the root; `TRAINING_JOB_NAME` is set by SageMaker."""
        root = Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
        return cls(root=root, name=environment.get("TRAINING_JOB_NAME", "standalone"))

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def output_data(self) -> Path:
        return self.root / "output" / "data"

    @property
    def failure(self) -> Path:
        return self.root / "output" / "failure"

    @property
    def dataset(self) -> Path:
        """The `dataset` channel: one dataset version's folder."""
        folder = self.root / "input" / "data" / "dataset"
        if not folder.is_dir():
            raise ValueError(f"no channel 'dataset' at {folder}: give the job one dataset version")
        return folder

    @property
    def initial_model(self) -> Path | None:
        """The `initial_model` channel where the job has one: a model folder or model.tar.gz."""
        folder = self.root / "input" / "data" / "initial_model"
        return folder if folder.is_dir() else None

    @property
    def base_model(self) -> Path | None:
        """The `base` channel where the job has one: a base model's folder with its manifest."""
        folder = self.root / "input" / "data" / "base"
        return folder if folder.is_dir() else None

    def hyperparameters(self) -> dict[str, str]:
        """Names and values as written in the request; all are strings there."""
        values = self._config("hyperparameters.json") or {}
        return {str(name): str(value) for name, value in values.items()}

    def resources(self) -> Resources:
        """The hosts; one host on its own where there is no `resourceconfig.json`."""
        config = self._config("resourceconfig.json")
        if config is None:
            return Resources("127.0.0.1", ("127.0.0.1",), None)
        current, hosts = config.get("current_host"), config.get("hosts")
        if not isinstance(hosts, list) or current not in hosts:
            raise ValueError(f"resourceconfig.json: current_host {current!r} is not in {hosts!r}")
        interface = config.get("network_interface_name") or None
        instance_type = str(config.get("current_instance_type") or "")
        return Resources(str(current), tuple(map(str, hosts)), interface, instance_type)

    def _config(self, file_name: str) -> dict[str, Any] | None:
        path = self.root / "input" / "config" / file_name
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{file_name} is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise ValueError(f"{file_name} must be an object, not {type(values).__name__}")
        return values
