"""An adapter's folder: what was trained, and which revision of which base model it belongs to."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from meguru.fingerprint import sha256_hex
from meguru.model_hashes import MANIFEST, check_hashes

# In a trained model's folder: the adapter as peft writes it, and its base model by name.
ADAPTER = "adapter"
BASE = "base.json"
# Where SageMaker puts the channel `base` of a model's additional data sources, beside the model.
BASE_SOURCE = Path("additional-model-data-sources", "base")


@dataclass(frozen=True)
class BaseReference:
    """A base model by its name, its revision and the SHA-256 of its manifest."""

    name: str
    revision: str
    manifest_sha256: str

    @classmethod
    def of(cls, base: Path) -> BaseReference:
        """The base model in folder `base`; ValueError where there is none."""
        path = base / MANIFEST
        if not path.is_file():
            raise ValueError(f"no base model at {base}: it has no {MANIFEST}")
        content = path.read_bytes()
        values = _object(path)
        return cls(
            _text(path, values, "name"),
            _text(path, values, "revision"),
            sha256_hex(content),
        )

    @classmethod
    def read(cls, folder: Path) -> BaseReference | None:
        """The base model that the adapter in `folder` belongs to; None for a whole model."""
        path = folder / BASE
        if not path.is_file():
            if (folder / ADAPTER).is_dir():
                raise ValueError(f"{folder}: an adapter without {BASE}, which names its base model")
            return None
        values = _object(path)
        return cls(*(_text(path, values, one.name) for one in dataclasses.fields(cls)))

    def to_json(self) -> bytes:
        return json.dumps(dataclasses.asdict(self), indent=1).encode()

    def check(self, base: Path | None) -> Path:
        """`base`, which holds this very base model, whole; ValueError where it doesn't."""
        if base is None or not base.is_dir():
            raise ValueError(f"the model is an adapter of {self}, and no base model was given")
        found = BaseReference.of(base)
        if found != self:
            raise ValueError(f"the model is an adapter of {self}, and the base given is {found}")
        try:
            check_hashes(base)
        except ValueError as error:
            raise ValueError(f"the {self}: {error}") from None
        return base

    def __str__(self) -> str:
        return f"base model {self.name}, revision {self.revision} ({self.manifest_sha256[:8]})"


def _object(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: not a JSON object")
    return values


def _text(path: Path, values: dict[str, object], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{path}: {name!r} is missing")
    return value
