"""Batches of sequences: packed they are what they are alone, whatever the model's shape."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import CohereConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from tests.unit.training.base_models import CONFIGS, make_config
from training.attention import use_packed_attention
from training.objectives.sequences import IGNORED, answer_logits, check_logits, collate

NUM_TOKENS = 97
LENGTHS = ((3, 9), (20, 30), (1, 2), (7, 31))


def make_model(kind: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = make_config(kind, NUM_TOKENS)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(4.0 if one.dim() == 2 else 1.0)  # attention that prefers some to others
    model.train(False)
    return model


def make_sequences() -> list[tuple[list[int], list[int]]]:
    """Of several lengths, each with a prompt that isn't learnt."""
    generator = torch.Generator().manual_seed(1)
    sequences = []
    for num_prompt, num_all in LENGTHS:
        tokens = torch.randint(NUM_TOKENS, (num_all,), generator=generator).tolist()
        sequences.append((tokens, [IGNORED] * num_prompt + tokens[num_prompt:]))
    return sequences


def losses_of(model: PreTrainedModel, *, packing: bool) -> torch.Tensor:
    """Each sequence's mean loss."""
    batch = collate(make_sequences(), 0, packing=packing)
    logits, labels, sequence = answer_logits(model, batch)
    losses = cross_entropy(logits, labels, reduction="none")
    sums = torch.zeros(len(LENGTHS)).index_add(0, sequence, losses)
    return sums / batch["num_counted"]


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_losses_are_those_of_each_alone(kind: str, is_ours: bool) -> None:
    model = make_model(kind)
    alone = []
    for tokens, labels in make_sequences():
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, :-1].float()
        alone.append(cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=IGNORED))
    padded = losses_of(model, packing=False)
    if is_ours:
        use_packed_attention(model, torch.device("cpu"), is_bf16=False)
        assert model.config._attn_implementation == "packed"
    packed = losses_of(model, packing=True)
    assert torch.allclose(packed, torch.stack(alone), rtol=1e-5, atol=1e-5)
    assert torch.allclose(padded, torch.stack(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", CONFIGS)
def test_without_positions_packed_sequences_would_see_each_other(kind: str) -> None:
    model = make_model(kind)
    batch = collate(make_sequences(), 0, packing=True)
    right = answer_logits(model, batch)[0]
    del batch["position_ids"]
    assert not torch.allclose(answer_logits(model, batch)[0], right, atol=1e-2)


def test_nothing_is_padded_where_sequences_are_packed() -> None:
    batch = collate(make_sequences(), 0, packing=True)
    assert batch["input_ids"].shape == (1, sum(num for _, num in LENGTHS))
    assert batch["num_counted"].tolist() == [num - prompt for prompt, num in LENGTHS]
    assert (batch["position_ids"] == 0).sum() == len(LENGTHS)


@pytest.mark.parametrize("kind", CONFIGS)
def test_known_models_make_their_logits_as_expected(kind: str) -> None:
    check_logits(make_model(kind))


def test_a_model_that_scales_its_logits_is_refused() -> None:
    config = CohereConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        logit_scale=8.0,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    with pytest.raises(ValueError, match="CohereForCausalLM can't be trained"):
        check_logits(model)
