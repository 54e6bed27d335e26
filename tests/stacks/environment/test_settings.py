"""The environment file: what is wrong is refused with its file, line and key."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.environment import Environment, InvalidEnvironment, Release, read_environment
from stacks.environment.capacity import Capacity
from stacks.environment.jobs import Training

ENVIRONMENTS = Path(__file__).parents[3] / "environments"
POC = (ENVIRONMENTS / "poc.yaml").read_text()
VALUES: dict[str, Any] = yaml.safe_load(POC)
# Maps whose keys a client chooses: names of metrics, hyperparameters.
MODEL = ("models", "meguru-text")
CHOSEN = (MODEL, ("consumers", "example-app"))
FREE = {
    (*MODEL, "gate", "minimum"),
    (*MODEL, "gate", "maximum_drop"),
    (*MODEL, "training", "hyperparameters"),
    (*MODEL, "training", "continued_hyperparameters"),
}
Keys = tuple[str, ...]


def paths(values: dict[str, Any], above: Keys = ()) -> Iterator[Keys]:
    """The keys of a document, each with those it stands under."""
    for key, value in values.items():
        # A model's or a consumer's name is the client's to choose.
        if (*above, key) not in CHOSEN:
            yield (*above, key)
        if isinstance(value, dict) and (*above, key) not in FREE:
            yield from paths(value, (*above, key))


def parent_of(values: dict[str, Any], keys: Keys) -> dict[str, Any]:
    for key in keys[:-1]:
        values = values[key]
    return values


def line_of(text: str, key: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith(key))


def refusal(folder: Path, text: str) -> str:
    """What is said of a file with this text; it has to be refused."""
    path = folder / "planted.yaml"
    path.write_text(text)
    with pytest.raises(InvalidEnvironment) as refused:
        read_environment(path)
    return str(refused.value).replace(str(path), "FILE")


def test_every_environment_of_ours_is_read() -> None:
    names = {path.stem: read_environment(path).name for path in ENVIRONMENTS.iterdir()}
    # Another model in the proof of concept's place: what asks for no other environment finds it.
    assert names == {"poc": "poc", "production": "production", "smollm2": "poc"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "      spot: true",
            "      spott: true",
            "FILE:{line}: models.meguru-text.training.spott: unknown key",
        ),
        (
            "name: poc",
            "name: poc\ntags: {meguru:environment: a}",
            "tags.meguru:environment: Meguru's own",
        ),
        (
            "  feedback_weight: 10",
            "  feedback_weight: 1001",
            "FILE:{line}: curation.feedback_weight: at most 1000",
        ),
        (
            "  batch_seconds: 1",
            "  normalisation: [1]",
            "FILE:{line}: curation.normalisation: on, off, or some of the rules line_ends",
        ),
        ("      spot: true", "      spot: 1", "FILE:{line}: models.meguru-text.training.spot: "),
        (
            "      spot: true",
            "      spot: 'true'",
            "FILE:{line}: models.meguru-text.training.spot: ",
        ),
        ("  burst: 10", "  burst: 0", "FILE:{line}: api.burst: "),
        ("  burst: 10", "  burst: ten", "FILE:{line}: api.burst: "),
        ("  burst: 10", "  burst: 10.5", "FILE:{line}: api.burst: "),
        ("  burst: 10", "  burst:", "FILE:{line}: api.burst: "),
        ("  burst: 10", "  burst: [10]", "FILE:{line}: api.burst: "),
        ("name: poc", "name: Poc", "FILE:{line}: name: "),
        ("name: poc", "name: a-name-longer-than-twenty", "FILE:{line}: name: "),
        ("name: poc", "name: 7", "FILE:{line}: name: "),
        ("name: poc", "name: poc\nregion: tokyo", "FILE:3: region: "),
        ("name: poc", "name: poc\naccount: 123", "FILE:3: account: "),
        ("name: poc", "name: poc\nnotify: nobody", "FILE:3: notify: "),
        (
            "        exact_match: 0.5",
            "        exact_match: .nan",
            "FILE:{line}: models.meguru-text.gate.minimum.exact_m",
        ),
        ("        exact_match: 0.1", "        exact_match: -1", "gate.maximum_drop.exact_match: "),
        (
            "        traffic: all_at_once",
            "        traffic: al",
            "FILE:{line}: models.meguru-text.endpoint.release.traffic: ",
        ),
        ("      max_instances: 2", "      max_instances: 0", "endpoint.max_instances: "),
        ("  log_days: 7", "  log_days: 8", "FILE:{line}: records.log_days: "),
        ("  burst: 10", "  burst: 10\n  burst: 20", "api: burst: this key stands here twice"),
        ("  burst: 10", "\tburst: 10", "FILE:{line}: not YAML: "),
        ("  burst: 10", "  burst: {10", "not YAML: "),
        ("api:", "api", "not YAML: "),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert POC.count(before + "\n") == 1
    text = POC.replace(before + "\n", after + "\n")
    found = refusal(tmp_path, text)
    line = line_of(POC, before.strip())
    wanted = said.format(line=line).removeprefix("api: ")
    assert wanted in found, found


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "name: poc",
            "name: 本番 環境",
            "name: 1 to 20 lower-case letters, digits and hyphens, begin",
        ),
        ("name: poc", "name: ''", "name: is empty"),
        ("name: poc", "name:", "name: is empty"),
        ("name: poc", "name: poc\naccount: 123456789012", "account: 12 digits in quotation marks "),
        ("name: poc", "name: poc\nregion: ap-nowhere-9", "region: a region that has SageMaker, "),
        ("name: poc", "name: poc\ntags: a", "tags: keys and values (it is 'a')"),
        ("      spot: true", "      spot: 1", "training.spot: true or false (it is 1)"),
        ("  burst: 10", "  burst: 0", "api.burst: at least 1 (it is 0)"),
        ("  burst: 10", "  burst: true", "api.burst: a whole number (it is true)"),
        (
            "  burst: 10",
            "  burst: 10.5",
            "api.burst: a whole number, written without a point (it is",
        ),
        ("  burst: 10", "  burst: 10.0", "written without a point (it is 10.0)"),
        (
            "        traffic: all_at_once",
            "        traffic: al",
            "'all_at_once' or 'canary' (it is 'al')",
        ),
        (
            "        traffic: all_at_once\n        bake_seconds: 0",
            "        traffic: canary\n        bake_seconds: 600\n        maximum_error_percent: 10",
            "maximum_error_percent: below 10, which is canary_percent",
        ),
        (
            "        traffic: all_at_once",
            "        traffic: canary\n        maximum_error_percent: 0",
            "maximum_error_percent: above 0 (it is 0)",
        ),
        (
            "        traffic: all_at_once",
            "        traffic: all_at_once\n        maximum_error_percent: 100",
            "maximum_error_percent: below 100 (it is 100)",
        ),
        (
            "      min_instances: 1",
            "      min_instances: 3",
            "max_instances: at least 3, which is min",
        ),
        (
            "      min_instances: 1\n      max_instances: 2",
            "      min_instances: 3",
            "endpoint.min_instances: at most 2, unless max_instances is more (it is 3)",
        ),
        (
            "      max_wait_minutes: 120",
            "      max_wait_minutes: 30",
            "at least 60, which is max_runtime_minutes: waiting",
        ),
        (
            "  batch_seconds: 1",
            "  batch_seconds: 301",
            "curation.batch_seconds: at most 300 (it is 3",
        ),
        (
            "  batch_seconds: 1",
            "  batch_seconds: 1\n  normalisation: nfkc",
            "curation.normalisation: on, off, or some of the rules line_ends, control_characters, ",
        ),
        (
            "  instance_type: ml.t3.medium",
            "  instance_type: ml.banana.xlarge",
            "curation.instance_type: an instance type of SageMaker's processing jobs, such as ",
        ),
        (
            "      corrections: 3",
            "      corrections: 3\n      schedule: cron(0 18 * * SAT *)",
            "retrain.schedule: cron takes ? as exactly one of day of month and day of week",
        ),
    ],
)
def test_a_refusal_is_a_sentence_for_a_person(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert POC.count(before + "\n") == 1
    found = refusal(tmp_path, POC.replace(before + "\n", after + "\n"))
    assert said in found, found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize("part", ["training", "evaluation"])
@pytest.mark.parametrize(
    ("instance_type", "storage"), [("ml.g5.xlarge", 250), ("ml.g6.12xlarge", 3760)]
)
def test_a_volume_fits_into_an_instance_s_own_storage(
    part: str, instance_type: str, storage: int
) -> None:
    def model(volume_gb: int) -> dict[str, Any]:
        return {part: {"instance_type": instance_type, "volume_gb": volume_gb}}

    said = f"at most {storage}, which {instance_type} brings"
    with pytest.raises(ValidationError, match=said):
        Environment.model_validate({"name": "a", "models": {"m": model(storage + 1)}})
    Environment.model_validate({"name": "a", "models": {"m": model(storage)}})


def test_the_longest_training_waits_no_longer_than_sagemaker_takes() -> None:
    training = {"max_runtime_minutes": 40_320}
    values = {"name": "a", "models": {"m": {"training": training}}}
    environment = Environment.model_validate({**values, "records": {"checkpoint_days": 28}})
    found = environment.models["m"].training
    assert (found.wait_minutes, found.longest_minutes) == (40_320, 80_640)


SPOT, ON_DEMAND = Capacity("ml.m5.xlarge", 1, True), Capacity("ml.m5.xlarge", 1, False)


@pytest.mark.parametrize(
    ("training", "capacities"),
    [
        ({}, [SPOT, ON_DEMAND]),
        ({"spot": False}, [ON_DEMAND]),
        ({"fall_back": []}, [SPOT]),
        (
            {"fall_back": [{"instance_type": "ml.g5.xlarge", "spot": True}, {"instance_count": 2}]},
            [SPOT, Capacity("ml.g5.xlarge", 1, True), Capacity("ml.m5.xlarge", 2, False)],
        ),
    ],
)
def test_what_a_training_falls_back_to(
    training: dict[str, Any], capacities: list[Capacity]
) -> None:
    assert Training.model_validate(training).capacities == capacities


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"fall_back": [{"spot": True}]}, r"fall_back\.0\n +names the instances that it falls"),
        (
            {"fall_back": [{"instance_count": 2}, {"instance_count": 2}]},
            r"fall_back\.1\n +names the instances that it falls back from",
        ),
        ({"fall_back": [{"instance_typ": "ml.g5.xlarge"}]}, "unknown|Extra|extra"),
        ({"fall_back": [{"instance_count": n} for n in range(2, 6)]}, "at most 3"),
        ({"fall_back": [{"instance_type": "ml.g5.xlarge"}], "volume_gb": 251}, "at most 250"),
        ({"max_interruptions": 0}, "greater than or equal to 1"),
        (
            {
                "spot": False,
                "max_wait_minutes": 10,
                "fall_back": [{"instance_type": "ml.g5.xlarge", "spot": True}],
            },
            "at least 720, which is max_runtime_minutes",
        ),
    ],
)
def test_a_fall_back_that_can_not_be_is_refused(training: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Training.model_validate(training)


def test_what_a_recipe_falls_back_to_has_to_fit() -> None:
    training = {"fall_back": [{}, {"instance_type": "ml.g4dn.xlarge"}]}
    model = {"base": "b", "recipe": "full-8b", "training": training}
    with pytest.raises(ValidationError, match=r"models\.m\.training\.fall_back\.1\n"):
        Environment.model_validate({"name": "a", "models": {"m": model}})


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("gate.minimum.chfr", 50, "unknown metric; the gate knows exact_match, norm"),
        ("gate.minimum.perplexity", 3, "unknown to the gate, which judges only where higher"),
        ("gate.minimum.exact_match", 60, "from 0 to 1 (it is 60)"),
        ("gate.minimum.chrf", 101, "from 0 to 100 (it is 101)"),
        ("gate.minimum.chrf", None, "is empty"),
        ("gate.maximum_drop.loss", 0.1, "unknown to the gate, which judges only where hig"),
        ("gate.maximum_drop.exact_match", 2, "from 0 to 1 (it is 2)"),
        ("training.hyperparameters.hiden_size", 8, "unknown hyperparameter; known are: obj"),
        ("training.hyperparameters.hidden_size", "big", "a whole number from 16 to 16384 (it is "),
        ("training.hyperparameters.hidden_size", True, "a whole number from 16 to 16384 (it is "),
        ("training.hyperparameters.hidden_size", [1], "a number or text (it is a list)"),
        ("training.hyperparameters.hidden_size", None, "is empty"),
        ("training.hyperparameters.num_attention_heads", 7, "hidden_size (128) has to be a multip"),
        ("training.continued_hyperparameters.dropout", 1, "a number from 0.0 to 0.9 (it is 1)"),
        ("training.max_runtime_minutes", 40_321, "at most 40320 (it is 40321)"),
        ("training.max_wait_minutes", 40_321, "at most 40320 (it is 40321)"),
        ("training.instance_count", 1001, "at most 1000 (it is 1001)"),
        ("training.volume_gb", 16_385, "at most 16384 (it is 16385)"),
        ("evaluation.max_runtime_minutes", 12_961, "at most 12960 (it is 12961)"),
        ("evaluation.volume_gb", 16_385, "at most 16384 (it is 16385)"),
        ("endpoint.max_instances", 2**31, "at most 1000 (it is 2147483648)"),
        ("retrain.corrections", 2**31, "at most 2147483647 (it is 2147483648)"),
        ("training.instance_type", "ml.t2.medium", "an instance type of SageMaker's training jobs"),
        ("evaluation.instance_type", "ml.m5.huge", "an instance type of SageMaker's processing j"),
        ("endpoint.instance_type", "m5.large", "an instance type of SageMaker's endpoints"),
        ("name", "-", "1 to 63 letters, digits, dots, underscores and hyphens, beg"),
        ("retrain.schedule", "cron(nonsense)", "cron takes six fields"),
        ("retrain.schedule", "", "is empty"),
    ],
)
def test_what_a_run_would_fail_on_is_refused_before_it(
    tmp_path: Path, keys: str, value: object, said: str
) -> None:
    values = copy.deepcopy(VALUES)
    place = (*MODEL, *keys.split("."))
    parent_of(values, place)[place[-1]] = value
    text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
    found = refusal(tmp_path, text)
    assert f": {'.'.join(place)}: {said}" in found, found
    if sum(line.strip().startswith(f"{place[-1]}:") for line in text.splitlines()) == 1:
        assert found.startswith(f"FILE:{line_of(text, place[-1])}: ")


@pytest.mark.parametrize(
    ("first", "continued", "said"),
    [
        ({"hidden_size": 64}, {"hidden_size": 128}, "hidden_size: 64, as it is in the model that"),
        ({}, {"num_hidden_layers": 4}, "num_hidden_layers: 3, as it is in the model that is gone"),
        ({}, {"max_position_embeddings": 256}, "max_position_embeddings: at least 512: a model's"),
    ],
)
def test_training_that_goes_on_keeps_the_model_s_shape(
    tmp_path: Path, first: dict[str, Any], continued: dict[str, Any], said: str
) -> None:
    found = refusal(tmp_path, _with_hyperparameters(first, continued))
    assert f"training.continued_hyperparameters.{said}" in found, found


@pytest.mark.parametrize(
    ("first", "continued", "whole"),
    [
        ({"max_position_embeddings": 1024}, {"num_epochs": 6}, {"num_epochs": 6}),
        ({}, {"max_position_embeddings": 1024}, {}),
        # Said again it is no contradiction, and each alone need not fit the defaults.
        (
            {"max_position_embeddings": 1024, "hidden_size": 30, "num_attention_heads": 3},
            {"hidden_size": 30},
            {},
        ),
    ],
)
def test_continued_hyperparameters_inherit(
    tmp_path: Path, first: dict[str, Any], continued: dict[str, Any], whole: dict[str, Any]
) -> None:
    path = tmp_path / "environment.yaml"
    path.write_text(_with_hyperparameters(first, continued))
    training = read_environment(path).models["meguru-text"].training
    assert training.continued == {**first, **continued, **whole}
    assert training.context_tokens == 1024


def _with_hyperparameters(first: dict[str, Any], continued: dict[str, Any]) -> str:
    values = copy.deepcopy(VALUES)
    training = parent_of(values, (*MODEL, "training", "hyperparameters"))
    training["hyperparameters"], training["continued_hyperparameters"] = first, continued
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


def test_every_wrong_hyperparameter_has_its_line(tmp_path: Path) -> None:
    wrong = "        num_epochs: 0\n        hiden_size: 3\n"
    found = refusal(tmp_path, POC.replace("        num_epochs: 9\n", wrong)).splitlines()
    line = line_of(POC, "num_epochs: 9")
    assert [one.split(": ")[0] for one in found] == [f"FILE:{line}", f"FILE:{line + 1}"]


@pytest.mark.parametrize(
    ("value", "setting"),
    [("on", "on"), ("off", "off"), ("'off'", "off"), ("[margins, spaces]", "margins,spaces")],
)
def test_normalisation(tmp_path: Path, value: str, setting: str) -> None:
    path = tmp_path / "environment.yaml"
    line = "  feedback_weight: 10\n"
    path.write_text(POC.replace(line, f"{line}  normalisation: {value}\n"), "utf-8")
    assert read_environment(path).curation.normalisation == setting


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "FILE:1: an environment file has keys and values"),
        ("# only a comment\n", "FILE:1: an environment file has keys and values"),
        ("- a\n- b\n", "FILE:1: an environment file has keys and values"),
        ("just words", "FILE:1: an environment file has keys and values"),
        ("name: [unclosed", "FILE:1: not YAML"),
        ("name: a\n---\nname: b\n", "FILE:2: not YAML"),
        ("name: !!python/object:os.system x", "FILE:1: write the value alone, without !!python"),
        ("name: 2026-13-45", "FILE:1: 2026-13-45 can't be read as a number or a date"),
        ("a: &x {b: 1}\nc: *y", "FILE:2: not YAML"),
        ("1: 2\n", "FILE:1: "),
        ("null: 2\n", "FILE:1: "),
    ],
)
def test_what_is_no_environment_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "staging.yaml"
    with pytest.raises(
        InvalidEnvironment, match="there is no such file: give an environment file"
    ) as refused:
        read_environment(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize("key", ["name", "models"])
def test_a_key_left_out_is_named(tmp_path: Path, key: str) -> None:
    values = copy.deepcopy(VALUES)
    del values[key]
    found = refusal(tmp_path, yaml.safe_dump(values))
    assert f": {key}: this key is missing" in found


def test_an_embedding_model_is_served_and_learns_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vectors.yaml"
    path.write_text(
        "name: acme\nmodels:\n  vectors: {kind: embedding, base: e5, name: e5-small}\n  chat: {}\n"
    )
    environment = read_environment(path)
    assert environment.endpoints.keys() == {"e5-small", "chat"}
    assert environment.embedders == {"e5-small": "meguru-acme--vectors"}
    assert environment.learners.keys() == {"chat"}
    assert environment.longest_context == "chat"


def test_what_has_a_default_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "short.yaml"
    path.write_text("name: acme\nmodels:\n  staff-chat: {kind: text}\n  drafts: {}\n")
    environment = read_environment(path)
    assert environment.models["staff-chat"] == environment.models["drafts"]
    assert environment.endpoints == {
        "staff-chat": "meguru-acme--staff-chat",
        "drafts": "meguru-acme--drafts",
    }
    assert not environment.destroyable


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("{}", "FILE:2: models: at least 1 of them"),
        ("[a]", "FILE:2: models: keys and values"),
        ("{pictures: {kind: image}}", "models.pictures.kind: image models are not there yet: text"),
        ("{a: {}, e5: {kind: embedding}}", "models.e5.kind: needs a base model: name an embedding"),
        (
            "{a: {}, e5: {kind: embedding, base: e5, training: {}}}",
            "models.e5.training: leave it out: an embedding model is not trained",
        ),
        (
            "{a: {}, e5: {kind: embedding, base: e5, recipe: lora-1.5b}}",
            "models.e5.recipe: leave it out: an embedding model is not trained",
        ),
        (
            "{a: {}, e5: {kind: embedding, base: e5, engine: vllm, endpoint: "
            "{instance_type: ml.g6.2xlarge}}}",
            "models.e5.engine: leave it out: an embedding model has the kit's own engine",
        ),
        ("{e5: {kind: embedding, base: e5}}", "FILE:2: models: at least one model of kind text"),
        ("{a: {kind: sound}}", "models.a.kind: one of 'text' or 'embedding' (it is 'sound')"),
        ("{Staff: {}}", "FILE:2: models.Staff: 1 to 20 lower-case letters and digits"),
        ("{a--b: {}}", "models.a--b: 1 to 20 lower-case letters and digits, in words with single"),
        ("{a-: {}}", "models.a-: 1 to 20 lower-case letters"),
        ("{a.b: {}}", "models.a.b: 1 to 20 lower-case letters"),
        ("{aaaaaaaaaaaaaaaaaaaaa: {}}", "1 to 20 lower-case letters"),
        ("{curation: {}}", "not curation, which is the data job"),
        ("{1: {}}", "FILE:2: models: YAML reads the key 1 as a number: write it in quot"),
        (
            "{" + ", ".join(f"m{n}: {{}}" for n in range(51)) + "}",
            "at most 50 of them (there are 51)",
        ),
        (
            "{no: {}}",
            "FILE:2: models: YAML reads the key no as true or false: write it in quotatio",
        ),
        ("{a: {gate: {minimum: {}}}}", "models.a.gate.minimum: at least 1 of them (there are 0)"),
    ],
)
def test_a_model_that_can_t_be_is_refused(tmp_path: Path, models: str, said: str) -> None:
    assert said in refusal(tmp_path, f"name: acme\nmodels: {models}\n")


def test_two_models_of_one_name_are_refused_where_the_name_stands(tmp_path: Path) -> None:
    models = "models:\n  a:\n    kind: text\n    name: X\n  b: {name: Y}\n  X: {}\n"
    assert refusal(tmp_path, f"name: acme\n{models.replace('X: {}', 'x: {name: X}')}") == (
        "FILE:5: models.a.name: another model's name in the API is 'X' too\n"
        "FILE:7: models.x.name: another model's name in the API is 'X' too"
    )
    assert refusal(tmp_path, "name: acme\nmodels:\n  a: {}\n  b: {name: a}\n") == (
        "FILE:3: models.a: another model's name in the API is 'a' too\n"
        "FILE:4: models.b.name: another model's name in the API is 'a' too"
    )


@pytest.mark.parametrize("schedule", ["daily", "weekly", "rate(2 days)"])
def test_a_schedule_may_be_a_word(tmp_path: Path, schedule: str) -> None:
    path = tmp_path / "planted.yaml"
    path.write_text(f"name: acme\nmodels: {{a: {{retrain: {{schedule: {schedule}}}}}}}\n")
    assert read_environment(path).models["a"].retrain.schedule == schedule


@pytest.mark.parametrize("keys", sorted(paths(VALUES)), ids=".".join)
def test_a_key_misspelt_is_named(tmp_path: Path, keys: Keys) -> None:
    values = copy.deepcopy(VALUES)
    parent = parent_of(values, keys)
    misspelt = keys[-1] + "s"
    parent[misspelt] = parent.pop(keys[-1])
    found = refusal(tmp_path, yaml.safe_dump(values))
    assert f": {'.'.join((*keys[:-1], misspelt))}: unknown key" in found


CORRUPTIONS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(keys=st.sampled_from(sorted(paths(VALUES))), value=CORRUPTIONS)
def test_a_corrupted_value_is_refused_or_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, keys: Keys, value: Any
) -> None:
    """Nothing is turned into something else: what is accepted is what stands in the file."""
    values = copy.deepcopy(VALUES)
    parent_of(values, keys)[keys[-1]] = value
    path = tmp_path_factory.getbasetemp() / "corrupted.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    try:
        environment = read_environment(path)
    except InvalidEnvironment as error:
        assert all(line.startswith(f"{path}") for line in str(error).splitlines())
        assert "Input should" not in str(error) and "another value" not in str(error)
        return
    assert _written(environment, values) == values


def _written(environment: Environment, values: dict[str, Any]) -> dict[str, Any]:
    """The environment as a document with the keys of `values`."""

    def pick(read: Any, wanted: Any) -> Any:
        if isinstance(wanted, dict) and isinstance(read, dict):
            return {key: pick(read[key], value) for key, value in wanted.items()}
        return read

    picked: dict[str, Any] = pick(environment.model_dump(), values)
    return picked


@pytest.mark.parametrize(
    ("traffic", "seconds"),
    [("all_at_once", 1), ("all_at_once", 299), ("canary", 0), ("canary", 60), ("canary", 299)],
)
def test_a_release_bakes_until_its_alarms_can_ring(
    tmp_path: Path, traffic: str, seconds: int
) -> None:
    text = POC.replace("traffic: all_at_once", f"traffic: {traffic}")
    text = text.replace("bake_seconds: 0", f"bake_seconds: {seconds}")
    line = line_of(text, "bake_seconds")
    said = refusal(tmp_path, text)
    assert said.startswith(
        f"FILE:{line}: models.meguru-text.endpoint.release.bake_seconds: at least 300"
    )
    assert said.endswith(f"(it is {seconds})") and "\n" not in said


@pytest.mark.parametrize(
    ("traffic", "seconds"),
    [("all_at_once", 0), ("all_at_once", 300), ("canary", 300), ("canary", 3600)],
)
def test_a_release_that_bakes_long_enough_or_waits_for_nothing(traffic: Any, seconds: int) -> None:
    assert Release(traffic=traffic, bake_seconds=seconds).bake_seconds == seconds


@pytest.mark.parametrize(
    ("settings", "percent"),
    [
        ({}, 5),
        ({"traffic": "canary"}, 5),
        ({"traffic": "canary", "canary_percent": 2}, 1),
        ({"traffic": "canary", "canary_percent": 50}, 5),
        ({"traffic": "canary", "canary_percent": 2, "maximum_error_percent": 0.5}, 0.5),
        ({"traffic": "all_at_once", "canary_percent": 2, "maximum_error_percent": 20}, 20),
    ],
)
def test_a_broken_canary_rings_the_alarm(settings: dict[str, Any], percent: float) -> None:
    assert Release(**settings).error_percent == percent


def test_a_job_without_a_network_has_no_judge() -> None:
    judge = {"address": "http://judge.internal/v1", "model": "m"}
    values = {"name": "a", "models": {"m": {"evaluation": {"judge": judge}}}}
    assert Environment.model_validate(values).models["m"].evaluation.judge is not None
    with pytest.raises(ValueError, match="reaches no address"):
        Environment.model_validate({**values, "network": {"isolation": True}})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("address", "judge.internal", "an address that speaks OpenAI's chat"),
        ("address", "http://me:secret@judge/v1", "an address that speaks OpenAI's chat"),
        ("address", "http://judge/" + "v" * 256, "at most 256"),
        ("model", "my judge", "the judge's name in its API"),
        ("api_key_secret", "sk-ABCDEF0123456789", "never a key"),
        ("api_key_secret", "sk-0123 4567", "the name or the ARN of a secret in Secrets Manager"),
        ("api_key_secret", "arn:aws:ssm:eu-west-1:123456789012:parameter/k", "the name or the ARN"),
        ("key", "secret", ""),
    ],
)
def test_a_judge_that_could_not_be_asked_is_refused(name: str, value: str, said: str) -> None:
    judge = {"address": "http://judge.internal/v1", "model": "m", name: value}
    with pytest.raises(ValueError, match=rf"(?s)judge\.{name}.*{said}"):
        Environment.model_validate({"name": "a", "models": {"m": {"evaluation": {"judge": judge}}}})


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_votes_turn_the_loop_where_a_model_learns_from_them(objective: str) -> None:
    learner = {"training": {"hyperparameters": {"objective": objective}}}
    models = {"a": {"retrain": {"votes": 10}}, "b": learner}
    assert Environment.model_validate({"name": "acme", "models": models}).learns_from_preferences


def test_votes_that_nobody_learns_from_are_refused(tmp_path: Path) -> None:
    text = "name: acme\nmodels:\n  a:\n    retrain:\n      votes: 10\n"
    assert refusal(tmp_path, text) == (
        "FILE:5: models.a.retrain.votes: leave it out: no model has an objective that learns from "
        "votes (dpo, kto) (it is 10)"
    )


@pytest.mark.parametrize("part", ["minimum", "maximum_drop"])
def test_a_gate_on_what_no_judge_measures_is_refused(part: str) -> None:
    model = {"gate": {part: {"judge": 0.5}}}
    with pytest.raises(ValueError, match=rf"(?s)gate\.{part}\.judge.*needs a judge"):
        Environment.model_validate({"name": "a", "models": {"m": model}})
    judge = {"address": "http://judge.internal/v1", "model": "m"}
    judged = {**model, "evaluation": {"judge": judge}}
    Environment.model_validate({"name": "a", "models": {"m": judged}})
