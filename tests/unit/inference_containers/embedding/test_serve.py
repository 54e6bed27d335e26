"""The container over HTTP: its real process, one caller and many, polite and hostile."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from meguru.embedding_settings import FILE
from meguru.model_hashes import write_hashes
from meguru.model_version import ATTRIBUTES_HEADER, Answering
from meguru.usage_report import request_attributes
from tests.unit.encoders import DIMENSIONS, END, MAX_TOKENS, START, write_encoder
from tests.unit.inference_containers.embedding.conftest import MODEL_VERSION


def vectors(response: Any) -> list[list[float]]:
    assert response.status_code == 200, response.text
    return [one["embedding"] for one in response.json()["data"]]


def refusal(response: Any) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["param"], error["code"]


def test_answer_has_openai_shape(container: Any) -> None:
    response = container.invoke({"model": "vectors", "input": ["経費", "a"]})
    answer = response.json()
    assert response.headers[ATTRIBUTES_HEADER] == Answering(MODEL_VERSION).attributes()
    assert answer["object"] == "list" and answer["model"] == "vectors"
    assert [(one["object"], one["index"]) for one in answer["data"]] == [
        ("embedding", 0),
        ("embedding", 1),
    ]
    # A byte is a token here, and one stands before and after each text.
    assert answer["usage"] == {"prompt_tokens": 6 + 1 + 4, "total_tokens": 6 + 1 + 4}
    assert all(len(one) == DIMENSIONS for one in vectors(response))
    assert np.allclose(np.linalg.norm(vectors(response), axis=1), 1)


def test_both_formats_are_the_same_numbers(container: Any) -> None:
    body = {"input": "経費精算"}
    [floats] = vectors(container.invoke(body))
    [encoded] = vectors(container.invoke({**body, "encoding_format": "base64"}))
    assert np.array_equal(
        np.frombuffer(base64.b64decode(str(encoded)), "<f4"), np.array(floats, "<f4")
    )


def test_token_ids_are_the_text_s(container: Any) -> None:
    [text] = vectors(container.invoke({"input": "ab"}))
    ids = [ord("a") - 33, ord("b") - 33]
    for given in (ids, [ids], [START, *ids, END]):
        response = container.invoke({"input": given})
        assert np.allclose(vectors(response)[0], text, atol=1e-6)
        assert response.json()["usage"]["prompt_tokens"] == 4


def test_words_stand_before_a_text_by_its_type(container: Any) -> None:
    asked = container.invoke({"input": "ab", "input_type": "query"})
    [plain] = vectors(container.invoke({"input": "query: ab"}))
    assert np.allclose(vectors(asked)[0], plain, atol=1e-6)
    assert asked.json()["usage"]["prompt_tokens"] == len("query: ab") + 2
    ids = [ord("a") - 33, ord("b") - 33]
    [of_ids] = vectors(container.invoke({"input": [ids], "input_type": "query"}))
    assert np.allclose(of_ids, plain, atol=1e-6)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"input": "a" * MAX_TOKENS}, (400, "input", "context_length_exceeded")),
        ({"input": ["a", "a" * MAX_TOKENS]}, (400, "input[1]", "context_length_exceeded")),
        ({"input": [[1] * MAX_TOKENS]}, (400, "input", "context_length_exceeded")),
        ({"input": [[5, 300]]}, (400, "input", "invalid_value")),
        ({"input": "a", "dimensions": DIMENSIONS - 1}, (400, "dimensions", "invalid_value")),
        ({"input": "a", "dimensions": DIMENSIONS + 1}, (400, "dimensions", "invalid_value")),
        ({"input": ""}, (400, "input", "invalid_value")),
        ({"messages": []}, (400, "messages", "unknown_parameter")),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(
    container: Any, body: dict[str, Any], refused: tuple[int, str, str]
) -> None:
    response = container.invoke(body)
    status, param, code = refusal(response)
    assert (status, param or "messages", code) == refused


def test_as_many_texts_as_can_be_given_back(container: Any) -> None:
    assert len(vectors(container.invoke({"input": ["a"] * 2048}))) == 2048


def test_openai_s_client(container: Any) -> None:
    container.client.get("/ping")
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{container.port}", api_key="none")
    answer = client.post(
        "/invocations",
        body={"input": "経費", "model": "vectors", "encoding_format": "float"},
        cast_to=openai.types.CreateEmbeddingResponse,
    )
    assert len(answer.data[0].embedding) == DIMENSIONS


def test_many_callers_have_each_their_own(container: Any) -> None:
    texts = [f"質問{number}" * (1 + number % 3) for number in range(24)]
    alone = [vectors(container.invoke({"input": one}))[0] for one in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: vectors(container.invoke({"input": one}))[0], texts))
    assert np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"{", b'{"input": "\xff"}', b"[]", b"x" * 7_000_000])
def test_what_is_no_request_harms_nothing(container: Any, content: bytes) -> None:
    response = container.client.post("/invocations", content=content)
    assert response.status_code in (400, 413) and response.json()["error"]["message"]
    assert container.client.get("/ping").status_code == 200


def test_what_was_read_is_reported_and_a_stop_is_clean(
    model_folder: Path, start_container: Callable[..., Any]
) -> None:
    container = start_container(model_folder.parent)
    container.pings()
    named = {ATTRIBUTES_HEADER: request_attributes("book", "embd-1")}
    for body in ({"input": ["ab", "c"]}, {"input": "a" * MAX_TOKENS}):
        container.client.post("/invocations", json=body, headers=named)
    container.client.post("/invocations", json={"input": "unnamed"})
    container.process.send_signal(signal.SIGTERM)
    said, _ = container.process.communicate(timeout=30)
    reported = [line for line in said.splitlines() if line.startswith("event=")]
    assert reported == [
        "event=started id=book/embd-1",
        "event=usage id=book/embd-1 prompt_tokens=7 completion_tokens=0",
        "event=started id=book/embd-1",
        "event=usage id=book/embd-1 prompt_tokens=0 completion_tokens=0",
    ]
    # Once all were answered, uvicorn ends by the signal it was sent.
    assert container.process.returncode == -signal.SIGTERM


def damage_weights(folder: Path) -> None:
    write_hashes(folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")


def lie_about_dimensions(folder: Path) -> None:
    values = json.loads((folder / FILE).read_bytes())
    (folder / FILE).write_text(json.dumps({**values, "dimensions": 7}))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damage_weights, "model.safetensors is not the file that manifest.json lists"),
        (lambda folder: (folder / FILE).unlink(), f"{FILE} is missing"),
        (lie_about_dimensions, "7 dimensions, and the model has 32"),
    ],
)
def test_a_model_that_is_not_whole_ends_the_container(
    tmp_path: Path,
    start_container: Callable[..., Any],
    harm: Callable[[Path], None],
    reason: str,
) -> None:
    harm(write_encoder(tmp_path / "model"))
    container = start_container(tmp_path)
    said, _ = container.process.communicate(timeout=60)
    assert container.process.returncode == 1
    assert f"the model can't be loaded: {reason}" in said or reason in said.splitlines()[-1]
