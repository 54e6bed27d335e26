"""DPO and KTO: their formulas by hand, and what they make of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from meguru.dataset_version import Row
from meguru.hyperparameters import Hyperparameters
from training.distributed import World
from training.model import make_model
from training.objectives.preference import DPO, KTO, dpo_losses, kto_losses
from training.objectives.sequences import IGNORED, Batch, log_probs
from training.tokenizer import train_tokenizer

QUESTIONS = ("When is it due?", "Who is it?", "Where do I send the form?")
PAIRS = [
    replace(
        Row.of_question(str(number), question, f"On day {number}.", "g", "en", "train", number + 1),
        rejected="I don't know, ask somebody else.",
    )
    for number, question in enumerate(QUESTIONS)
]
VOTES = [replace(row, rejected="", rating=1 - 2 * (index % 2)) for index, row in enumerate(PAIRS)]
TOKENIZER = train_tokenizer([text for row in PAIRS for text in (row.question, row.answer)], 330)
CHANCE = torch.Generator()


def scores_of(model: PreTrainedModel) -> Callable[[Batch], torch.Tensor]:
    @torch.no_grad()
    def score(batch: Batch) -> torch.Tensor:
        return log_probs(model, batch)

    return score


def settings(**values: float) -> Hyperparameters:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "dropout": 0}
    return Hyperparameters(**{**sizes, "num_hidden_layers": 1, **values})  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    address = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=0, world_size=1)
    yield World(0, 1, torch.device("cpu"))
    torch.distributed.destroy_process_group()


def test_dpo_is_what_its_formula_says() -> None:
    # Worked out by hand: 0.1 * (2 - -2) = 0.4 and -ln(1 / (1 + exp(-0.4))) = 0.513015, as
    # TRL's "sigmoid" loss; the second pair is the wrong way round: 0.1 * (-1 - 3) = -0.4.
    ratios = torch.tensor([[2.0, -2.0], [-1.0, 3.0]])
    assert dpo_losses(ratios, 0.1).tolist() == pytest.approx([0.513015, 0.913015], abs=1e-6)
    # A quarter of the votes may be wrong: 0.75 * 0.513015 + 0.25 * 0.913015.
    assert dpo_losses(ratios, 0.1, 0.25).tolist() == pytest.approx([0.613015, 0.813015], abs=1e-6)


def test_kto_is_what_its_formula_says() -> None:
    # 1 - sigmoid(0.1 * (2 - 0.5)) = 0.462570 for a good answer, and for a bad one
    # 1 - sigmoid(0.1 * (0.5 - 2)) = 0.537430, as TRL's "kto" loss.
    ratios, is_good = torch.tensor([2.0, 2.0]), torch.tensor([True, False])
    losses = kto_losses(ratios, torch.tensor(0.5), is_good, 0.1)
    assert losses.tolist() == pytest.approx([0.462570, 0.537430], abs=1e-6)


def sums_by_hand(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[float]:
    """Each padded sequence's log-probability, token by token."""
    sums = []
    for tokens, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        learnt = [index for index, label in enumerate(labels.tolist()) if label != IGNORED]
        logits = model(input_ids=tokens[None]).logits[0].detach().double().log_softmax(-1)
        sums.append(sum(float(logits[index - 1, tokens[index]]) for index in learnt))
    return sums


@pytest.mark.parametrize("packing", [0, 1])
def test_dpo_compares_with_the_model_it_started_from(
    world: World, tmp_path: Path, packing: int
) -> None:
    torch.manual_seed(0)
    model = make_model(TOKENIZER, settings())
    objective, padded = (
        DPO(PAIRS, TOKENIZER, settings(packing=value, beta=0.5)) for value in (packing, 0)
    )
    for one in (objective, padded):
        one.prepare(scores_of(model), world, tmp_path / "checkpoints")
    assert objective.loss(model, objective.batch([0, 1, 2], CHANCE)).item() == pytest.approx(
        math.log(2), abs=1e-5
    )
    batch = padded.batch([0, 2], CHANCE)
    before = sums_by_hand(model, batch)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    after = sums_by_hand(model, batch)
    moved = [one - other for one, other in zip(after, before, strict=True)]
    margins = [0.5 * (moved[0] - moved[1]), 0.5 * (moved[2] - moved[3])]
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins) / 2
    loss = objective.loss(model, objective.batch([0, 2], CHANCE))
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert objective.weights == [1, 2, 3]


def test_dpo_counts_the_two_answers_only(world: World, tmp_path: Path) -> None:
    objective = DPO(PAIRS, TOKENIZER, settings())
    model = make_model(TOKENIZER, settings())
    objective.prepare(scores_of(model), world, tmp_path)
    batch = objective.batch([1], CHANCE)
    said = [TOKENIZER.decode(labels[labels != IGNORED]) for labels in batch["labels"]]
    assert said == [PAIRS[1].answer + "<|end|>", PAIRS[1].rejected + "<|end|>"]


def test_kto_holds_each_answer_against_another_s(world: World, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make_model(TOKENIZER, settings())
    objective = KTO(VOTES, TOKENIZER, settings(beta=0.5))
    objective.prepare(scores_of(model), world, tmp_path)
    batch = objective.batch([0, 1], CHANCE)
    said = [TOKENIZER.decode(labels[labels != IGNORED]) for labels in batch["labels"]]
    assert said == [f"On day {number}.<|end|>" for number in (0, 1, 1, 2)]
    before = sums_by_hand(model, batch)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    after = sums_by_hand(model, batch)
    moved = [one - other for one, other in zip(after, before, strict=True)]
    drift = max(0.0, (moved[1] + moved[3]) / 2)
    gains = [0.5 * (moved[0] - drift), 0.5 * (drift - moved[2])]  # the second was found bad
    expected = sum(1 - 1 / (1 + math.exp(-gain)) for gain in gains) / 2
    assert objective.loss(model, batch).item() == pytest.approx(expected, rel=1e-4)


class WorldOfTwo(World):
    """The other process has as many examples, which have moved as far as is said."""

    def __init__(self, world: World, moved: float) -> None:
        super().__init__(world.rank, world.size, world.device, world.group)
        object.__setattr__(self, "moved", moved)

    def mean(self, values: list[float]) -> list[float]:
        return [(values[0] + self.moved * values[1]) / 2, values[1]]  # type: ignore[attr-defined]


def test_kto_estimates_the_movement_over_all_processes(world: World, tmp_path: Path) -> None:
    losses = []
    for moved in (0.0, 30.0):
        objective = KTO(VOTES, TOKENIZER, settings(beta=0.5))
        torch.manual_seed(0)
        model = make_model(TOKENIZER, settings())
        objective.prepare(scores_of(model), WorldOfTwo(world, moved), tmp_path)
        # Both good: the farther all has moved, the less either has gained by comparison.
        batch = objective.batch([0, 2], CHANCE)
        losses.append(objective.loss(model, batch).item())
    assert losses == pytest.approx([0.5, 1 - 1 / (1 + math.exp(0.5 * 15))], abs=1e-4)


def test_the_reference_is_asked_once(world: World, tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, other = (make_model(TOKENIZER, settings()) for _ in range(2))
    objective, again = (DPO(PAIRS, TOKENIZER, settings()) for _ in range(2))
    objective.prepare(scores_of(one), world, tmp_path)
    again.prepare(scores_of(other), world, tmp_path)
    kept = [each.batch([0], CHANCE)["reference"].tolist() for each in (objective, again)]
    assert kept[0] == kept[1]
    # A file that is cut short, or of other answers, is none.
    path = tmp_path / "reference.json"
    path.write_bytes(path.read_bytes()[:-9])
    again.prepare(scores_of(other), world, tmp_path)
    assert again.batch([0], CHANCE)["reference"].tolist() != kept[0]
    fewer = DPO(PAIRS[:2], TOKENIZER, settings())
    fewer.prepare(scores_of(other), world, tmp_path)
    assert fewer.batch([0], CHANCE)["reference"].shape == (1, 2)


@pytest.mark.parametrize(
    ("kind", "rows", "said"),
    [
        (DPO, VOTES, "no row with a rejected answer that fits"),
        (KTO, PAIRS, "fewer than two rows with a rating"),
        (KTO, VOTES[:1], "fewer than two rows with a rating"),
    ],
)
def test_rows_of_another_kind_are_refused(
    kind: type[DPO | KTO], rows: list[Row], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        kind(rows, TOKENIZER, settings())


def test_a_pair_that_does_not_fit_is_set_aside_by_name() -> None:
    giant = replace(PAIRS[0], rejected="No. " * 500, record_id="giant")
    objective = DPO([giant, PAIRS[1]], TOKENIZER, settings(max_position_embeddings=64))
    assert [one.record_id for one in objective.set_aside] == ["giant"]
    assert objective.weights == [2]


def test_both_answers_follow_the_same_turns() -> None:
    turns = [{"role": role, "content": "said " * 4} for role in ("user", "assistant")]
    row = replace(PAIRS[0].after(turns), rejected="No. " * 6)
    whole = DPO([row], TOKENIZER, settings())
    narrow = settings(max_position_embeddings=max(map(len, prompts_of(whole))) + 22)
    cut = prompts_of(DPO([row], TOKENIZER, narrow))
    assert cut[0] == cut[1] != prompts_of(whole)[0]


def prompts_of(objective: DPO) -> list[list[int]]:
    (pair,) = objective._examples
    return [
        [token for token, label in zip(*sequence, strict=True) if label == IGNORED]
        for sequence in pair.sequences
    ]
