"""Commits that deploy: the workflow file that GitHub runs, and the look at what has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from botocore.exceptions import BotoCoreError, ClientError

from cli.complaint import complaint
from cli.synthesis import REPOSITORY
from meguru.events import COMMIT
from meguru.names import stack_name
from stacks.environment import Environment

TEMPLATES = Path(__file__).parent / "templates"
# An output of each model's stack.
START_TRAINING = "StartTrainingName"


def workflow_text(environment: Environment) -> str:
    """The workflow of GitHub Actions that deploys the environment's branch.

    Raises ValueError for an environment that no workflow deploys.
    """
    source = environment.source
    if source and source.connection:
        raise ValueError(
            f"the environment {environment.name} has a `source.connection`: its pipeline in AWS "
            "deploys it, and no workflow is needed"
        )
    if source is None:
        raise ValueError(
            f"the environment {environment.name} has no `source` that GitHub's workflows deploy: "
            "write `source: {github: OWNER/REPOSITORY, branch: main}` into its file"
        )
    if not (REPOSITORY / environment.file).is_file():
        raise ValueError(
            f"there is no {environment.file} in this repository: say where the environment file is "
            "as `source.file`"
        )
    templates = jinja2.Environment(
        # GitHub's own expressions have two braces.
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return templates.get_template("deploy_commit.yml.j2").render(
        environment=environment, source=source, stack=stack_name(environment.name, "Source")
    )


def write_workflow(environment: Environment, folder: Path) -> Path:
    """Write the workflow where GitHub finds it in a checkout."""
    text = workflow_text(environment)
    path = folder / ".github" / "workflows" / f"meguru-{environment.name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_outputs(outputs: Path) -> dict[str, str]:
    """The function that each model's stack starts trainings by, as `cdk deploy` has written it.

    ValueError where `outputs` is no such file, or names no model's stack.
    """
    try:
        stacks: dict[str, dict[str, str]] = json.loads(outputs.read_bytes())
        asked = {name: out[START_TRAINING] for name, out in stacks.items() if START_TRAINING in out}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{outputs} is not what `cdk deploy --outputs-file {outputs}` writes: deploy with it"
        ) from error
    if not asked:
        raise ValueError(f"{outputs} names no model's stack: was the environment deployed?")
    return asked


def look(functions: Any, outputs: Path) -> list[str]:
    """Ask each model of a deployment whether there is something new to train on.

    `functions` is a client of Lambda, `outputs` what `cdk deploy --outputs-file` has written.
    Returns the stacks that were asked. Raises ValueError with those that failed once all are asked.
    """
    asked, failed = read_outputs(outputs), []
    for name, function in asked.items():
        payload = json.dumps({"look": COMMIT})
        try:
            answer = functions.invoke(FunctionName=function, Payload=payload)
        except (BotoCoreError, ClientError) as error:
            failed.append(f"{name}: {complaint(error)}")
            continue
        if "FunctionError" in answer:
            failed.append(f"{name}: {answer['Payload'].read().decode()}")
    if failed:
        raise ValueError("what starts a training failed: " + "; ".join(failed))
    return list(asked)
