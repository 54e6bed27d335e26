"""Pages may read answers where the environment file names them, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.stacks.deployment import Deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis


def test_a_browser_asks_without_a_key_and_reaches_no_function(synthesis: Synthesis) -> None:
    methods = list(synthesis.resources("AWS::ApiGateway::Method"))
    asking = [one for one in methods if one.properties["HttpMethod"] == "OPTIONS"]
    for method in methods:
        is_asking = method in asking
        assert (method.properties["AuthorizationType"] == "NONE") is is_asking, method.path
        assert bool(method.properties.get("ApiKeyRequired")) is not is_asking, method.path
        assert (method.properties["Integration"]["Type"] == "MOCK") is is_asking, method.path


def test_only_an_environment_that_names_pages_answers_their_browsers(
    deployments: dict[str, Deployment],
) -> None:
    for name, deployment in deployments.items():
        found = {
            json.loads(function.told["CORS_ORIGINS"])[0:1] != []
            for folder, function in deployment.functions.items()
            if folder in ("answer_request", "list_models", "record_feedback")
        }
        assert found == {name == "longest"}
