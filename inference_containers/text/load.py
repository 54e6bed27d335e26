"""Loading a model's folder: known file types, safetensors weights, no code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from meguru.adapter import ADAPTER, BASE_SOURCE, BaseReference
from meguru.chat import ChatEncoder
from meguru.model_archive import weight_files
from meguru.model_version import system_fingerprint
from meguru.prompt import PROMPT_SOURCE, Prompt
from meguru.prompt_fit import check_fit
from meguru.sampling_request import MAX_ANSWER_TOKENS

# Another version of these may choose other tokens for the same model.
ENGINE = f"meguru-text torch {torch.__version__} transformers {transformers.__version__}"
REQUIRED = ("config.json", "tokenizer.json")


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to predict, with its tokenizer and its own generation settings.

    `version` is the model version it was released as; `text_start` is what its tokenizer puts
    before a text that is no chat. An answer to a request without a limit has at most
    `answer_tokens`: who reserves them in a ledger may know no longer context.
    """

    name: str
    version: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    encoder: ChatEncoder
    generation_config: GenerationConfig
    context_length: int
    end_token_ids: frozenset[int]
    prompt_version: str = ""
    text_start: tuple[int, ...] = ()
    answer_tokens: int = MAX_ANSWER_TOKENS

    @property
    def system_fingerprint(self) -> str:
        return system_fingerprint(self.version or self.name, ENGINE)


def load(folder: Path, version: str = "", prompt_version: str = "") -> LoadedModel:
    """Load the model in `folder`; ValueError says which file is missing, refused or damaged.

    Where it is an adapter, its base model is expected in the data source `base` beside it; a prompt
    that is in the data source `prompt` goes before every conversation, and has to be the one of
    `prompt_version`, if that is given.
    """
    prompt = Prompt.read(folder.parent / PROMPT_SOURCE, prompt_version)
    reference = BaseReference.read(folder)
    if reference is None:
        model = read_model(folder, check_files(folder))
    else:
        base = reference.check(folder.parent / BASE_SOURCE)
        weights = check_files(folder, ("tokenizer.json", f"{ADAPTER}/adapter_config.json"))
        model = read_model(base, [*base.glob("*.safetensors"), *weights])
        # As evaluation does: what serves is what was judged.
        model = PeftModel.from_pretrained(model, str(folder / ADAPTER)).merge_and_unload()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    if tokenizer.chat_template is None:
        raise ValueError(f"{folder}: the tokenizer has no chat template")
    starts = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    text_start = (tokenizer.bos_token_id,) if starts else ()
    if torch.cuda.is_available():
        nn.Module.to(model, "cuda")
    ends = model.generation_config.eos_token_id
    ends = tokenizer.eos_token_id if ends is None else ends
    encoder = ChatEncoder(tokenizer, prompt)
    context_length = int(model.config.max_position_embeddings)
    if prompt is not None:
        check_fit(prompt, encoder, context_length)
    return LoadedModel(
        name=model_name(folder),
        version=version,
        model=model.train(False),
        tokenizer=tokenizer,
        encoder=encoder,
        generation_config=model.generation_config,
        context_length=context_length,
        end_token_ids=encoder.end_ids.union(ends if isinstance(ends, list) else [ends]),
        prompt_version=prompt.version if prompt else "",
        text_start=text_start,
    )


def read_model(folder: Path, weights: Sequence[Path]) -> PreTrainedModel:
    """The model in `folder`, after each of `weights` was held against its own header."""
    for path in weights:
        check_weights(path)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype="auto"
    )
    return model


def check_files(folder: Path, required: Sequence[str] = REQUIRED) -> list[Path]:
    """The weight files of `folder`, after refusing what a model's folder must not hold."""
    if not folder.is_dir():
        raise ValueError(f"no model folder at {folder}")
    weights = weight_files(folder)
    for name in required:
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: {name} is missing")
    return weights


def check_weights(path: Path) -> None:
    """ValueError where the file is not whole: safetensors checks its header and its length."""
    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def model_name(folder: Path) -> str:
    """The training job that made the model where it left its facts, else the folder's name."""
    facts = folder / "training.json"
    if facts.is_file():
        name = json.loads(facts.read_text(encoding="utf-8")).get("training_job")
        if name:
            return str(name)
    return folder.name
