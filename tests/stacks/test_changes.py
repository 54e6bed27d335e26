"""A second deployment with one value changed changes what that value is for, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from localcloud.check import Assembly

from stacks.environment import read_environment

ENVIRONMENTS = Path(__file__).parents[2] / "environments"
Templates = dict[str, dict[str, Any]]
MODEL = "Model-meguru-text"
# It evaluates and registers as the training does.
PROMPT_RELEASE = f"{MODEL}/PromptReleaseReleasePrompt"
# What a setting may touch: the stack's concern and the beginning of the logical ID.
Change = tuple[str, Any, set[str]]
CHANGES: list[Change] = [
    ("api.burst", 7, {"Api/InferenceApiUsagePlan"}),
    ("api.requests_per_month", 12345, {"Api/InferenceApiUsagePlan"}),
    ("curation.instance_type", "ml.m5.4xlarge", {"Data/CurationCurateDataset"}),
    ("curation.feedback_weight", 3, {"Data/CurationCurateDataset"}),
    (
        "curation.batch_seconds",
        7,
        {"Data/CurationLooksStartCurationSqsEventSource", "Data/CurationCurateDataset"},
    ),
    ("training.instance_type", "ml.g5.24xlarge", {f"{MODEL}/TrainingTrainAndRegister"}),
    ("training.spot", False, {f"{MODEL}/TrainingTrainAndRegister"}),
    ("training.hyperparameters.num_epochs", 7, {f"{MODEL}/TrainingTrainAndRegister"}),
    (
        "evaluation.instance_type",
        "ml.m5.4xlarge",
        {f"{MODEL}/TrainingTrainAndRegister", PROMPT_RELEASE},
    ),
    (
        "gate.minimum.exact_match",
        0.7,
        # The evidence shows what the gate asks.
        {f"{MODEL}/TrainingCheckGate", f"{MODEL}/TrainingTrainAndRegister", PROMPT_RELEASE},
    ),
    (
        "endpoint.instance_type",
        "ml.g5.2xlarge",
        # A version says what it may be served on.
        {
            f"{MODEL}/ModelReleaseDeployModelVersion",
            f"{MODEL}/TrainingTrainAndRegister",
            PROMPT_RELEASE,
        },
    ),
    ("endpoint.max_instances", 9, {f"{MODEL}/ModelReleaseDeployModelVersion"}),
    ("endpoint.release.bake_seconds", 900, {f"{MODEL}/ModelReleasePlanRelease"}),
    ("retrain.corrections", 9, {"Data/RetrainingTriggerStartRetraining"}),
    (
        "retrain.schedule",
        "daily",
        {"Data/CurationLooksRetrainingSchedule", "Data/CurationLooksQueuePolicy"},
    ),
    ("records.inference_days", 31, {"Api/InferenceApiAnswerRequest", "Lake/LakeBucket"}),
    ("notify", "else@example.com", {"Lake/LoopEventsTopic"}),
]


@pytest.fixture(scope="module")
def synthesize(
    tmp_path_factory: pytest.TempPathFactory, syntheses: Any
) -> Callable[..., Templates]:
    """The templates of an environment file with values changed, by the stack's concern."""
    from app import compose

    def make(name: str, **changes: Any) -> Templates:
        values = yaml.safe_load((ENVIRONMENTS / f"{name}.yaml").read_text())
        for path, value in changes.items():
            change(values, path, value)
        folder = tmp_path_factory.mktemp("change")
        (folder / "changed.yaml").write_text(yaml.safe_dump(values, allow_unicode=True))
        compose(read_environment(folder / "changed.yaml"), outdir=str(folder / "out")).synth()
        assembly = Assembly.load(folder / "out")
        prefix = f"Meguru-{values['name']}-"
        return {one.stack_name.removeprefix(prefix): one.template for one in assembly.stacks}

    return make


@pytest.fixture(scope="module")
def before(synthesize: Callable[..., Templates]) -> dict[str, Templates]:
    return {name: synthesize(name) for name in ("poc", "production")}


def change(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a value by its dotted path; what is not at the top is of the first model."""
    names = path.split(".")
    of_environment = ("api", "curation", "records", "notify", "tags", "destroyable")
    place = values if names[0] in of_environment else next(iter(values["models"].values()))
    for name in names[:-1]:
        place = place.setdefault(name, {})
    assert place.get(names[-1]) != value, f"{path} is {value} already"
    place[names[-1]] = value


def changed(old: Templates, new: Templates) -> Iterator[str]:
    """Resources that are added, taken away or not as they were, as `concern/logical ID`."""
    for concern in old.keys() | new.keys():
        was, now = (one.get(concern, {}).get("Resources", {}) for one in (old, new))
        for logical_id in was.keys() | now.keys():
            if was.get(logical_id) != now.get(logical_id):
                yield f"{concern}/{logical_id}"


def in_groups(apart: set[frozenset[str]]) -> list[list[Change]]:
    """All changes, those together that touch nothing in common and are not a pair of `apart`."""
    rivals = {one[0]: sum(bool(one[2] & other[2]) for other in CHANGES) for one in CHANGES}
    groups: list[list[Change]] = [[] for _ in range(max(rivals.values()))]
    for one in sorted(CHANGES, key=lambda one: -rivals[one[0]]):
        fitting = [group for group in groups if fits(one, group, apart)]
        if not fitting:
            groups += (fitting := [[]])
        min(fitting, key=len).append(one)
    return groups


def fits(one: Change, group: list[Change], apart: set[frozenset[str]]) -> bool:
    return not any(one[2] & other[2] or frozenset((one[0], other[0])) in apart for other in group)


# A synthesis for each change would take a minute. No two are together in both environments: what
# one does in the other's place is seen in one of them.
OF_POC = in_groups(set())
OF_PRODUCTION = in_groups(
    {frozenset(pair) for group in OF_POC for pair in combinations([one[0] for one in group], 2)}
)


@pytest.mark.parametrize(
    ("name", "group"),
    [("poc", group) for group in OF_POC] + [("production", group) for group in OF_PRODUCTION],
    ids=lambda value: value if isinstance(value, str) else "+".join(one[0] for one in value),
)
def test_changed_values_change_only_what_they_name(
    synthesize: Callable[..., Templates],
    before: dict[str, Templates],
    name: str,
    group: list[Change],
) -> None:
    found = set(changed(before[name], synthesize(name, **{path: new for path, new, _ in group})))
    for path, _, touched in group:
        assert any(one.startswith(tuple(touched)) for one in found), path
    may_be = tuple(one for _, _, touched in group for one in touched)
    assert {one for one in found if not one.startswith(may_be)} == set()


def test_nothing_changed_changes_nothing(
    synthesize: Callable[..., Templates], before: dict[str, Templates]
) -> None:
    for name, templates in before.items():
        assert synthesize(name) == templates


def test_a_tag_changes_tags_and_what_workflows_tag_alone(
    synthesize: Callable[..., Templates], before: dict[str, Templates]
) -> None:
    after = synthesize("production", **{"tags.owner": "somebody"})
    assert set(changed(before["production"], after))
    without = re.compile(r'\{"Key": "owner", "Value": "somebody"\}(, )?|"owner": "somebody"(, )?')
    # CDK makes a deployment of the API anew for whatever changes about the API.
    hashed = re.compile(r"(InferenceApiDeployment[0-9A-F]{8})[0-9a-f]{32}")
    old, new = (
        json.loads(hashed.sub(r"\1", without.sub("", json.dumps(templates))))
        for templates in (before["production"], after)
    )
    # Workflows put the environment's tags on what they make.
    places = [one.split("/") for one in changed(old, new)]
    kinds = {new[concern]["Resources"][logical_id]["Type"] for concern, logical_id in places}
    assert kinds == {"AWS::StepFunctions::StateMachine"}


@pytest.mark.parametrize("name", ["poc", "production"])
def test_a_table_can_be_replaced(
    synthesize: Callable[..., Templates],
    before: dict[str, Templates],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With another key it is another table. No stack's import holds the old one."""
    from stacks.constructs import records

    class Rekeyed(records.Records):
        def _table(self, name: str, partition_key: str, **settings: Any) -> Any:
            key = "model_name" if name == "Releases" else partition_key
            return super()._table(name, key, **settings)

    monkeypatch.setattr("stacks.lake_stack.Records", Rekeyed)
    after = synthesize(name)
    for templates in (before[name], after):
        assert "Fn::ImportValue" not in json.dumps(templates)
        outputs = [one for template in templates.values() for one in template["Outputs"].values()]
        assert [one for one in outputs if "Export" in one] == []
    replaced = {one for one in changed(before[name], after) if one.startswith("Lake/")}
    assert len(replaced) == 2 and all(one.startswith("Lake/RecordsReleasesBy") for one in replaced)
    # Who uses it is updated with it, for what it reads has another name.
    old_outputs = before[name]["Lake"]["Outputs"].keys() - after["Lake"]["Outputs"].keys()
    assert not [one for one in old_outputs if one in json.dumps(after)]
    users = {one.partition("/")[0] for one in changed(before[name], after)} - {"Lake"}
    assert users == {"Data", MODEL, "Api"}
