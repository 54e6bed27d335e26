"""Two models side by side: each for itself, drawn by an alias, and compared blind."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from cli.consumers import Consumers
from meguru.consumer import Consumer
from tests.e2e.conftest import TEXTS
from tests.e2e.loop_cloud import (
    BOTH,
    EITHER,
    MODEL,
    SECOND_MODEL,
    LoopCloud,
    make_model_archive,
)


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
    names = [MODEL, SECOND_MODEL, BOTH, EITHER]
    assert [model.id for model in client.models.list()] == names
    assert [client.models.retrieve(name).id for name in names] == names


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


def test_an_alias_is_answered_by_either(cloud: LoopCloud, second: LoopCloud) -> None:
    client = cloud.openai_client()
    drawn = set()
    for number in range(12):
        raw = client.chat.completions.with_raw_response.create(
            model=EITHER, messages=[{"role": "user", "content": f"{number}?"}], max_tokens=2
        )
        completion = raw.parse()
        assert raw.headers["x-model"] == completion.model
        drawn.add(completion.model)
    # One alone in 2 of 4,096 runs.
    assert drawn == {MODEL, SECOND_MODEL}
    [item] = [i for i in cloud.items("Inference") if i["inference_id"]["S"] == completion.id]
    assert (item["alias"]["S"], item["model"]["S"]) == (EITHER, completion.model)


def compare(client: openai.OpenAI, stream: bool, topic: str = "") -> tuple[str, list[str], str]:
    """The id of a comparison, what each choice says, and all that its caller is told."""
    metadata = {"metadata": {"topic": topic}} if topic else {}
    create = client.chat.completions.with_raw_response.create
    raw: Any = create(  # type: ignore[call-overload]
        model=BOTH,
        messages=[{"role": "user", "content": "締切は?"}],
        max_tokens=6,
        stream=stream,
        **metadata,
    )
    headers = json.dumps(dict(raw.headers))
    if not stream:
        completion = raw.parse()
        texts = [choice.message.content for choice in completion.choices]
        return completion.id, texts, headers + completion.model_dump_json()
    chunks, texts = list(raw.parse()), ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    told = "".join(chunk.model_dump_json() for chunk in chunks)
    return chunks[0].id, texts, headers + told


def vote(client: openai.OpenAI, name: str, winner: int | str) -> dict[str, Any]:
    body = {"inference_id": name, "winner": winner}
    said: dict[str, Any] = client.post("/feedback", body=body, cast_to=dict[str, Any])
    return said


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_tells_who_is_who_before_the_vote(
    cloud: LoopCloud, second: LoopCloud, stream: bool
) -> None:
    client = cloud.openai_client()
    fingerprints = {ask(cloud, model).system_fingerprint for model in (MODEL, SECOND_MODEL)}
    before = client.get("/usage", cast_to=dict[str, Any])
    name, texts, told = compare(client, stream)
    after = client.get("/usage", cast_to=dict[str, Any])
    items = {i["inference_id"]["S"]: i for i in cloud.items("Inference")}
    answers = [i for i in items.values() if i["comparison_id"]["S"] == name]
    secrets = {MODEL, SECOND_MODEL, *fingerprints, *(i["inference_id"]["S"] for i in answers)}
    assert [secret for secret in secrets if secret and secret in told] == []
    # How much each of the two has used would tell by its length.
    used = [one for one in after["data"] if one not in before["data"]]
    assert {one["model"] for one in used} == {BOTH}
    candidates = vote(client, name, "tie")["candidates"]
    assert {one["model"] for one in candidates} == {MODEL, SECOND_MODEL}
    for candidate, text in zip(candidates, texts, strict=True):
        item = items[candidate["inference_id"]]
        assert (item["model"]["S"], item["answer"]["S"]) == (candidate["model"], text)


def scorecard(client: openai.OpenAI, model: str) -> dict[str, Any]:
    card: dict[str, Any] = client.get(f"/models/{model}/scorecard", cast_to=dict[str, Any])
    return card


def test_a_vote_counts_at_once_and_once(cloud: LoopCloud, second: LoopCloud) -> None:
    client = cloud.openai_client()
    before = {model: scorecard(client, model) for model in (MODEL, SECOND_MODEL)}
    name, *_ = compare(client, stream=True, topic="経費")

    def cast(winner: int) -> Any:
        try:
            return vote(client, name, winner)
        except openai.ConflictError as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(cast, [0, 1] * 4))
    counted = [one for one in said if isinstance(one, dict)]
    assert {one["winner"] for one in counted} == {counted[0]["winner"]}
    assert {one for one in said if not isinstance(one, dict)} <= {"already_voted", "in_progress"}
    models = [one["model"] for one in counted[0]["candidates"]]
    winner = models[counted[0]["winner"]]
    for model in models:
        card = scorecard(client, model)
        outcome = "wins" if model == winner else "losses"
        assert card[outcome] == before[model][outcome] + 1
        assert card["votes"] == before[model]["votes"] + 1
        assert {one["topic"]: one[outcome] for one in card["topics"]}["経費"] == 1
    pairs = [i for i in cloud.items("Feedback") if i["preferred_answer"]["S"]]
    assert winner in {i["model"]["S"] for i in pairs}


def test_another_s_comparison_is_nobody_s(cloud: LoopCloud, second: LoopCloud) -> None:
    name, *_ = compare(cloud.openai_client(), stream=False)
    # Who may use an alias alone is answered by its models all the same.
    settings = Consumer(name="alias-only", models=frozenset({BOTH}))
    stranger = cloud.openai_client(Consumers(cloud.account).add("alias-only", settings))
    assert [model.id for model in stranger.models.list()] == [BOTH]
    assert len(compare(stranger, stream=False)[1]) == 2
    with pytest.raises(openai.NotFoundError) as refused:
        vote(stranger, name, 0)
    assert refused.value.code == "inference_not_found"
    assert vote(cloud.openai_client(), name, 1)["winner"] == 1
    # The topics that others have named are not theirs.
    topics = scorecard(stranger, MODEL)["topics"]
    assert {one["source"] for one in topics} <= {"rule"}
