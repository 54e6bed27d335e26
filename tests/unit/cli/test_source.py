"""The workflow that deploys commits, and the look afterwards."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cli.source import look, workflow_text, write_workflow
from stacks.environment import Environment

FILE = "environments/production.yaml"


def environment(**source: Any) -> Environment:
    given = {"github": "acme/chat", "file": FILE, **source}
    return Environment.model_validate({"name": "acme", "source": given, "models": {"a": {}}})


def schema() -> dict[str, Any]:
    package = find_spec("check_jsonschema")
    assert package and package.origin
    path = Path(package.origin).parent / "builtin_schemas" / "vendor" / "github-workflows.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def parsed(text: str) -> dict[str, Any]:
    """As GitHub reads it: every key is text, `on` too."""
    values = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in values.items()}


@pytest.mark.parametrize("source", [{}, {"environment": "live site", "branch": "release/1"}])
def test_it_is_a_workflow(source: dict[str, Any]) -> None:
    jsonschema.validate(parsed(workflow_text(environment(**source))), schema())


def test_a_broken_workflow_is_found() -> None:
    planted = parsed(workflow_text(environment()).replace("runs-on:", "runs-at:"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(planted, schema())


def test_it_deploys_what_the_role_trusts() -> None:
    made = parsed(workflow_text(environment(branch="release/1", environment="live")))
    job = made["jobs"]["deploy"]
    assert made["on"]["push"] == {"branches": ["release/1"]}
    assert job["if"] == "github.repository == 'acme/chat' && github.ref == 'refs/heads/release/1'"
    assert job["environment"] == "live"
    assert made["permissions"] == {"contents": "read", "id-token": "write"}
    checkout, *_, credentials, deploy = job["steps"]
    # A shallow clone would give every file to its newest commit.
    assert checkout["with"]["fetch-depth"] == 0
    assert credentials["with"]["role-to-assume"] == "${{ vars.MEGURU_ROLE_ARN }}"
    command, file = deploy["run"].split()
    assert file == FILE
    assert (Path(__file__).parents[3] / command).stat().st_mode & 0o111


def test_this_repository_runs_no_workflow() -> None:
    assert not (Path(__file__).parents[3] / ".github").exists()


def test_it_is_written_where_github_looks(tmp_path: Path) -> None:
    path = write_workflow(environment(), tmp_path)
    assert path == tmp_path / ".github" / "workflows" / "meguru-acme.yml"
    assert path.read_text() == workflow_text(environment())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "has no `source`"),
        (
            {"connection": "arn:aws:codeconnections:us-east-1:123456789012:connection/1f"},
            "its pipeline in AWS deploys it",
        ),
        ({"file": "environments/gone.yaml"}, "there is no environments/gone.yaml"),
    ],
)
def test_what_no_workflow_deploys_is_refused(source: dict[str, Any] | None, said: str) -> None:
    plain = Environment.model_validate({"name": "acme", "models": {"a": {}}})
    with pytest.raises(ValueError, match=said):
        workflow_text(plain if source is None else environment(**source))


class FakeLambda:
    def __init__(self, *broken: str) -> None:
        self.broken, self.invoked = broken, list[str]()

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert json.loads(request["Payload"]) == {"look": "commit"}
        self.invoked.append(request["FunctionName"])
        if request["FunctionName"] in self.broken:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"KeyError: 'MODEL'")}
        return {}


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.json"
    of_models = {f"Meguru-acme-Model-{key}": {"StartTrainingName": f"f-{key}"} for key in "ab"}
    path.write_text(json.dumps({"Meguru-acme-Lake": {"LakeBucket": "lake"}, **of_models}))
    return path


def test_each_model_is_asked(outputs: Path) -> None:
    functions = FakeLambda()
    assert look(functions, outputs) == ["Meguru-acme-Model-a", "Meguru-acme-Model-b"]
    assert functions.invoked == ["f-a", "f-b"]


def test_one_that_fails_keeps_no_other_from_being_asked(outputs: Path) -> None:
    functions = FakeLambda("f-a")
    with pytest.raises(ValueError, match="Meguru-acme-Model-a: KeyError"):
        look(functions, outputs)
    assert functions.invoked == ["f-a", "f-b"]


def test_outputs_of_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="was the environment deployed"):
        look(FakeLambda(), path)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 5}', "5", "\udcff"])
def test_what_no_deployment_has_written_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "outputs.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="is not what `cdk deploy --outputs-file"):
        look(FakeLambda(), path)
