"""The generations in progress, stepped together: one token each a step."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from inference_containers.text.forward import Forward
from inference_containers.text.generation import Generation

logger = logging.getLogger(__name__)


class Batch:
    """Rows join and leave between steps (continuous batching: Orca, OSDI 2022).

    What fails is told to the rows it failed for, and no others.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._cache = forward.new_cache()
        self._tokens: list[int] = []
        self.generations: list[Generation] = []

    def __len__(self) -> int:
        return len(self.generations)

    def add(self, generations: Sequence[Generation]) -> bool:
        """Read the prompts, make each first token, and let join those for which more is to come.

        False where any failed.
        """
        if not generations:
            return True
        try:
            logits = self._read([one.prompt for one in generations])
        except Exception:
            if len(generations) == 1:
                logger.exception("a request failed at its prompt")
                generations[0].fail()
            else:
                logger.exception("%d prompts failed together: each is read alone", len(generations))
                for one in generations:
                    self.add([one])
            return False
        first = len(self)
        self.generations += generations
        self._tokens += [-1] * len(generations)
        return self._accept(first, logits)

    def step(self) -> bool:
        """One token for every row; rows that are complete leave. False where any row failed."""
        if not self.generations:
            return True
        failed: list[int] = []
        try:
            logits = self._predict()
        except Exception:
            logger.exception("a step of %d requests failed: each is made alone", len(self))
            logits, failed = self._predict_one_by_one()
        self._cache.extend()
        for row in failed:
            self.generations[row].fail()
        return self._accept(0, logits, failed) and not failed

    def probe(self) -> None:
        """Raises where the model can predict nothing any more, whatever it is asked."""
        token = torch.zeros(1, 1, dtype=torch.long, device=self._forward.device)
        window = self._forward.new_cache().open_new(1, 1)
        if self._forward(token, token, window, None).isnan().any():
            raise RuntimeError("the model's predictions are not numbers")

    def drop_cancelled(self) -> None:
        """Free the rows whose callers have left."""
        self._drop([row for row, one in enumerate(self.generations) if one.cancelled.is_set()])

    def clear(self) -> list[Generation]:
        """Take all rows out, unfinished."""
        generations = self.generations
        self.generations, self._tokens = [], []
        self._cache = self._forward.new_cache()
        return generations

    def _read(self, prompts: list[list[int]]) -> torch.Tensor:
        """The logits after each prompt (prompts, vocabulary), all padded in front to one length."""
        lengths = [len(prompt) for prompt in prompts]
        width = max(lengths)
        padded = [[0] * (width - len(prompt)) + prompt for prompt in prompts]
        input_ids = torch.tensor(padded, device=self._forward.device)
        padding = width - torch.tensor(lengths, device=input_ids.device)[:, None]
        positions = (torch.arange(width, device=input_ids.device) - padding).clamp(min=0)
        window = self._cache.open_new(len(prompts), width)
        logits = self._forward(input_ids, positions, window, self._filled(lengths, width))
        self._cache.add(lengths)
        return logits

    def _predict(self) -> torch.Tensor:
        """The next token's logits for every row (rows, vocabulary)."""
        lengths, device = self._cache.lengths, self._forward.device
        input_ids = torch.tensor(self._tokens, device=device)[:, None]
        positions = torch.tensor(lengths, device=device)[:, None]
        filled = self._filled([length + 1 for length in lengths], max(lengths) + 1)
        return self._forward(input_ids, positions, self._cache.open_step(), filled)

    def _predict_one_by_one(self) -> tuple[torch.Tensor, list[int]]:
        """The same, and the rows that failed alone, too; their logits say nothing."""
        lengths, device = self._cache.lengths, self._forward.device
        window = self._cache.open_step()
        predicted: list[torch.Tensor | None] = []
        for row, (token_id, length) in enumerate(zip(self._tokens, lengths, strict=True)):
            alone = window.row(row, length)
            position = torch.tensor([[length]], device=device)
            input_ids = torch.tensor([[token_id]], device=device)
            try:
                predicted.append(self._forward(input_ids, position, alone, None))
            except Exception:
                logger.exception("a request failed at its token %d", length)
                predicted.append(None)
        failed = [row for row, logits in enumerate(predicted) if logits is None]
        given = [logits for logits in predicted if logits is not None]
        blank = given[0] if given else torch.zeros(1, 1)
        return torch.cat([blank if one is None else one for one in predicted]), failed

    def _filled(self, lengths: list[int], width: int) -> torch.Tensor | None:
        if min(lengths) == width:
            return None
        device = self._forward.device
        padding = width - torch.tensor(lengths, device=device)[:, None]
        return torch.arange(width, device=device) >= padding

    def _accept(self, first: int, logits: torch.Tensor, failed: Sequence[int] = ()) -> bool:
        """Give each row from `first` on its token; False where that failed for any."""
        over, healthy = list(failed), True
        for row, (token_id, logit) in enumerate(find_likeliest(logits), first):
            if row in failed:
                continue
            generation = self.generations[row]
            try:
                accepted = generation.accept(logits[row - first], token_id, logit)
            except Exception:
                logger.exception("a request failed at its token %d", generation.num_tokens)
                generation.fail()
                accepted, healthy = None, False
            if accepted is None:
                over.append(row)
            else:
                self._tokens[row] = accepted
        self._drop(over)
        return healthy

    def _drop(self, rows: list[int]) -> None:
        """Free `rows`; the last ones take their places."""
        for row in sorted(rows, reverse=True):
            self._cache.drop(row)
            self.generations[row], self._tokens[row] = self.generations[-1], self._tokens[-1]
            self.generations.pop()
            self._tokens.pop()


def find_likeliest(logits: torch.Tensor) -> list[tuple[int, float]]:
    """Of each row of `logits` (rows, vocabulary) the likeliest token and its logit.

    The logit is NaN where any of the row is.
    """
    if logits.device.type == "cpu":
        # torch finds the place of the largest without vector instructions: ten times as slow.
        rows = logits.float().numpy()
        token_ids = rows.argmax(axis=1)
        largest = rows[np.arange(len(rows)), token_ids]
    else:
        largest, token_ids = logits.max(dim=-1)
    return list(zip(token_ids.tolist(), largest.tolist(), strict=True))
