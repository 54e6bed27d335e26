"""Whatever a template makes has a price or is known to have none: no estimate leaves it out."""

from __future__ import annotations

from cli.cost.command import unpriced
from cli.cost.idle import idle_costs, read_templates
from cli.cost.item import total
from cli.cost.work import request_costs
from tests.stacks.conftest import LONGEST
from tests.stacks.synthesis import Synthesis


def test_every_type_has_a_price(syntheses: dict[str, Synthesis]) -> None:
    for name, synthesis in syntheses.items():
        templates = read_templates(synthesis.folder)
        costs = {
            "idle": idle_costs(synthesis.environment, templates),
            "requests": list(request_costs(synthesis.environment, templates, 5.0)),
        }
        assert unpriced(costs) == [], name
        assert total(costs["idle"]) > 1, name
    assert LONGEST in syntheses
