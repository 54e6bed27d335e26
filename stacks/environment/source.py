"""Where the environment's code is kept, and which commits of it start a training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from meguru.fingerprint import file_sha256, fingerprint
from stacks.environment.refusals import only, refusal, refusals
from stacks.environment.section import SECTION

REPOSITORY = Path(__file__).parents[2]
# What `on_commit: true` stands for.
TRAINING_CODE = ["training"]

_OWNER, _NAME = r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", r"[A-Za-z0-9_.-]{1,100}"
_REPOSITORY = re.compile(rf"{_OWNER}/{_NAME}|{_OWNER}@\d+/{_NAME}@\d+", re.ASCII)
# Git's own rules, less what stands for something in a policy or a workflow file.
_BRANCH = re.compile(r"(?!.*(\.\.|//|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}(?<![/.])")
_CONNECTION = re.compile(
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[\w/-]+",
    re.ASCII,
)

GitHubRepository = Annotated[
    str,
    only(
        _REPOSITORY.fullmatch,
        "OWNER/REPOSITORY, or OWNER@123/REPOSITORY@456 with both ids, where GitHub's tokens have "
        "them",
    ),
]
Branch = Annotated[str, only(_BRANCH.fullmatch, "the name of a branch, such as main")]
GitHubEnvironment = Annotated[
    str,
    only(
        re.compile(r"[\w.-]+( [\w.-]+)*", re.ASCII).fullmatch,
        "the name of one of the repository's environments: letters, digits, spaces and _ . -",
    ),
    Field(max_length=255),
]
Connection = Annotated[
    str,
    only(_CONNECTION.fullmatch, "the ARN of a connection, arn:aws:codeconnections:…:connection/…"),
]
RepositoryFile = Annotated[
    str,
    only(
        re.compile(r"(?!/)(?!(.*/)?\.\.?/)[\w./-]+\.ya?ml", re.ASCII).fullmatch,
        "the environment file's path in the repository, such as environments/production.yaml",
    ),
]


class Source(BaseModel):
    """The repository on GitHub whose commits deploy the environment.

    A workflow of GitHub Actions does it, with a role that trusts this repository's branch alone, or
    its `environment`. With a `connection`, a pipeline in the account follows the branch instead.
    An account has GitHub's identity provider once: `provider` is `existing` where it is there.
    """

    model_config = SECTION

    github: GitHubRepository
    branch: Branch = "main"
    environment: GitHubEnvironment | None = None
    file: RepositoryFile | None = None
    provider: Literal["create", "existing"] = "create"
    connection: Connection | None = None

    @model_validator(mode="after")
    def check_choice(self) -> Self:
        """A pipeline in the account has no token of GitHub's."""
        if self.connection and self.environment:
            said = "leave it out: with a connection no workflow of GitHub's deploys"
            raise refusals({"environment": said}, {"environment": self.environment})
        return self

    @property
    def repository(self) -> str:
        """OWNER/REPOSITORY."""
        return re.sub(r"@\d+", "", self.github)

    @property
    def subject(self) -> str:
        """The `sub` of GitHub's tokens for the jobs that may deploy.

        Source: GitHub Actions, "OpenID Connect reference".
        """
        if self.environment:
            return f"repo:{self.github}:environment:{self.environment}"
        return f"repo:{self.github}:ref:refs/heads/{self.branch}"


def _check_paths(value: object) -> object:
    """As a list, whatever says it: true is the training's code, false is nothing."""
    if isinstance(value, bool):
        return TRAINING_CODE if value else []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise refusal("true, false, or a list of paths in the repository, such as [training]")
    return value


def _check_files(paths: list[str]) -> list[str]:
    for path in paths:
        if not re.fullmatch(r"(?!/)[\w*?./ -]+", path) or ".." in path or not _matched(path):
            raise refusal(
                f"{path} is no file or folder of the repository: paths are relative to it, and may "
                "have *, ** and ?"
            )
    return paths


OnCommit = Annotated[list[str], BeforeValidator(_check_paths), AfterValidator(_check_files)]


def _matched(pattern: str) -> set[Path]:
    """The files that a path or a pattern names, and those below the folders that it names."""
    found = set(REPOSITORY.glob(pattern))
    below = {file for one in found if one.is_dir() for file in one.rglob("*")}
    return {one for one in found | below if one.is_file() and not _is_incidental(one)}


def _is_incidental(path: Path) -> bool:
    parts = path.relative_to(REPOSITORY).parts
    return path.suffix == ".pyc" or any(
        one == "__pycache__" or one.startswith(".") for one in parts
    )


def files_fingerprint(paths: list[str]) -> str:
    """A SHA-256 of the names and contents of the files that the paths name."""
    files = {file for path in paths for file in _matched(path)}
    return fingerprint(
        {file.relative_to(REPOSITORY).as_posix(): file_sha256(file) for file in files}
    )
