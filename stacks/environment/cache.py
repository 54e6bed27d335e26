"""What the environment file says of the response cache."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks.environment.refusals import only, refusals
from stacks.environment.section import Settings
from stacks.environment.values import matches

NONE, DYNAMODB, VALKEY = "none", "dynamodb", "valkey"
MAX_SECONDS = 24 * 3600
# Of a serverless Valkey, which is in several zones.
MIN_SUBNETS, MAX_SUBNETS = 2, 3
ServerAddress = Annotated[
    str,
    only(
        # Without a user's name or a password: it stands in the template for everybody to read.
        matches(r"rediss?://[A-Za-z0-9.-]{1,253}(:\d{1,5})?"),
        "a Valkey server, such as rediss://cache.internal:6379 (rediss: encrypted, redis: not), "
        "without a password",
    ),
]


class Cache(Settings):
    """Where answers are kept, and for how many `seconds` the same request gets the same answer.

    With `store: valkey` and no `address` the kit makes a serverless Valkey in the `network`, which
    keeps at most `max_gigabytes`.
    """

    store: Literal["none", "dynamodb", "valkey"] = "dynamodb"
    seconds: Annotated[int, Field(ge=1, le=MAX_SECONDS)] = 300
    address: ServerAddress | None = None
    max_gigabytes: Annotated[int, Field(ge=1, le=5000)] = 1

    @model_validator(mode="after")
    def check_store(self) -> Self:
        """Nothing is asked for that would not be there."""
        found = {}
        if self.address and self.store != VALKEY:
            found["address"] = f"leave it out, or set the store to {VALKEY}"
        if "max_gigabytes" in self.model_fields_set and not self.makes_server:
            found["max_gigabytes"] = f"only of a {VALKEY} that the kit makes, without an address"
        if found:
            raise refusals(found, self.model_dump())
        return self

    @property
    def is_kept(self) -> bool:
        """Whether answers are kept at all."""
        return self.store != NONE

    @property
    def makes_server(self) -> bool:
        """Whether the kit makes a Valkey."""
        return self.store == VALKEY and self.address is None
