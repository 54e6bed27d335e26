"""cdk-nag over every environment: nothing unacknowledged, and no acknowledgement without a use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.environment import Environment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

REPOSITORY = Path(__file__).parents[2]
DEPLOYED_BY_A_PIPELINE = {
    "name": "acme",
    "source": {
        "github": "acme/chat",
        "connection": "arn:aws:codeconnections:us-east-1:123456789012:connection/1f",
    },
    "models": {"a": {}},
}
Finding = tuple[str, str]


@pytest.fixture(scope="module")
def findings(
    syntheses: dict[str, Synthesis], tmp_path_factory: pytest.TempPathFactory
) -> set[Finding]:
    """Every finding of every environment with the construct it is about.

    Of one more that a pipeline deploys, too: the others are deployed by nobody, or from GitHub.
    """
    from cdk_nag import AwsSolutionsChecks

    from app import synthesize

    pipeline = synthesize(
        Environment.model_validate(DEPLOYED_BY_A_PIPELINE), str(tmp_path_factory.mktemp("pipeline"))
    )
    return {
        (violation.rule_name, resource.construct_path or "")
        for app in [pipeline, *(made.app for made in syntheses.values())]
        for violation in AwsSolutionsChecks(app).validate_scope(app).violations
        for resource in violation.violating_resources
    }


def test_every_finding_is_acknowledged(findings: set[Finding]) -> None:
    from stacks.acknowledgements import is_acknowledged

    assert {finding for finding in findings if not is_acknowledged(*finding)} == set()


def test_every_acknowledgement_is_used(findings: set[Finding]) -> None:
    from stacks.acknowledgements import ACKNOWLEDGEMENTS

    unused = [row for row in ACKNOWLEDGEMENTS if not any(row.covers(*one) for one in findings)]
    assert unused == []


def test_every_acknowledgement_has_a_reason() -> None:
    from stacks.acknowledgements import ACKNOWLEDGEMENTS

    assert all(
        len(row.reason.split()) >= 5 and row.reason.endswith(".") for row in ACKNOWLEDGEMENTS
    )


def test_the_checks_report_what_no_row_covers() -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_sqs as sqs

    from stacks.acknowledgements import SolutionsChecks

    app = cdk.App()
    sqs.Queue(cdk.Stack(app, "Planted-Stack"), "Queue")
    found = {violation.rule_name for violation in SolutionsChecks(app).violations()}
    assert found == {"AwsSolutions-SQS3", "AwsSolutions-SQS4"}


def test_app_py_synthesizes_with_every_validation_on(tmp_path: Path) -> None:
    """As `cdk deploy` runs it: CDK's own template validation and cdk-nag."""
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out")}
    environment.pop("CDK_VALIDATION", None)
    said = subprocess.run(
        [sys.executable, "app.py", "environments/production.yaml"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert len(list((tmp_path / "cdk.out").glob("*.template.json"))) == 4


def test_app_py_refuses_a_file_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "planted.yaml"
    path.write_text((REPOSITORY / "environments" / "poc.yaml").read_text().replace("burst", "bust"))
    said = subprocess.run(
        [sys.executable, "app.py", str(path)],
        cwd=REPOSITORY,
        env={**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    lines = said.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{path}:") and ": api.bust: " in lines[0], lines


def test_app_py_alone_keeps_environments_apart_and_says_where_templates_are(
    tmp_path: Path,
) -> None:
    of_a_model_that_is_gone = tmp_path / "cdk.out" / "poc" / "Meguru-poc-Model-gone.template.json"
    of_another_environment = tmp_path / "cdk.out" / "staging" / "manifest.json"
    for path in (of_a_model_that_is_gone, of_another_environment):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    environment = {**os.environ, "CDK_VALIDATION": "false"}
    environment.pop("CDK_OUTDIR", None)
    said = subprocess.run(
        [sys.executable, str(REPOSITORY / "app.py"), str(REPOSITORY / "environments" / "poc.yaml")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    parts = ("Api", "Data", "Lake", "Model-meguru-text")
    assert said.stdout.splitlines() == [
        "Templates of the environment poc:",
        *(f"  cdk.out/poc/Meguru-poc-{part}.template.json" for part in parts),
    ]
    assert all((tmp_path / line.strip()).is_file() for line in said.stdout.splitlines()[1:])
    assert not of_a_model_that_is_gone.exists()
    assert of_another_environment.exists()
