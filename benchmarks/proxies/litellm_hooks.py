"""What LiteLLM's proxy is told in code: whose a key is, and where answers are logged.

It runs in the proxy's own environment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

KEY, LOG = "sk-benchmark", Path("inferences.jsonl")


async def user_api_key_auth(request: Any, api_key: str) -> Any:
    """A key with every limit that keys can have."""
    if api_key != KEY:
        raise ValueError("no such key")
    limits = {"max_budget": 1e9, "rpm_limit": 10**7, "tpm_limit": 10**10}
    return UserAPIKeyAuth(api_key=api_key, user_id="benchmark", models=["m"], spend=0.0, **limits)


class InferenceLog(CustomLogger):  # type: ignore[misc]
    """Each answer's record, as the proxy makes it, on a line."""

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        record = kwargs.get("standard_logging_object")
        with LOG.open("a") as file:
            file.write(json.dumps(record, default=str, ensure_ascii=False) + "\n")


log = InferenceLog()
