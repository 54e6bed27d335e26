"""What the environment file says of the API as a whole."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.environment.aliases import Aliases
from stacks.environment.cache import Cache
from stacks.environment.guard import Guard
from stacks.environment.refusals import only
from stacks.environment.section import Settings
from stacks.environment.values import Count, matches

# API Gateway compares a browser's with each.
MAX_ORIGINS = 50
Origin = Annotated[
    str,
    only(
        matches(r"https://[a-z0-9.-]{1,80}(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?"),
        "where a page is from, such as https://chat.example.co.jp: without a path, and https "
        "everywhere but on localhost",
    ),
]


class Api(Settings):
    """What a key may ask for, and what stands around the models.

    `cors` are the origins of pages that may read answers; `aliases` are other names of models.
    """

    requests_per_second: Count = 10
    burst: Count = 20
    requests_per_month: Count = 1_000_000
    cors: Annotated[list[Origin], Field(max_length=MAX_ORIGINS)] = []
    aliases: Aliases = {}
    cache: Cache = Cache()
    guard: Guard = Guard()
