"""Recipes: what a training of a base model of some size takes, as a file that many models name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from meguru.model_plan import NOMINAL_SHAPES
from stacks.environment.file import InvalidEnvironment, line_of, read_document
from stacks.environment.refusals import sentence
from stacks.environment.section import SECTION
from stacks.environment.values import HyperparameterValues, InstanceCount, TrainingInstanceType

RECIPES = Path(__file__).parents[2] / "recipes"
_NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*", re.ASCII)


class Recipe(BaseModel):
    """One recipe; its `size` is that of the base models it is for."""

    model_config = SECTION

    size: Literal["0.1B", "0.5B", "1.5B", "8B"]
    method: Literal["full", "lora"]
    instance_type: TrainingInstanceType
    instance_count: InstanceCount = 1
    spot: bool = True
    hyperparameters: HyperparameterValues = {}

    @property
    def settings(self) -> dict[str, Any]:
        """The same as the environment file's section `training` says it."""
        return {
            "instance_type": self.instance_type,
            "instance_count": self.instance_count,
            "spot": self.spot,
            "hyperparameters": {"method": self.method, **self.hyperparameters},
        }


# A recipe is for sizes that can be planned.
assert set(NOMINAL_SHAPES) == {"0.1B", "0.5B", "1.5B", "8B"}


def recipe_names() -> list[str]:
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


@cache
def read_recipe(name: str) -> Recipe:
    """The recipe `recipes/NAME.yaml`.

    Raises ValueError for one that isn't there, and InvalidEnvironment (one too) with the file, the
    line and the key of what is wrong in it.
    """
    path = RECIPES / f"{name}.yaml"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise ValueError(f"no recipe of this name; there are {', '.join(recipe_names())}")
    document, values = read_document(path)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = []
        for one in error.errors():
            keys = [str(key) for key in one["loc"] if key != "[key]"]
            name_in_file = ".".join(keys) or "the file"
            lines.append(f"{path}:{line_of(document, keys)}: {name_in_file}: {sentence(one)}")
        raise InvalidEnvironment("\n".join(lines)) from error
