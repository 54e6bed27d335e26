"""Every environment, synthesized once in this process and brought up once in a local cloud."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from localcloud.template.assembly import Assembly

from cli.cloud_process import CloudProcess
from stacks.environment import read_environment
from tests.stacks.deployment import Deployment, read_deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

ENVIRONMENTS = Path(__file__).parents[2] / "environments"


@pytest.fixture(scope="session")
def syntheses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesis]:
    """The synthesis of every environment file, by the file's name without its suffix."""
    with pytest.MonkeyPatch.context() as patch:
        # Read by CDK's process when it starts, which is when aws_cdk is first imported.
        patch.setenv("CDK_VALIDATION", "false")
        from app import compose
        from tests.stacks.synthesis import ENVIRONMENT_FILES, Synthesis

        made = {}
        for path in ENVIRONMENT_FILES:
            environment = read_environment(path)
            folder = tmp_path_factory.mktemp(path.stem) / "cdk.out"
            app = compose(environment, outdir=str(folder))
            app.synth()
            made[path.stem] = Synthesis(environment, app, folder, Assembly.load(folder))
    return made


@pytest.fixture(params=["poc", "production"])
def synthesis(request: pytest.FixtureRequest, syntheses: dict[str, Synthesis]) -> Synthesis:
    return syntheses[request.param]


@pytest.fixture(scope="session")
def deployments(
    syntheses: dict[str, Synthesis], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Deployment]:
    """What a local cloud made of each environment's templates: names, roles, policies, values."""
    log = tmp_path_factory.mktemp("localcloud") / "log"
    deployed = {}
    for name, made in syntheses.items():
        with CloudProcess(made.folder, port=0, log=log) as cloud:
            deployed[name] = read_deployment(made, cloud.endpoint_url)
    return deployed


@pytest.fixture(params=["poc", "production"])
def deployment(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    return deployments[request.param]
