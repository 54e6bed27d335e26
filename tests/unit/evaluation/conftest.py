"""A processing job's folders with a dataset and a model that was trained on it for a moment."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import torch

from meguru.dataset_version import Row, conversation
from meguru.hyperparameters import Hyperparameters
from training.model import make_model, save_model
from training.objectives.causal_lm import CausalLM
from training.optimizer import make_optimizer
from training.tokenizer import train_tokenizer


def make_rows() -> list[dict[str, Any]]:
    rows = []
    for number, (language, question, answer) in enumerate(
        [
            ("ja", "有給休暇の締切は?", "10日です。"),
            ("ja", "社用車の窓口は?", "総務部です。"),
            ("en", "What ends a turn?", "<|end|>, then <|user|> or ＜｜ｅｎｄ｜＞."),
            ("en", "When is payday?", "On day 25."),
        ]
    ):
        for split in ("train", "held_out"):
            rows.append(
                {
                    "record_id": f"{number}-{split}",
                    "question": question,
                    "answer": answer,
                    "group_id": str(number),
                    "language": language,
                    "split": split,
                    "weight": 1,
                }
            )
    return rows


def write_conversations(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a version of the second format has them."""
    asked = [
        {**row, "messages": list(conversation((), row.pop("question"), row.pop("answer")))}
        for row in map(dict, rows)
    ]
    return write_dataset(folder, asked, known=2)


def write_dataset(folder: Path, rows: list[dict[str, Any]], known: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "shard-00000.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shard = {"path": path.name, "sha256": digest, "rows": len(rows)}
    (folder / "manifest.json").write_text(
        json.dumps({"format": known, "name": "faq", "shards": [shard]})
    )
    return folder


def write_model(folder: Path, num_steps: int) -> Path:
    """A tiny model after `num_steps` on the rows: 0 knows nothing, 150 knows all."""
    torch.manual_seed(0)
    settings = Hyperparameters(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        dropout=0,
        question_dropout=0,
        context_ratio=0,
    )
    rows = [Row.of_question(**row) for row in make_rows() if row["split"] == "train"]
    tokenizer = train_tokenizer([t for row in rows for t in (row.question, row.answer)], 400)
    model, objective = make_model(tokenizer, settings), CausalLM(rows, tokenizer, settings)
    optimizer = make_optimizer(model.named_parameters(), settings)
    batch = objective.batch(range(len(rows)), torch.Generator())
    for _ in range(num_steps):
        objective.loss(model, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    save_model(folder, model, tokenizer)
    facts = {"training_job": "faq-1", "commit": "abc123"}
    (folder / "training.json").write_text(json.dumps(facts))
    return folder


def pack(folder: Path, archive: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


@pytest.fixture(scope="session")
def good_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("good") / "model", 150)


@pytest.fixture(scope="session")
def poor_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("poor") / "model", 0)


@pytest.fixture
def processing(tmp_path: Path, good_model: Path) -> Path:
    """The root of a processing job over the good model."""
    inputs = tmp_path / "processing" / "input"
    write_dataset(inputs / "dataset", make_rows())
    pack(good_model, inputs / "model" / "model.tar.gz")
    return tmp_path


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads of a tiny model only wait for each other, above all on a busy machine."""
    torch.set_num_threads(1)
