"""What every objective begins with: rows as examples, those that can't be learnt set aside."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerFast

from meguru.chat import ChatEncoder
from meguru.dataset_version import Row
from meguru.example import Example, encode_row
from meguru.hyperparameters import Hyperparameters
from meguru.limits import SetAside
from training.objectives.sequences import Batch, TokensAndLabels, collate


class Examples:
    """What the model can't take is in `set_aside`; `num_contexts_cut` lost their oldest turns."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, hyperparameters: Hyperparameters
    ) -> None:
        self._settings = hyperparameters
        self._pad_token_id = int(tokenizer.pad_token_id)
        self._encoder = ChatEncoder(tokenizer)
        self.set_aside: list[SetAside] = []
        self.num_contexts_cut = 0

    def _encode(self, row: Row) -> Example | None:
        """A row as an example with as much of its context as fits, or None: it is set aside."""
        example = encode_row(self._encoder, row, self._settings.max_position_embeddings)
        if not isinstance(example, Example):
            self.set_aside.append(example)
            return None
        self.num_contexts_cut += example.is_cut
        return example

    def _collate(self, sequences: Sequence[TokensAndLabels]) -> Batch:
        """As `collate` makes it, packed where the settings say so."""
        return collate(sequences, self._pad_token_id, packing=bool(self._settings.packing))
