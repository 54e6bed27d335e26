"""Recipes: each is read, fits its instances, and gives way to what the environment file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meguru.model_plan import NOMINAL_SHAPES, plan
from stacks.environment import InvalidEnvironment, Model, read_environment
from stacks.environment import recipes as module
from stacks.environment.recipes import RECIPES, read_recipe, recipe_names

SIZES = {"0.1b", "0.5b", "1.5b", "8b"}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Model]:
    def read(text: str) -> Model:
        path = tmp_path / "e.yaml"
        lines = [f"    {line}" for line in text.splitlines()]
        path.write_text("\n".join(["name: acme", "models:", "  chat:", *lines]))
        return read_environment(path).models["chat"]

    return read


def refused(read: Callable[..., Model], text: str) -> str:
    with pytest.raises(InvalidEnvironment) as error:
        read(text)
    return str(error.value).partition("e.yaml")[2]


def test_there_is_one_for_each_method_and_size() -> None:
    assert set(recipe_names()) == {
        f"{method}-{size}" for method in ("full", "lora") for size in SIZES
    }


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_each_is_what_its_name_says_and_fits(name: str, read: Callable[..., Model]) -> None:
    recipe = read_recipe(name)
    assert name == f"{recipe.method}-{recipe.size.lower()}"
    training = read(f"base: tiny\nrecipe: {name}").training
    [made, *_] = map(plan, training.workloads(NOMINAL_SHAPES[recipe.size]).values())
    assert made.fits
    assert made.workload.method == recipe.method
    assert training.instance_type == recipe.instance_type


def test_the_environment_file_says_the_last_word(read: Callable[..., Model]) -> None:
    training = read(
        "base: tiny\nrecipe: lora-1.5b\ntraining:\n  instance_type: ml.g6e.2xlarge\n"
        "  hyperparameters: {num_epochs: 7}"
    ).training
    own = read_recipe("lora-1.5b")
    assert training.instance_type == "ml.g6e.2xlarge"
    expected = {"method": "lora", **own.hyperparameters, "num_epochs": 7}
    assert training.hyperparameters == expected


@pytest.mark.parametrize(
    ("base", "name", "revision"),
    [("tiny", "tiny", ""), ("tiny-1.5b@0123456789abcdef", "tiny-1.5b", "0123456789abcdef")],
)
def test_a_base_model_may_be_kept_to_a_revision(
    base: str, name: str, revision: str, read: Callable[..., Model]
) -> None:
    model = read(f"base: {base}")
    assert (model.base_name, model.base_revision) == (name, revision)


BAD = {
    "base: tiny\nrecipe: lora-70b": ":5: models.chat.recipe: no recipe of this name; there are",
    "base: tiny\nrecipe: ../x": ":5: models.chat.recipe: no recipe of this name",
    "base: tiny\nrecipe: 8": ":5: models.chat.recipe: the name of a file in recipes/ (it is 8)",
    "base: Tiny/x": ":4: models.chat.base: a base model's name",
    "base: tiny@main": ":4: models.chat.base: a base model's name",
    "base: tiny@": ":4: models.chat.base: a base model's name",
    "recipe: lora-1.5b": ":4: models.chat.recipe: needs a base model",
    "training: {hyperparameters: {method: lora}}": ":4: models.chat.training: needs a base model",
    "base: tiny\nrecipe: full-8b\ntraining:\n  instance_type: ml.g5.xlarge": (
        ":7: models.chat.training.instance_type: the training needs 127.4 GiB on each GPU"
    ),
    "base: tiny\nrecipe: full-8b\ntraining: 3": ":6: models.chat.training: keys and values",
    "base: tiny\nrecipe: full-8b\ntraining:\n  hyperparameters: {lora_rank: 0}": (
        ":7: models.chat.training.hyperparameters.lora_rank: a whole number from 1"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_refused_with_its_line(text: str, read: Callable[..., Model]) -> None:
    assert refused(read, text).startswith(BAD[text])


def test_a_recipe_s_own_fault_is_told_with_its_line(
    tmp_path: Path, read: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECIPES", tmp_path)
    text = "size: 3B\nmethod: lora\ninstance_type: ml.g5.xlarge\nhyperparameters: {lora_rnk: 3}\n"
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InvalidEnvironment) as error:
        read_recipe("mine")
    first, second = str(error.value).splitlines()
    assert "mine.yaml:1: size: one of '0.1B', '0.5B', '1.5B' or '8B' (it is '3B')" in first
    assert "mine.yaml:4: hyperparameters.lora_rnk: unknown hyperparameter" in second
    assert "models.chat.recipe: " in refused(read, "base: tiny\nrecipe: mine")
