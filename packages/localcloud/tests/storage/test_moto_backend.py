"""What moto holds for the whole process."""

from __future__ import annotations

from moto.core import utils

from localcloud.storage.moto_backend import MotoBackend


def test_all_models_are_loaded_by_one_loader() -> None:
    for _ in range(2):
        MotoBackend("123456789012", "us-east-1", "http://127.0.0.1:1").start()
        first = utils.create_loader()  # type: ignore[attr-defined]
        assert utils.create_loader() is first  # type: ignore[attr-defined]
