"""What is trained: a decoder of random weights, on texts of random words."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils.import_utils import is_flash_attn_2_available

from meguru.base_model import Shape
from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from training.objectives.causal_lm import CausalLM
from training.tokenizer import train_tokenizer

# Of each text, so that a part holds one or a few of them.
TEXT_TOKENS = 2048
PARTS_PER_STEP = 4
WORDS = [a + b for a in ("ka", "so", "te", "nu", "hi", "mo") for b in ("ra", "ke", "to", "mi")]


@dataclass(frozen=True)
class Way:
    """How a step is computed: in parts of so many tokens, activations kept or made twice."""

    part_tokens: int
    activation_checkpointing: int = 0
    compile: int = 0


# As large as the memory allows; the first that fits is measured.
WAYS = (Way(8192), Way(4096), Way(2048), Way(2048, activation_checkpointing=1))


@dataclass(frozen=True)
class Subject:
    """One shape, trained in one way for `num_steps`."""

    shape: Shape
    way: Way
    num_steps: int
    text_tokens: int = TEXT_TOKENS

    @property
    def settings(self) -> Hyperparameters:
        return Hyperparameters(
            max_steps=self.num_steps,
            max_position_embeddings=self.way.part_tokens,
            tokens_per_step=PARTS_PER_STEP * self.way.part_tokens,
            activation_checkpointing=self.way.activation_checkpointing,
            compile=self.way.compile,
            packing=1,
            # Neither augments nor saves: what is measured is the step.
            dropout=0.0,
            question_dropout=0.0,
            context_ratio=0.0,
            checkpoint_minutes=0.0,
            learning_rate=1e-4,
        )

    def model(self) -> PreTrainedModel:
        """In 32 bits, as weights that are trained are kept."""
        torch.manual_seed(0)
        shape = self.shape
        config = LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            num_key_value_heads=shape.num_key_value_heads,
            head_dim=shape.head_dim,
            max_position_embeddings=self.way.part_tokens,
            tie_word_embeddings=shape.tie_word_embeddings,
        )
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]

    def examples(self) -> tuple[CausalLM, PreTrainedTokenizerFast]:
        """Long answers to short questions: nearly every token is learnt."""
        chance = random.Random(0)
        tokenizer = train_tokenizer([" ".join(WORDS)], 400)
        words = " ".join(chance.choices(WORDS, k=400))
        per_word = len(tokenizer(words)["input_ids"]) / 400
        rows = []
        for number in range(4 * PARTS_PER_STEP):
            answer = " ".join(chance.choices(WORDS, k=int(0.95 * self.text_tokens / per_word)))
            rows.append(Row.of_question(str(number), "kara?", answer, "g", "en", "train", 1))
        return CausalLM(rows, tokenizer, self.settings), tokenizer


def flops_per_token(shape: Shape, text_tokens: int) -> float:
    """Of a training step, forward and backward: a product counts a multiplication and an addition.

    The matrices are passed three times; each token attends to half of its text on average. What is
    computed a second time instead of being kept does not count.
    """
    heads = shape.num_attention_heads * shape.head_dim
    keys = shape.num_key_value_heads * shape.head_dim
    layer = shape.hidden_size * (2 * heads + 2 * keys + 3 * shape.intermediate_size)
    matrices = shape.num_hidden_layers * layer + shape.hidden_size * shape.vocab_size
    attention = shape.num_hidden_layers * 2 * heads * text_tokens / 2
    return 6.0 * (matrices + attention)


def attention_of_peer() -> str:
    return "flash_attention_2" if is_flash_attn_2_available() else "sdpa"
