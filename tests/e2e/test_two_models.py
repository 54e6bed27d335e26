"""Two models side by side: each registered, released and answering for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.conftest import TEXTS
from tests.e2e.loop_cloud import MODEL, SECOND_MODEL, LoopCloud, make_model_archive


@pytest.fixture(scope="module")
def second(cloud: LoopCloud, tmp_path_factory: pytest.TempPathFactory) -> LoopCloud:
    """The environment with a version of the second model that serves as well."""
    second = cloud.of_model(SECOND_MODEL)
    folder: Path = tmp_path_factory.mktemp("second")
    archive = make_model_archive(folder, TEXTS * 3, seed=4)
    package = second.register(second.put_model(archive, "runs/second/model.tar.gz"))
    second.decide(package, "Approved")
    second.loop.released(package)
    return second


def ask(cloud: LoopCloud, model: str, text: str = "締切は?") -> Any:
    return cloud.openai_client().chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], max_tokens=4
    )


def test_each_answers_under_its_name(cloud: LoopCloud, second: LoopCloud) -> None:
    assert cloud.serving() != second.serving()
    recorded = {}
    for model in (MODEL, SECOND_MODEL):
        completion = ask(cloud, model)
        assert completion.model == model
        [item] = [i for i in cloud.items("Inference") if i["inference_id"]["S"] == completion.id]
        recorded[item["model"]["S"]] = item["model_package_arn"]["S"]
    assert recorded == {MODEL: cloud.serving(), SECOND_MODEL: second.serving()}


def test_both_are_listed(cloud: LoopCloud, second: LoopCloud) -> None:
    client = cloud.openai_client()
    assert [model.id for model in client.models.list()] == [MODEL, SECOND_MODEL]
    assert client.models.retrieve(SECOND_MODEL).id == SECOND_MODEL


def test_another_name_is_refused_with_those_that_are_served(
    cloud: LoopCloud, second: LoopCloud
) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ask(cloud, "third")
    assert refused.value.code == "model_not_found"
    assert f"'{MODEL}', '{SECOND_MODEL}'" in str(refused.value)


def test_feedback_goes_with_the_model_that_answered(cloud: LoopCloud, second: LoopCloud) -> None:
    completion = ask(cloud, SECOND_MODEL)
    body = {"inference_id": completion.id, "rating": -1}
    said = cloud.openai_client().post("/feedback", body=body, cast_to=dict[str, Any])
    [item] = [i for i in cloud.items("Feedback") if i["feedback_id"]["S"] == said["id"]]
    assert item["model"]["S"] == SECOND_MODEL
    assert item["model_package_arn"]["S"] == second.serving()


def test_one_s_release_leaves_the_other_s_record(cloud: LoopCloud, second: LoopCloud) -> None:
    records = [one.release_record()["released_model_package_arn"] for one in (cloud, second)]
    assert records == [cloud.serving(), second.serving()]
    assert {execution["status"] for execution in second.releases()} == {"SUCCEEDED"}
