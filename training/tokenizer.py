"""The tokenizer: byte-level BPE learnt from the training split, and the chat template."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from meguru.chat import FOLD_WIDTHS, QUESTION_READING

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("system", "user", "assistant")
SPECIAL_TOKENS = (PAD, END, *(f"<|{role}|>" for role in ROLES))
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{% set said = message['content'] %}"
    "{% if message['role'] != 'assistant' %}{% set said = said | trim %}{% endif %}"
    "{{ '<|' + message['role'] + '|>' + said + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# Japanese has no spaces: a change of script is the best cheap word boundary. Digits stand alone
# so that numbers are spelt out rather than remembered as wholes. Signs of ASCII stay together:
# in code and markup a run of them is one sign.
WORDS = (
    r"\p{Han}+|\p{Hiragana}+|[\p{Katakana}ー]+| ?[\p{Latin}\p{M}']+|\p{N}|\s+"
    r"|[!-/:-@\[-`{-~]+|[^\s]"
)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Learn a vocabulary of at most `vocab_size` tokens.

    Every byte has one and nothing is normalised: any text decodes to exactly itself.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(SPECIAL_TOKENS[2:]),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        **{QUESTION_READING: FOLD_WIDTHS},
    )
