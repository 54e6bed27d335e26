"""A lake that is a folder."""

from __future__ import annotations

from pathlib import Path

from cli.account import Account
from cli.loop import Loop


class FolderLoop(Loop):
    def __init__(self, folder: Path) -> None:
        super().__init__(Account("poc"))
        self._folder = folder

    def read(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()
