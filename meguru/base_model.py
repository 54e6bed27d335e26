"""A base model in the lake: what its manifest says of it, and whether its files are those."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from meguru.fingerprint import canonical_json, file_sha256, fingerprint
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.names import is_base_model_name

FORMAT = 1
REVISION_DIGITS = 16
# What transformers builds from its own code, and training, evaluation and serving know.
ARCHITECTURES = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "GemmaForCausalLM",
    "Gemma2ForCausalLM",
    "Gemma3ForCausalLM",
)
# What turns a text into a vector; served as it is, and not trained.
ENCODERS = ("BertModel", "RobertaModel", "XLMRobertaModel", "ModernBertModel")
# Whose classes share the input's embeddings with the output where the config doesn't say.
_TIED_UNLESS_SAID = ("GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM")
SOURCE_KINDS = ("folder", "s3", "hub", "gguf")
UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True)
class Shape:
    """The sizes that a decoder's memory and work follow from, as transformers names them."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The shape in a model's config.json; ValueError names a size that is missing or none."""
        wanted = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        sizes = {name: config.get(name) for name in (*wanted, "vocab_size")}
        heads = sizes["num_attention_heads"]
        sizes["num_key_value_heads"] = config.get("num_key_value_heads") or heads
        for name, value in sizes.items():
            if not _is_count(value):
                raise ValueError(f"config.json: {name} has to be a whole number, not {value!r}")
        head_dim = config.get("head_dim") or sizes["hidden_size"] // heads  # type: ignore[operator]
        if not _is_count(head_dim):
            raise ValueError(f"config.json: head_dim has to be a whole number, not {head_dim!r}")
        architecture = (config.get("architectures") or [""])[0]
        tied = config.get("tie_word_embeddings", architecture in _TIED_UNLESS_SAID)
        return cls(**sizes, head_dim=head_dim, tie_word_embeddings=bool(tied))  # type: ignore[arg-type]

    @property
    def layer_matrices(self) -> dict[str, tuple[int, int]]:
        """The linear layers of one decoder layer, each (in, out): where LoRA adapters go."""
        query = self.num_attention_heads * self.head_dim
        value = self.num_key_value_heads * self.head_dim
        wide = self.intermediate_size
        return {
            "q_proj": (self.hidden_size, query),
            "k_proj": (self.hidden_size, value),
            "v_proj": (self.hidden_size, value),
            "o_proj": (query, self.hidden_size),
            "gate_proj": (self.hidden_size, wide),
            "up_proj": (self.hidden_size, wide),
            "down_proj": (wide, self.hidden_size),
        }

    @property
    def num_parameters(self) -> int:
        """Within a thousandth: without the biases and further norms that some families have."""
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        matrices = sum(rows * columns for rows, columns in self.layer_matrices.values())
        layers = self.num_hidden_layers * (matrices + 2 * self.hidden_size)
        return embeddings + layers + self.hidden_size


@dataclass(frozen=True)
class Source:
    """Where a base model came from: `revision` is the hub's commit, else empty."""

    kind: str
    address: str
    revision: str = ""


@dataclass(frozen=True)
class ModelFile:
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class BaseModel:
    """One revision of a base model, as its manifest says."""

    name: str
    revision: str
    source: Source
    licence: str
    architecture: str
    num_parameters: int
    dtype: str
    context_tokens: int
    has_chat_template: bool
    shape: Shape
    files: tuple[ModelFile, ...]
    # What its chat template writes by itself, as a model version's metadata has it.
    template_tokens: str = ""
    format: int = FORMAT

    @classmethod
    def parse(cls, content: bytes | str) -> Self:
        """Read a manifest; ValueError says what is wrong in it."""
        try:
            values = json.loads(content)
        except ValueError as error:
            raise ValueError(f"the base model's {MANIFEST} is not JSON: {error}") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"the base model's {MANIFEST} is not of format {FORMAT}")
        try:
            parsed = cls(
                **{
                    **values,
                    "source": Source(**values["source"]),
                    "shape": Shape(**values["shape"]),
                    "files": tuple(ModelFile(**one) for one in values["files"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"the base model's {MANIFEST} can't be read: {error}") from error
        parsed._check()
        return parsed

    def _check(self) -> None:
        if not is_base_model_name(str(self.name)):
            raise ValueError(f"the base model's {MANIFEST}: {self.name!r} is no base model's name")
        for one in self.files:
            if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", str(one.path), re.ASCII):
                raise ValueError(f"the base model's {MANIFEST}: {one.path!r} is no file's name")
        if self.revision != revision_of(self.files):
            raise ValueError(
                f"the base model's {MANIFEST} was changed: its files make the revision "
                f"{revision_of(self.files)}, and it says {self.revision}"
            )

    def to_json(self) -> bytes:
        """The manifest as it lies in the lake: the same bytes for the same model."""
        return canonical_json(dataclasses.asdict(self))

    @property
    def kind(self) -> str:
        """Of which kind of models it is, as an environment file has them."""
        return "embedding" if self.architecture in ENCODERS else "text"

    @property
    def num_bytes(self) -> int:
        return sum(one.bytes for one in self.files)


def revision_of(files: Iterable[ModelFile]) -> str:
    """The name of what these files are, wherever they came from: 16 hexadecimal digits."""
    return fingerprint(sorted([one.path, one.sha256] for one in files))[:REVISION_DIGITS]


def is_reference(text: str) -> bool:
    """Whether it is a base model's name, alone or as NAME@REVISION."""
    name, at, revision = text.partition("@")
    is_revision = re.fullmatch(rf"[0-9a-f]{{{REVISION_DIGITS}}}", revision) is not None
    return is_base_model_name(name) and (not at or is_revision)


def hash_file(path: Path) -> ModelFile:
    """A file's SHA-256 and size, read in pieces."""
    return ModelFile(path.name, file_sha256(path), path.stat().st_size)


def verify(folder: Path) -> BaseModel:
    """The base model in `folder`, whose files are all there and have the manifest's hashes.

    ValueError names the first that is missing or another, with what to do.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ValueError(f"no base model in {folder}: it has no {MANIFEST}, which is written last")
    model = BaseModel.parse(manifest.read_bytes())
    try:
        check_hashes(folder)
    except ValueError as error:
        raise ValueError(
            f"the base model {model.name} ({model.revision}): {error}; add it again with "
            f"`meguru model add {model.source.address} --name {model.name}`"
        ) from None
    return model


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
