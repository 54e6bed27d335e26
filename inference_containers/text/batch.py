"""The generations in progress, stepped together: one padded cache, one token each a step."""

from __future__ import annotations

import logging

import torch
from torch.nn.functional import pad
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from inference_containers.text.generation import Generation

# One layer's keys and values, both (rows, heads, length, head size).
Layer = tuple[torch.Tensor, torch.Tensor]

logger = logging.getLogger(__name__)


class Batch:
    """Rows join and leave between steps (continuous batching: Orca, OSDI 2022).

    Rows are padded on the left to one length, and masked there. Keys carry their rotary position
    from when they were made, so moving them within the padding changes nothing. What fails is
    told to the rows it failed for, and no others.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._layers: list[Layer] = []
        self._mask = torch.zeros(0, 0, dtype=torch.long, device=model.device)
        self._tokens: list[int] = []
        self.generations: list[Generation] = []

    def __len__(self) -> int:
        return len(self.generations)

    def add(self, generation: Generation) -> bool:
        """Read the prompt, make the first token, and join unless that was the last one.

        False where that failed.
        """
        try:
            input_ids = torch.tensor([generation.prompt], device=self._model.device)
            mask = torch.ones_like(input_ids)
            logits, layers = self._forward(input_ids, mask, torch.arange(mask.shape[1])[None], None)
            token_id = generation.accept(logits[0])
            if token_id is not None:
                self._join(generation, token_id, mask, layers)
        except Exception:
            logger.exception("a request failed at its prompt")
            generation.fail()
            return False
        return True

    def step(self) -> bool:
        """One token for every row; rows that are complete leave. False where any row failed."""
        if not self.generations:
            return True
        try:
            logits = self._predict()
        except Exception:
            logger.exception("a step of %d requests failed", len(self))
            self._step_one_by_one()
            return False
        accepted, num_failed = [], 0
        for generation, row in zip(self.generations, logits, strict=True):
            try:
                accepted.append(generation.accept(row))
            except Exception:
                logger.exception("a request failed at its token %d", generation.num_tokens)
                generation.fail()
                accepted.append(None)
                num_failed += 1
        self._tokens = [-1 if token_id is None else token_id for token_id in accepted]
        self._keep([row for row, token_id in enumerate(accepted) if token_id is not None])
        return not num_failed

    def probe(self) -> None:
        """Raises where the model can predict nothing any more, whatever it is asked."""
        token = torch.zeros(1, 1, dtype=torch.long, device=self._model.device)
        logits, _ = self._forward(token, torch.ones_like(token), torch.zeros(1, 1).long(), None)
        if logits.isnan().any():
            raise RuntimeError("the model's predictions are not numbers")

    def drop_cancelled(self) -> None:
        """Free the rows whose callers have left."""
        rows = enumerate(self.generations)
        self._keep([row for row, one in rows if not one.cancelled.is_set()])

    def clear(self) -> list[Generation]:
        """Take all rows out, unfinished."""
        generations = self.generations
        self.generations, self._tokens, self._layers = [], [], []
        return generations

    def _predict(self) -> torch.Tensor:
        """The next token's logits for every row (rows, vocabulary)."""
        input_ids = torch.tensor(self._tokens, device=self._model.device)[:, None]
        positions = self._mask.sum(dim=1, keepdim=True)
        mask = pad(self._mask, (0, 1), value=1)
        logits, self._layers = self._forward(input_ids, mask, positions, self._layers)
        self._mask = mask
        return logits

    def _step_one_by_one(self) -> None:
        """Step each row in a batch of its own: only those that fail there, too, have failed."""
        if len(self) == 1:
            self.clear()[0].fail()
            return
        alone = [self._alone(row) for row in range(len(self))]
        self.clear()
        for batch in alone:
            batch.step()
            if not batch.generations:
                continue
            try:
                self._join(batch.generations[0], batch._tokens[0], batch._mask, batch._layers)
            except Exception:
                logger.exception("a request could not join again")
                batch.clear()[0].fail()

    def _alone(self, row: int) -> Batch:
        batch = Batch(self._model)
        batch.generations, batch._tokens = [self.generations[row]], [self._tokens[row]]
        batch._mask = self._mask[row : row + 1]
        batch._layers = [(k[row : row + 1], v[row : row + 1]) for k, v in self._layers]
        return batch

    @torch.inference_mode()
    def _forward(
        self,
        input_ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        layers: list[Layer] | None,
    ) -> tuple[torch.Tensor, list[Layer]]:
        """Logits of the last position (rows, vocabulary), and the cache after it."""
        output = self._model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=positions.to(input_ids.device),
            past_key_values=DynamicCache(layers),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = [(layer.keys, layer.values) for layer in output.past_key_values.layers]
        return output.logits[:, -1], cache

    def _join(
        self, generation: Generation, token_id: int, mask: torch.Tensor, layers: list[Layer]
    ) -> None:
        length = max(self._mask.shape[1], mask.shape[1])
        if self.generations:
            layers = [
                (_stack(own[0], new[0], length), _stack(own[1], new[1], length))
                for own, new in zip(self._layers, layers, strict=True)
            ]
            mask = torch.cat([_pad_left(self._mask, length, 1), _pad_left(mask, length, 1)])
        self._layers, self._mask = layers, mask
        self._tokens = [*self._tokens, token_id]
        self.generations = [*self.generations, generation]

    def _keep(self, rows: list[int]) -> None:
        """Keep only `rows`, and no more padding than the longest of them needs."""
        if len(rows) == len(self.generations):
            return
        mask = self._mask[rows]
        padding = int(mask.argmax(dim=1).min()) if rows else mask.shape[1]
        self._mask = mask[:, padding:]
        self._layers = [
            (keys[rows, :, padding:], values[rows, :, padding:]) for keys, values in self._layers
        ]
        self._tokens = [self._tokens[row] for row in rows]
        self.generations = [self.generations[row] for row in rows]


def _pad_left(tensor: torch.Tensor, length: int, dim: int) -> torch.Tensor:
    """Zeros in front along `dim`, up to `length`."""
    after = tensor.dim() - 1 - dim
    return pad(tensor, (0, 0) * after + (length - tensor.shape[dim], 0))


def _stack(own: torch.Tensor, new: torch.Tensor, length: int) -> torch.Tensor:
    return torch.cat([_pad_left(own, length, 2), _pad_left(new, length, 2)])
