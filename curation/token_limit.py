"""Sets aside what is too long for the models, in tokens of the serving one's tokenizer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from curation.records import Record, SetAside
from meguru.chat import fold_widths
from meguru.limits import Shortenings
from meguru.model_archive import open_model
from meguru.normalisation import RULES, normalise

TOKENIZER = "tokenizer.json"
# A role's token, and the one that ends what it says. A template that writes more is counted by the
# training, which sets aside by name what is too long for it.
TEMPLATE_TOKENS = 2


class TokenLimit:
    """At most `context_tokens` by `tokenizer`, for a question with its answer, as normalised."""

    def __init__(
        self, tokenizer: Tokenizer, context_tokens: int, rules: Sequence[str] = RULES
    ) -> None:
        self._tokenizer, self._context_tokens, self._rules = tokenizer, context_tokens, rules
        # Text that looks like a control token is text.
        self._tokenizer.encode_special_tokens = True

    @classmethod
    def of_model(
        cls, folder: Path, context_tokens: int, rules: Sequence[str] = RULES
    ) -> TokenLimit:
        """By the tokenizer in a model's folder or archive; ValueError where there is none."""
        with tempfile.TemporaryDirectory() as scratch:
            path = open_model(folder, Path(scratch), only=[TOKENIZER]) / TOKENIZER
            if not path.is_file():
                raise ValueError(f"the model in {folder} has no {TOKENIZER}")
            return cls(Tokenizer.from_file(str(path)), context_tokens, rules)

    def hold(self, records: Iterable[Record]) -> tuple[list[Record], list[SetAside]]:
        """The records with those of their phrasings that fit, and what doesn't, by its tokens."""
        kept: list[Record] = []
        set_aside: list[SetAside] = []
        for record in records:
            fitting = []
            for question in record.questions:
                num_tokens = self._num_tokens(record, question)
                if num_tokens <= self._context_tokens:
                    fitting.append(question)
                else:
                    set_aside.append(self._too_long(record, question, num_tokens))
            if fitting:
                kept.append(replace(record, questions=tuple(fitting)))
        return kept, set_aside

    def _num_tokens(self, record: Record, question: str) -> int:
        """Without the turns before the question: training cuts them where it has to.

        Of an answer and a worse one the longer counts.
        """
        least = [message["content"] for message in Shortenings(record.context)[-1]]
        asked = self._counted([*least, fold_widths(question)])
        return asked + max(self._counted([one]) for one in (record.answer, record.rejected))

    def _counted(self, texts: Sequence[str]) -> int:
        encoded = self._tokenizer.encode_batch(
            [normalise(text, self._rules) for text in texts], add_special_tokens=False
        )
        return sum(len(one.ids) + TEMPLATE_TOKENS for one in encoded)

    def _too_long(self, record: Record, question: str, num_tokens: int) -> SetAside:
        detail = (
            f"question and answer have {num_tokens} tokens by the serving model's tokenizer, at "
            f"most {self._context_tokens} are taken"
        )
        content = replace(record, questions=(question,)).as_content()
        return SetAside("too_long", detail, record.source, content)
