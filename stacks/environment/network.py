"""The network of jobs, endpoints and functions: an existing VPC's, or none."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from stacks.environment.refusals import only, refusal, refusals
from stacks.environment.section import SECTION

# SageMaker's VpcConfig takes so many, and Lambda's no fewer.
MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5


def _check_each_once(values: list[str]) -> list[str]:
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise refusal(f"{twice[0]} stands here twice")
    return values


def _identifier(prefix: str, example: str) -> BeforeValidator:
    return only(
        re.compile(rf"{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", re.ASCII).fullmatch,
        f"an identifier such as {example}",
    )


SubnetId = Annotated[str, _identifier("subnet", "subnet-0a1b2c3d4e5f60718")]
SecurityGroupId = Annotated[str, _identifier("sg", "sg-0a1b2c3d4e5f60718")]


class Network(BaseModel):
    """Subnets and security groups say the VPC too.

    `isolation` cuts the containers of jobs and endpoints off every network: what they read and
    write goes through SageMaker. `encrypt_between_hosts` encrypts what the hosts of one job say
    to each other, and makes training on several of them slower.
    """

    model_config = SECTION

    subnet_ids: Annotated[
        list[SubnetId], Field(max_length=MAX_SUBNETS), AfterValidator(_check_each_once)
    ] = []
    security_group_ids: Annotated[
        list[SecurityGroupId],
        Field(max_length=MAX_SECURITY_GROUPS),
        AfterValidator(_check_each_once),
    ] = []
    isolation: bool = False
    encrypt_between_hosts: bool = False

    @model_validator(mode="after")
    def check_vpc(self) -> Self:
        given = {"subnet_ids": self.subnet_ids, "security_group_ids": self.security_group_ids}
        missing = [name for name, values in given.items() if not values]
        if len(missing) == 1:
            [other] = given.keys() - set(missing)
            said = f"{missing[0]} is missing: a VPC's subnets and security groups go together"
            raise refusals({other: said}, given)
        return self

    @property
    def is_vpc(self) -> bool:
        return bool(self.subnet_ids)
