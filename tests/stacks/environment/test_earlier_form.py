"""Files of the earlier form, with one model at the top: read as today's, refused by their lines."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meguru.names import is_model_key
from stacks.environment import Environment, InvalidEnvironment, read_environment

TEXT = """\
name: poc
destroyable: true
curation:
  instance_type: ml.t3.medium
  batch_seconds: 1
  feedback_weight: 10
training:
  instance_type: ml.m5.large
  instance_count: 2
  spot: true
  max_runtime_minutes: 60
  max_wait_minutes: 120
  volume_gb: 10
  hyperparameters:
    num_epochs: 9
  continued_hyperparameters:
    num_epochs: 6
    learning_rate: 0.0015
evaluation:
  instance_type: ml.m5.large
  minimum:
    exact_match: 0.5
  maximum_drop:
    exact_match: 0.1
endpoint:
  model_name: meguru-text
  instance_type: ml.m5.large
  min_instances: 1
  max_instances: 2
  invocations_per_instance_per_minute: 600
  release:
    traffic: all_at_once
    bake_seconds: 0
    poll_seconds: 1
api:
  requests_per_second: 5
  burst: 10
  requests_per_month: 100000
feedback:
  corrections_before_retraining: 3
  max_runs_per_day: 100
records:
  inference_days: 30
  log_days: 7
"""
POC = Path(__file__).parents[3] / "environments" / "poc.yaml"


def read(folder: Path, text: str) -> Environment:
    path = folder / "earlier.yaml"
    path.write_text(text)
    return read_environment(path)


def test_it_is_one_entry_of_models(tmp_path: Path) -> None:
    [model] = read_environment(POC).models.values()
    values = yaml.safe_load(TEXT)
    values["training"]["hyperparameters"] = dict(model.training.hyperparameters)
    # Consumers are newer than this form.
    expected = read_environment(POC).model_copy(update={"consumers": {}})
    assert read(tmp_path, yaml.safe_dump(values)) == expected


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    environment = read(tmp_path, "name: poc\nfeedback:\n  schedule: daily\n")
    assert list(environment.models) == ["meguru-text"]
    assert environment.models["meguru-text"].retrain.schedule == "daily"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  spot: true", "  spott: true", "10: training.spott: unknown key"),
        ("  spot: true", "  spot: 1", "10: training.spot: true or false (it is 1)"),
        ("    num_epochs: 9", "    num_epoch: 9", "15: training.hyperparameters.num_epoch: unkn"),
        ("  minimum:", "  minimun:", "21: evaluation.minimun: unknown key"),
        ("    exact_match: 0.5", "    exact_match: 5", "22: evaluation.minimum.exact_match: from"),
        ("    exact_match: 0.1", "    chfr: 1", "24: evaluation.maximum_drop.chfr: unknown metr"),
        ("  model_name: meguru-text", "  model_name: '-'", "26: endpoint.model_name: "),
        ("  model_name: meguru-text", "  model_name:", "26: endpoint.model_name: is empty"),
        ("  model_name: meguru-text", "  model_name: [a]", "26: endpoint.model_name: 1 to 63"),
        ("    traffic: all_at_once", "    traffic: al", "32: endpoint.release.traffic: one of"),
        (
            "  corrections_before_retraining: 3",
            "  corrections_before_retraining: 0",
            "40: feedback.corrections_before_retraining: at least 1",
        ),
        (
            "  corrections_before_retraining: 3",
            "  schedule: never",
            "40: feedback.schedule: daily, weekly, cron(...) or rate(...)",
        ),
        ("feedback:\n", "feedback: 3\nrecord:\n", "39: feedback: keys and values (it is 3)"),
    ],
)
def test_a_wrong_line_is_named_as_it_stands(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert TEXT.count(before) >= 1
    line_break = "" if before.endswith("\n") else "\n"
    with pytest.raises(InvalidEnvironment) as refused:
        read(tmp_path, TEXT.replace(before + line_break, after + line_break, 1))
    assert f"earlier.yaml:{said}" in str(refused.value)


@pytest.mark.parametrize(
    "name", ["Meguru.Text_2", "a--b", "curation", "x" * 63, "-".join("a" * 30), "Q", "a-"]
)
def test_a_name_that_is_no_key_stays_the_api_s(tmp_path: Path, name: str) -> None:
    environment = read(tmp_path, TEXT.replace("meguru-text", name))
    [(served, endpoint)] = environment.endpoints.items()
    assert served == name
    [key] = environment.models
    assert is_model_key(key)
    assert endpoint == f"meguru-poc--{key}"


def test_both_forms_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEnvironment, match=r"earlier.yaml:7: training: unknown key"):
        read(tmp_path, TEXT + "models:\n  a: {}\n")


VALUES: dict[str, Any] = yaml.safe_load(TEXT)
PLACES: list[tuple[str, ...]] = [
    (top, key) for top in VALUES if isinstance(VALUES[top], dict) for key in VALUES[top]
]
PLACES += [(top,) for top in VALUES]
CORRUPTIONS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=2),
    ),
    max_leaves=4,
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), value=CORRUPTIONS)
def test_a_corrupted_value_is_refused_by_where_it_stands(
    tmp_path: Path, place: tuple[str, ...], value: Any
) -> None:
    values = copy.deepcopy(VALUES)
    above = values
    for key in place[:-1]:
        above = above[key]
    above[place[-1]] = value
    path = tmp_path / "earlier.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    try:
        read_environment(path)
    except InvalidEnvironment as error:
        assert all(line.startswith(f"{path}:") for line in str(error).splitlines())
        assert "models" not in str(error) and "another value" not in str(error)
