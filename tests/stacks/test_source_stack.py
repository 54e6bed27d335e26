"""Who may deploy by a commit: one repository's branch, by GitHub's word or by a pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from localcloud.check import Assembly, Demand, allows, handling_of

from stacks.environment import Environment

REPOSITORY = Path(__file__).parents[2]
ISSUER = "token.actions.githubusercontent.com"
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/1f2e"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/github"
OURS = {"aud": "sts.amazonaws.com", "ref": "refs/heads/main"}
BRANCH = {**OURS, "sub": "repo:acme/chat:ref:refs/heads/main"}
LIVE = {**OURS, "sub": "repo:acme/chat:environment:live"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The template of the source's stack, by the settings of `source`; each made once."""
    made: dict[str, dict[str, Any]] = {}

    def make(**source: Any) -> dict[str, Any]:
        from app import synthesize

        if (key := repr(source)) not in made:
            folder = tmp_path_factory.mktemp("source") / "cdk.out"
            values: dict[str, Any] = {"name": "acme", "account": ACCOUNT, "region": REGION}
            values |= {"source": {"github": "acme/chat", **source}, "models": {"a": {}, "b": {}}}
            # It raises where cdk-nag finds anything.
            synthesize(Environment.model_validate(values), str(folder))
            stacks = {one.stack_name: one.template for one in Assembly.load(folder).stacks}
            made[key] = stacks["Meguru-acme-Source"]
        return made[key]

    return make


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = template["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == kind]


def may_assume(template: dict[str, Any], claims: dict[str, str]) -> bool:
    """Whether GitHub's token with these claims is one the role trusts."""
    [role] = of_type(template, "AWS::IAM::Role")
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    conditions = {key: statement[key] for key in ("Effect", "Action", "Condition")}
    context = {f"{ISSUER}:{name}": value for name, value in claims.items()}
    demand = Demand(statement["Action"], ROLE, context)
    return allows([{**conditions, "Resource": ROLE}], ROLE, demand)


@pytest.mark.parametrize(("source", "claims"), [({}, BRANCH), ({"environment": "live"}, LIVE)])
def test_the_branch_may_deploy(template: Any, source: dict[str, Any], claims: Any) -> None:
    assert may_assume(template(**source), claims)


@pytest.mark.parametrize(
    "other",
    [
        {"sub": "repo:acme/other:ref:refs/heads/main"},
        {"sub": "repo:evil/chat:ref:refs/heads/main"},
        {"sub": "repo:acme/chat:ref:refs/heads/other"},
        {"sub": "repo:acme/chat:ref:refs/heads/main-2"},
        {"sub": "repo:acme/chat:ref:refs/tags/main"},
        {"sub": "repo:acme/chat:pull_request"},
        {"sub": "repo:acme/chat:environment:live"},
        {"sub": "repo:acme@1/chat@2:ref:refs/heads/main"},
        {"sub": "REPO:ACME/CHAT:REF:REFS/HEADS/MAIN"},
        {"aud": "https://github.com/acme"},
    ],
)
def test_nobody_else_may(template: Any, other: dict[str, str]) -> None:
    assert not may_assume(template(), {**BRANCH, **other})


@pytest.mark.parametrize("missing", ["aud", "sub"])
def test_a_token_that_does_not_say_it_may_not(template: Any, missing: str) -> None:
    claims = {name: value for name, value in BRANCH.items() if name != missing}
    assert not may_assume(template(), claims)


@pytest.mark.parametrize(
    "other",
    [
        {"sub": "repo:acme/chat:environment:test"},
        {"sub": "repo:acme/chat:ref:refs/heads/main"},
        {"sub": "repo:acme/other:environment:live"},
        # An environment whose own rules let any branch in.
        {"ref": "refs/heads/other"},
    ],
)
def test_no_other_environment_or_branch_may(template: Any, other: dict[str, str]) -> None:
    assert not may_assume(template(environment="live"), {**LIVE, **other})


def test_the_provider_is_made_once_in_an_account(template: Any) -> None:
    assert len(of_type(template(), "AWS::IAM::OIDCProvider")) == 1
    existing = template(provider="existing")
    assert of_type(existing, "AWS::IAM::OIDCProvider") == []
    [role] = of_type(existing, "AWS::IAM::Role")
    principal = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert f":iam::{ACCOUNT}:oidc-provider/{ISSUER}" in repr(principal)


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    policies = of_type(template, "AWS::IAM::Policy")
    return [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]


def actions(template: dict[str, Any]) -> set[str]:
    listed = [one["Action"] for one in statements(template)]
    return {name for one in listed for name in ([one] if isinstance(one, str) else one)}


DEPLOYS = {
    "sts:AssumeRole",
    "lambda:InvokeFunction",
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
}


def test_github_s_role_may_deploy_and_no_more(template: Any) -> None:
    assert actions(template()) == DEPLOYS
    [assumed] = [one for one in statements(template()) if one["Action"] == "sts:AssumeRole"]
    named = re.findall(r"role/cdk-hnb659fds-([\w-]+)-role-123456789012", repr(assumed["Resource"]))
    assert named == ["deploy", "file-publishing", "image-publishing", "lookup"]
    assert len(assumed["Resource"]) == len(named)


@pytest.mark.parametrize("source", [{}, {"connection": CONNECTION}])
def test_each_model_s_training_may_be_looked_at(template: Any, source: dict[str, Any]) -> None:
    invoked = [one for one in statements(template(**source)) if "lambda:" in repr(one["Action"])]
    [resources] = [one["Resource"] for one in invoked]
    stacks = [one["Fn::GetStackOutput"]["StackName"] for one in resources]
    assert stacks == ["Meguru-acme-Model-a", "Meguru-acme-Model-b"]
    assert all("StartTraining" in repr(one) for one in resources)


def test_a_pipeline_follows_the_branch_with_its_history(template: Any) -> None:
    made = template(connection=CONNECTION, branch="release")
    assert of_type(made, "AWS::IAM::OIDCProvider") == []
    [pipeline] = of_type(made, "AWS::CodePipeline::Pipeline")
    source, deploy = (stage["Actions"][0] for stage in pipeline["Stages"])
    assert source["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "acme/chat",
        "BranchName": "release",
        "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
    }
    [project] = of_type(made, "AWS::CodeBuild::Project")
    assert deploy["Configuration"]["ProjectName"]["Ref"]
    assert "tools/deploy_commit.sh environments/acme.yaml" in project["Source"]["BuildSpec"]


def test_a_pipeline_may_do_what_its_stages_do(template: Any) -> None:
    made = template(connection=CONNECTION)
    assert actions(made) - DEPLOYS == {
        "codebuild:BatchGetBuilds",
        "codebuild:StartBuild",
        "codeconnections:UseConnection",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetBucketVersioning",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
    }
    older = template(connection=CONNECTION.replace("codeconnections", "codestar-connections"))
    assert "codestar-connections:UseConnection" in actions(older)
    assert "codeconnections:UseConnection" not in actions(older)


def test_what_is_deployed_with_is_what_the_images_are_built_on() -> None:
    from stacks.constructs.deployment_grants import (
        BASE_IMAGE_ACCOUNT,
        BASE_IMAGE_REGION,
        BASE_IMAGE_REPOSITORY,
    )

    image = (
        f"{BASE_IMAGE_ACCOUNT}.dkr.ecr.{BASE_IMAGE_REGION}.amazonaws.com/{BASE_IMAGE_REPOSITORY}"
    )
    froms = [
        line.removeprefix("FROM ")
        for path in REPOSITORY.glob("**/Dockerfile")
        if ".venv" not in path.parts
        for line in path.read_text().splitlines()
        if line.startswith("FROM ") and BASE_IMAGE_ACCOUNT in line
    ]
    assert froms and {one.partition("@")[0] for one in froms} == {image}
    assert image.partition("/")[0] in (REPOSITORY / "tools/deploy_commit.sh").read_text()


def test_every_type_is_known_to_the_local_cloud(template: Any) -> None:
    for source in ({}, {"connection": CONNECTION}):
        for one in template(**source)["Resources"].values():
            assert handling_of(one["Type"]) is not None, one["Type"]


def test_a_run_s_commit_is_one_that_may_have_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from app import compose

    monkeypatch.setattr("stacks.constructs.training.source_commit", lambda *paths: "+".join(paths))
    rule = {"retrain": {"on_commit": ["training", "recipes"]}}
    values = {"name": "acme", "models": {"a": rule, "b": {}}}
    app = compose(Environment.model_validate(values))
    stacks: dict[str, Any] = {key: app.node.find_child(f"Meguru-acme-Model-{key}") for key in "ab"}
    assert {key: stack.training.source_commit for key, stack in stacks.items()} == {
        "a": "training+evaluation+training+recipes+environments/acme.yaml",
        "b": "training+evaluation",
    }
