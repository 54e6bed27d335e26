"""The role that a workflow of GitHub Actions deploys with, without a key that could be lost."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environment.source import Source

ISSUER = "token.actions.githubusercontent.com"
# What aws-actions/configure-aws-credentials asks GitHub's token for.
AUDIENCE = "sts.amazonaws.com"
LONGEST_DEPLOYMENT = Duration.hours(2)


class GitHubRole(iam.Role):
    """Trusts GitHub's word that a job is of one repository's branch, or of its environment."""

    def __init__(self, scope: Construct, construct_id: str, *, source: Source) -> None:
        claims = {"aud": AUDIENCE, "sub": source.subject}
        if source.environment:
            # An environment's own rules on branches can be changed by who administers it.
            claims["ref"] = f"refs/heads/{source.branch}"
        super().__init__(
            scope,
            construct_id,
            description=f"Deploys commits of {source.repository}",
            assumed_by=iam.WebIdentityPrincipal(
                _provider_arn(scope, source),
                {"StringEquals": {f"{ISSUER}:{name}": value for name, value in claims.items()}},
            ),
            max_session_duration=LONGEST_DEPLOYMENT,
        )


def _provider_arn(scope: Construct, source: Source) -> str:
    if source.provider == "existing":
        return Stack.of(scope).format_arn(
            service="iam", region="", resource="oidc-provider", resource_name=ISSUER
        )
    provider = iam.OidcProviderNative(
        scope, "GitHub", url=f"https://{ISSUER}", client_ids=[AUDIENCE]
    )
    return provider.oidc_provider_arn
