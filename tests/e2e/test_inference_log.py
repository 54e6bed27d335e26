"""Answers arrive in the lake's log, and what can't be delivered arrives later."""

from __future__ import annotations

from typing import Any

from cli.artefacts import inference_log
from cli.loop import Loop
from tests.e2e.loop_cloud import MODEL, LoopCloud


def test_every_answer_arrives_in_the_lake(cloud: LoopCloud) -> None:
    chat: Any = cloud.openai_client().chat.completions
    said = [{"role": "user", "content": "締切は?"}]
    whole = chat.create(model=MODEL, messages=said, max_tokens=4)
    *_, chunk = chat.create(model=MODEL, messages=said, max_tokens=4, stream=True)
    logged = {one["inference_id"]: one for one in inference_log(Loop(cloud.account), chunk.id)}
    for inference_id in (whole.id, chunk.id):
        line = logged[inference_id]
        assert (line["model"], line["messages"], line["log"]) == (MODEL, said, "full")
        assert line["dt"] and line["model_version"]
        assert (line["num_messages"], line["is_shortened"]) == (1, False)
