"""Choosing for all rows at once."""

from __future__ import annotations

import math

import pytest
import torch

from inference_containers.text.batch import find_likeliest


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_likeliest_of_each_row(dtype: torch.dtype) -> None:
    logits = torch.tensor([[0.5, 2.0, -1.0], [-3.0, -2.0, -1.5]], dtype=dtype)
    assert find_likeliest(logits) == [(1, 2.0), (2, -1.5)]


def test_what_is_not_a_number_is_seen_in_its_row_alone() -> None:
    logits = torch.zeros(3, 1000)
    logits[1, 700] = math.nan
    logits[2, 999] = 1.0
    first, damaged, last = find_likeliest(logits)
    assert math.isnan(damaged[1])
    assert (first[1], last) == (0.0, (999, 1.0))
