"""Every environment, synthesized once in this process and brought up once in a local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from localcloud.check import Assembly

from cli.cloud_process import CloudProcess
from meguru.consumer import MAX_CONSUMER_NAME, MAX_LIMIT
from meguru.names import MAX_BASE_MODEL_NAME, MAX_MODEL_KEY
from stacks.environment import read_environment
from stacks.environment.values import MAX_ROLE_NAME_PREFIX
from tests.stacks.deployment import Deployment, read_deployment

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

# Synthesized beside the repository's files: the longest names that are legal, and all that is
# off unless it is asked for.
LONGEST = "longest"
LONGEST_FILE = f"""
name: {"e" * 20}
account: "123456789012"
region: ap-southeast-2
notify: {"n" * 50}@example.com
permissions_boundary: arn:aws:iam::123456789012:policy/{"b" * 128}
role_name_prefix: {"r" * MAX_ROLE_NAME_PREFIX}
reserved_concurrency: {{answer_request: 50, record_feedback: 5}}
network:
  subnet_ids: [subnet-0a1b2c3d4e5f60718, subnet-0a1b2c3d4e5f60719]
  security_group_ids: [sg-0a1b2c3d4e5f60718]
  isolation: true
  encrypt_between_hosts: true
source: {{github: {"o" * 39}/{"r" * 100}, branch: {"b" * 200}, environment: {"e" * 255}}}
base_models: {{sources: [s3://bucket-of-another/models/]}}
consumers:
  {"c" * MAX_CONSUMER_NAME}:
    models: [{"N" * 63}]
    requests_per_minute: {MAX_LIMIT}
    tokens_per_minute: {MAX_LIMIT}
    tokens_per_day: {MAX_LIMIT}
    tokens_per_month: {MAX_LIMIT}
    log: redacted
records: {{inference_log_days: 3650, checkpoint_days: 7, quarantine_days: 90}}
time_zone: Europe/Berlin
api:
  cors: [{", ".join(f"https://{'c' * 79}{n}:44300" for n in range(3))}]
  aliases: {{{"a" * 63}: {{{"N" * 63}: 1000000}}}}
  cache: {{store: valkey, seconds: 86400, address: rediss://{"c" * 253}:65535}}
  guard:
    words: [社外秘]
    personal_data: {{input: replace, output: refuse}}
    overrides: refuse
    bedrock: {{guardrail: ab12cd34ef56, version: "3"}}
budget:
  {{per_day: 0.5, per_month: 5, tokens_per_day: 1, tokens_per_month: 2, aws_usd_per_month: 100}}
prices:
  {"m" * MAX_MODEL_KEY}: {{prompt: 123.25, completion: 456.5, cached: 1.5}}
  {"v" * MAX_MODEL_KEY}: {{prompt: 12.25, completion: 0}}
tags: {{{"k" * 127}: {"v" * 255}}}
models:
  {"m" * MAX_MODEL_KEY}:
    name: {"N" * 63}
    base: {"b" * MAX_BASE_MODEL_NAME}
    recipe: lora-1.5b
    training:
      instance_type: ml.m5.xlarge
      fall_back:
        - {{instance_type: ml.g5.12xlarge, instance_count: 2, spot: true}}
        - {{instance_type: ml.m5.4xlarge}}
        - {{instance_type: ml.g5.48xlarge}}
      continued_hyperparameters: {{objective: dpo}}
    gate:
      minimum: {{exact_match: 0.5, train_exact_match: 0.5, chrf: 50}}
    endpoint:
      release: {{traffic: canary}}
      tokens_in_flight_per_instance: 2147483647
      hours:
        min_instances: 2
        closed: ["12-29", "12-30", "2026-08-13"]
        peaks: [{{from: "08:30", to: "10:00", month_days: [25, last], min_instances: 2}}]
    retrain:
      schedule: weekly
      on_commit: true
      falling_quality: {{}}
      votes: 2147483647
  {"v" * MAX_MODEL_KEY}: {{kind: embedding, base: {"b" * MAX_BASE_MODEL_NAME}}}
"""


@pytest.fixture(scope="session")
def syntheses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesis]:
    """The synthesis of every environment file, by the file's name without its suffix."""
    longest = tmp_path_factory.mktemp("file") / f"{LONGEST}.yaml"
    longest.write_text(LONGEST_FILE)
    from app import synthesize
    from tests.stacks.synthesis import ENVIRONMENT_FILES, Synthesis

    made = {}
    for path in [*ENVIRONMENT_FILES, longest]:
        environment = read_environment(path)
        folder = tmp_path_factory.mktemp(path.stem) / "cdk.out"
        app = synthesize(environment, str(folder))
        made[path.stem] = Synthesis(environment, app, folder, Assembly.load(folder))
    return made


@pytest.fixture(params=["poc", "production", LONGEST])
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


@pytest.fixture(params=["poc", "production", LONGEST])
def deployment(request: pytest.FixtureRequest, deployments: dict[str, Deployment]) -> Deployment:
    return deployments[request.param]
