"""How much a version's prompt and template may add to a request: noted before it gets any."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lambdas.plan_release.release_record import Row
from meguru.prompt import FILE, Prompt
from meguru.prompt_bound import TEMPLATE_TOKENS, PromptBound

logger = logging.getLogger(__name__)


def next_bound(s3: Any, row: Row, named: Mapping[str, str], *, alone: bool) -> PromptBound:
    """The bound to keep, for a wanted version of this metadata and for what serves until then.

    `alone`: only the wanted version serves, so an earlier one's counts no more. A prompt that can't
    be read changes nothing: no container starts with it.
    """
    kept = PromptBound.read(row["prompt_bound"]) if "prompt_bound" in row else PromptBound()
    of_prompt = _bound(s3, named.get("prompt_uri", ""))
    if of_prompt is None:
        return kept
    bound = of_prompt + PromptBound.of_metadata(named.get(TEMPLATE_TOKENS, ""))
    return bound if alone else kept.or_more(bound)


def _bound(s3: Any, uri: str) -> PromptBound | None:
    if not uri:
        return PromptBound()
    place = urlsplit(uri)
    bucket, key = place.netloc, f"{place.path.strip('/')}/{FILE}"
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)["KeyCount"]:
        logger.warning("there is no prompt at %s", uri)
        return None
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return PromptBound.of(Prompt.parse(content))
    except ValueError as error:
        logger.warning("the prompt at %s can't be read: %s", uri, error)
        return None
