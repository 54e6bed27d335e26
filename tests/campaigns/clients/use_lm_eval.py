"""lm-evaluation-harness's `local-chat-completions`; run in its environment."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import lm_eval
import requests
from lm_eval.tasks import TaskManager

from tests.campaigns.clients.behaviours import (
    PLACE,
    QUESTION,
    behaviour,
    check_stopped,
    main,
    raises,
)

TASK: dict[str, Any] = {
    "task": "own_questions",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


def evaluate(base: str, key: str = "key", model: str = PLACE["text"], until: str = "") -> str:
    """What the model says to the one question of a task."""
    os.environ["OPENAI_API_KEY"] = PLACE[key]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "own.jsonl"
        file.write_text(json.dumps({"question": QUESTION, "answer": "10日"}))
        settings = {"until": [until] if until else [], "max_gen_toks": 8, "temperature": 0}
        task = {
            **TASK,
            "dataset_kwargs": {"data_files": {"test": str(file)}},
            "generation_kwargs": {**settings, "do_sample": False},
        }
        arguments = f"model={model},base_url={base}/chat/completions,num_concurrent=1,max_retries=3"
        found = lm_eval.simple_evaluate(
            model="local-chat-completions",
            model_args=arguments,
            tasks=[task],
            task_manager=TaskManager(include_defaults=False),
            apply_chat_template=True,
            bootstrap_iters=0,
        )
    [sample] = found["samples"]["own_questions"]
    assert "exact_match,none" in found["results"]["own_questions"]
    said: str = sample["resps"][0][0]
    return said


def refused(base: str, status: int, code: str, **asked: str) -> None:
    error = raises(requests.HTTPError, lambda: evaluate(base, **asked))
    assert error.response.status_code == status, error
    assert error.response.json()["error"]["code"] == code, error.response.text


@behaviour
def chat(base: str) -> None:
    assert evaluate(base)


@behaviour
def stop(base: str) -> None:
    check_stopped(evaluate(base), lambda word: (evaluate(base, until=word), "stop"))


@behaviour
def unknown_model(base: str) -> None:
    refused(base, 404, "model_not_found", model="gpt-5")


@behaviour
def invalid_key(base: str) -> None:
    refused(base, 403, "invalid_api_key", key="nobodys_key")


@behaviour
def model_not_allowed(base: str) -> None:
    refused(base, 403, "model_not_allowed", key="narrow_key")


@behaviour
def quota(base: str) -> None:
    # It asks again by its own rule, whatever is refused.
    refused(base, 429, "insufficient_quota", key="poor_key")


@behaviour
def throttled(base: str) -> None:
    for _ in range(3):
        assert evaluate(base, "slow_key")


@behaviour
def not_ready(base: str) -> None:
    refused(base, 503, "model_not_ready", model=PLACE["unreleased"])


if __name__ == "__main__":
    main()
