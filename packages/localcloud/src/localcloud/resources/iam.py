"""AWS::IAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.resources.context import Context, Created, Properties, Provider


def role(context: Context, properties: Properties) -> Created:
    name = properties.get("RoleName") or context.physical_name()
    described = context.call(
        "iam",
        "CreateRole",
        RoleName=name,
        AssumeRolePolicyDocument=properties["AssumeRolePolicyDocument"],
        Path=properties.get("Path"),
        Description=properties.get("Description"),
        MaxSessionDuration=properties.get("MaxSessionDuration"),
        PermissionsBoundary=_boundary(context, properties),
        Tags=properties.get("Tags"),
    )["Role"]
    _attach(context, "Role", name, properties)
    return Created(name, {"Arn": described["Arn"], "RoleId": described["RoleId"]})


def user(context: Context, properties: Properties) -> Created:
    name = properties.get("UserName") or context.physical_name()
    described = context.call(
        "iam",
        "CreateUser",
        UserName=name,
        Path=properties.get("Path"),
        PermissionsBoundary=_boundary(context, properties),
        Tags=properties.get("Tags"),
    )["User"]
    _attach(context, "User", name, properties)
    for group_name in properties.get("Groups", []):
        context.call("iam", "AddUserToGroup", UserName=name, GroupName=group_name)
    return Created(name, {"Arn": described["Arn"]})


def group(context: Context, properties: Properties) -> Created:
    name = properties.get("GroupName") or context.physical_name(128)
    described = context.call("iam", "CreateGroup", GroupName=name, Path=properties.get("Path"))
    _attach(context, "Group", name, properties)
    return Created(name, {"Arn": described["Group"]["Arn"]})


def _boundary(context: Context, properties: Properties) -> str | None:
    """The boundary, where its policy is in this account; noted as not simulated where it isn't."""
    arn: str | None = properties.get("PermissionsBoundary")
    if arn is None:
        return None
    iam = context.client("iam")
    try:
        iam.get_policy(PolicyArn=arn)
    except iam.exceptions.NoSuchEntityException:
        # Who keeps the real account has made it; its statements aren't known here.
        context.not_simulated.append("PermissionsBoundary")
        return None
    return arn


def _attach(context: Context, kind: str, name: str, properties: Properties) -> None:
    holder = {f"{kind}Name": name}
    for arn in properties.get("ManagedPolicyArns", []):
        context.call("iam", f"Attach{kind}Policy", **holder, PolicyArn=arn)
    for policy in properties.get("Policies", []):
        context.call("iam", f"Put{kind}Policy", **holder, **policy)


def policy(context: Context, properties: Properties) -> Created:
    name = properties["PolicyName"]
    for kind, holder in _holders(properties):
        context.call(
            "iam",
            f"Put{kind}Policy",
            **{f"{kind}Name": holder},
            PolicyName=name,
            PolicyDocument=properties["PolicyDocument"],
        )
    return Created(name, {"Id": name})


def role_policy(context: Context, properties: Properties) -> Created:
    context.call("iam", "PutRolePolicy", **properties)
    return Created(properties["PolicyName"])


def user_policy(context: Context, properties: Properties) -> Created:
    context.call("iam", "PutUserPolicy", **properties)
    return Created(properties["PolicyName"])


def group_policy(context: Context, properties: Properties) -> Created:
    context.call("iam", "PutGroupPolicy", **properties)
    return Created(properties["PolicyName"])


def user_to_group_addition(context: Context, properties: Properties) -> Created:
    group_name = properties["GroupName"]
    for user_name in properties["Users"]:
        context.call("iam", "AddUserToGroup", UserName=user_name, GroupName=group_name)
    return Created(context.physical_name())


def managed_policy(context: Context, properties: Properties) -> Created:
    arn = context.call(
        "iam",
        "CreatePolicy",
        PolicyName=properties.get("ManagedPolicyName") or context.physical_name(128),
        PolicyDocument=properties["PolicyDocument"],
        Path=properties.get("Path"),
        Description=properties.get("Description"),
    )["Policy"]["Arn"]
    for kind, holder in _holders(properties):
        context.call("iam", f"Attach{kind}Policy", **{f"{kind}Name": holder}, PolicyArn=arn)
    return Created(arn, {"PolicyArn": arn})


def _holders(properties: Properties) -> list[tuple[str, Any]]:
    kinds = ("Role", "User", "Group")
    return [(kind, name) for kind in kinds for name in properties.get(f"{kind}s", [])]


def access_key(context: Context, properties: Properties) -> Created:
    user_name = properties["UserName"]
    made = context.call("iam", "CreateAccessKey", UserName=user_name)["AccessKey"]
    if properties.get("Status") == "Inactive":
        context.call(
            "iam",
            "UpdateAccessKey",
            UserName=user_name,
            AccessKeyId=made["AccessKeyId"],
            Status="Inactive",
        )
    return Created(made["AccessKeyId"], {"SecretAccessKey": made["SecretAccessKey"]})


def instance_profile(context: Context, properties: Properties) -> Created:
    name = properties.get("InstanceProfileName") or context.physical_name(128)
    made = context.call(
        "iam", "CreateInstanceProfile", InstanceProfileName=name, Path=properties.get("Path")
    )
    for role_name in properties.get("Roles", []):
        context.call(
            "iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role_name
        )
    return Created(name, {"Arn": made["InstanceProfile"]["Arn"]})


def service_linked_role(context: Context, properties: Properties) -> Created:
    made = context.call("iam", "CreateServiceLinkedRole", **properties)["Role"]
    return Created(made["RoleName"], {"RoleName": made["RoleName"], "Arn": made["Arn"]})


def oidc_provider(context: Context, properties: Properties) -> Created:
    made = context.call(
        "iam",
        "CreateOpenIDConnectProvider",
        Url=properties["Url"],
        ClientIDList=properties.get("ClientIdList"),
        # AWS looks for the issuer's certificate itself where none is given.
        ThumbprintList=properties.get("ThumbprintList"),
        Tags=properties.get("Tags"),
    )
    arn = made["OpenIDConnectProviderArn"]
    return Created(arn, {"Arn": arn})


PROVIDERS: Mapping[str, Provider] = {
    "AWS::IAM::Role": role,
    "AWS::IAM::User": user,
    "AWS::IAM::Group": group,
    "AWS::IAM::GroupPolicy": group_policy,
    "AWS::IAM::UserPolicy": user_policy,
    "AWS::IAM::UserToGroupAddition": user_to_group_addition,
    "AWS::IAM::Policy": policy,
    "AWS::IAM::RolePolicy": role_policy,
    "AWS::IAM::ManagedPolicy": managed_policy,
    "AWS::IAM::AccessKey": access_key,
    "AWS::IAM::InstanceProfile": instance_profile,
    "AWS::IAM::OIDCProvider": oidc_provider,
    "AWS::IAM::ServiceLinkedRole": service_linked_role,
}
