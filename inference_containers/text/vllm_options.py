"""The options of `vllm serve` for a model: from its files, its base model's and its prompt's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meguru.adapter import ADAPTER, BASE_SOURCE, BaseReference
from meguru.model_archive import weight_files
from meguru.model_hashes import MANIFEST, check_hashes
from meguru.prompt import PROMPT_SOURCE, Prompt

# The ranks that vLLM keeps memory for.
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
TEMPLATE = "chat_template.jinja"
OPTIONS = {
    # As long as the model's own where that fits into the GPU's memory.
    "max-model-len": "auto",
    "enable-prefix-caching": "true",
    # A model that knows nothing better would put blanks into JSON for ever.
    "structured-outputs-config": '{"backend": "xgrammar", "disable_any_whitespace": true}',
}


@dataclass(frozen=True)
class Serving:
    """What is given to vLLM, by the options' names; "true" is an option without a value.

    `adapter` is the name of the adapter that answers, empty for a whole model.
    """

    options: dict[str, str] = field(default_factory=dict)
    prompt_version: str = ""
    adapter: str = ""

    def arguments(self, given: Mapping[str, str]) -> list[str]:
        """The words of the command line; what is `given` goes before what was found out."""
        words = []
        for name, value in sorted({**self.options, **given}.items()):
            if value.lower() != "false":
                words += [f"--{name}", *([] if value.lower() in ("", "true") else [value])]
        return words


def prepare(
    base_dir: Path,
    name: str,
    num_gpus: int,
    scratch: Path,
    prompt_version: str = "",
    answer_tokens: int | None = None,
) -> Serving:
    """How to serve the model below `base_dir` (/opt/ml), which callers ask for by `name`.

    ValueError says what is missing, refused or changed of the model, its base model or its prompt.
    A prompt, which has to be the one of `prompt_version` if that is given, becomes a chat template
    in `scratch`. No answer has more than `answer_tokens`.
    """
    folder = base_dir / "model"
    weight_files(folder)
    if not check_hashes(folder):
        print(f"the model has no {MANIFEST}: its files are served as they are", flush=True)
    reference = BaseReference.read(folder)
    base = folder if reference is None else reference.check(base_dir / BASE_SOURCE)
    config = _object(base / "config.json")
    prompt = Prompt.read(base_dir / PROMPT_SOURCE, prompt_version)
    options = {
        "model": str(base),
        "tokenizer": str(folder),
        "tensor-parallel-size": str(num_parts(config, num_gpus)),
        **OPTIONS,
        "override-generation-config": json.dumps(_generation(answer_tokens)),
        **(_whole(name) if reference is None else _adapter(folder, name, reference)),
    }
    adapter = "" if reference is None else name
    if prompt is None:
        return Serving(options, adapter=adapter)
    template = _template(prompt, folder, int(config["max_position_embeddings"]), scratch)
    return Serving({**options, "chat-template": str(template)}, prompt.version, adapter)


def _generation(answer_tokens: int | None) -> dict[str, Any]:
    # vLLM draws also where the model's own settings say it shouldn't.
    settings: dict[str, Any] = {"temperature": 0}
    return settings if answer_tokens is None else {**settings, "max_new_tokens": answer_tokens}


def num_parts(config: Mapping[str, Any], num_gpus: int) -> int:
    """Over how many of the GPUs the model is laid: each has as many of its attention heads."""
    heads = int(config["num_attention_heads"])
    groups = int(config.get("num_key_value_heads") or heads)
    return max(
        one
        for one in range(1, max(num_gpus, 1) + 1)
        if heads % one == 0 and (groups % one == 0 or one % groups == 0)
    )


def _whole(name: str) -> dict[str, str]:
    return {"served-model-name": name}


def _adapter(folder: Path, name: str, base: BaseReference) -> dict[str, str]:
    """Whoever asks for `name` gets the adapter, which stays one; the base model has its own."""
    rank = int(_object(folder / ADAPTER / "adapter_config.json")["r"])
    if rank > LORA_RANKS[-1]:
        raise ValueError(
            f"the adapter's rank is {rank}, and vLLM takes at most {LORA_RANKS[-1]}: train it with "
            "a smaller lora_rank, or with merge: 1"
        )
    return {
        "served-model-name": f"{base.name}@{base.revision}",
        "enable-lora": "true",
        "max-lora-rank": str(next(one for one in LORA_RANKS if one >= rank)),
        "lora-modules": f"{name}={folder / ADAPTER}",
    }


def _template(prompt: Prompt, folder: Path, context_tokens: int, scratch: Path) -> Path:
    """The model's chat template with the prompt before it, as a file."""
    # Only where there is a prompt: transformers takes seconds to import.
    from transformers import PreTrainedTokenizerFast

    from meguru.chat import ChatEncoder
    from meguru.prompt_fit import check_fit
    from meguru.prompt_template import chat_template

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    encoder = ChatEncoder(tokenizer, prompt)
    check_fit(prompt, encoder, context_tokens)
    own = str(tokenizer.get_chat_template())
    path = scratch / TEMPLATE
    path.write_text(chat_template(own, prompt, takes_system=encoder.takes_system), "utf-8")
    return path


def _object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} can't be read: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return values
