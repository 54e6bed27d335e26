"""An evaluation with a prompt: it is asked with it, compared with the serving one's, and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.job import main
from meguru.prompt import Example, Prompt
from tests.unit.evaluation.conftest import make_rows, write_dataset

# The question in front of it, the model has learnt nothing of; as short as its context asks for.
PROMPT = Prompt("短く<答>")
SERVING = Prompt(question_template="Q{question}")


def put(root: Path, name: str, prompt: Prompt) -> Path:
    folder = root / "processing" / "input" / name
    folder.mkdir()
    (folder / "prompt.json").write_bytes(prompt.to_json())
    (folder / "manifest.json").write_bytes(prompt.manifest())
    return folder


def evaluate(root: Path, **environment: str) -> int:
    return main({"SAGEMAKER_BASE_DIR": str(root), **environment})


def output(root: Path, name: str) -> str:
    return (root / "processing" / "output" / "evaluation" / name).read_text("utf-8")


def report(root: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(output(root, "evaluation.json"))
    return values


def test_the_same_weights_are_held_against_themselves_with_another_prompt(
    processing: Path, good_model: Path
) -> None:
    (processing / "processing" / "input" / "baseline").symlink_to(good_model)
    put(processing, "prompt", PROMPT)
    put(processing, "baseline_prompt", SERVING)
    source = "arn:aws:sagemaker:us-east-1:123456789012:model-package/text/3"
    assert evaluate(processing, SERVING_PACKAGE=source, SOURCE_PACKAGE=source) == 0
    written = report(processing)
    assert written["prompt"] == {
        "version": PROMPT.version,
        "serving_version": SERVING.version,
        "num_tokens": written["prompt"]["num_tokens"],
        "lines": ["[system]", "短く<答>"],
        "difference": [
            f"--- {SERVING.version}",
            f"+++ {PROMPT.version}",
            "@@ -1,2 +1,2 @@",
            "-[question_template]",
            "-Q{question}",
            "+[system]",
            "+短く<答>",
        ],
    }
    assert 0 < written["prompt"]["num_tokens"] < 32
    # Otherwise the same weights and questions would give the same to the last digit.
    compared = written["comparison"]["metrics"]["loss"]
    assert compared["candidate"] != compared["baseline"]
    assert written["comparison"]["model_package_arn"] == written["source_package"] == source

    page, card = output(processing, "evidence.html"), output(processing, "model_card.json")
    assert "短く&lt;答&gt;" in page and "No training was done" in page and source in page
    assert "only the prompt is another" in page
    assert f"the serving version has <code>{SERVING.version}</code>" in page
    assert json.loads(card)["additional_information"]["custom_details"]["prompt_version"]
    assert "短く<答>" in output(processing, "chat_template.jinja")


def test_without_a_prompt_nothing_is_said_of_one(processing: Path) -> None:
    assert evaluate(processing) == 0
    assert report(processing)["prompt"]["version"] == ""
    assert "No training was done" not in output(processing, "evidence.html")
    folder = processing / "processing" / "output" / "evaluation"
    assert not (folder / "chat_template.jinja").exists()


def test_an_example_that_is_a_held_out_question_is_a_leak(processing: Path) -> None:
    rows = [row for row in make_rows() if row["record_id"] != "3-train"]
    write_dataset(processing / "processing" / "input" / "dataset", rows)
    assert evaluate(processing) == 0
    assert "3-held_out" not in json.dumps(report(processing)["contamination"])
    put(processing, "prompt", Prompt(examples=(Example("When is payday?", "?"),)))
    assert evaluate(processing) == 0
    [leak] = [
        one
        for one in report(processing)["contamination"]["found"]
        if one["record_id"] == "3-held_out"
    ]
    assert (leak["kind"], leak["training_source"]) == ("exact", "the prompt's example 1")


def test_a_prompt_that_does_not_fit_fails_with_one_line(processing: Path) -> None:
    put(processing, "prompt", Prompt("長い" * 60))
    assert evaluate(processing) == 1
    reason = (processing / "output" / "failure").read_text()
    assert "of the model's 64 tokens of context, and at most 50% are left to it" in reason
    assert "\n" not in reason


def test_a_serving_prompt_that_can_not_be_read_keeps_nothing_from_being_judged(
    processing: Path, good_model: Path
) -> None:
    (processing / "processing" / "input" / "baseline").symlink_to(good_model)
    folder = put(processing, "baseline_prompt", SERVING)
    (folder / "prompt.json").write_bytes(PROMPT.to_json())
    assert evaluate(processing) == 0
    written = report(processing)
    assert "was changed" in written["not_compared"]
    assert written["prompt"]["serving_version"] == ""
