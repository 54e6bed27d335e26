"""Checkpoints of a training job: one S3 prefix, kept in step with every host's folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from localcloud.sagemaker.job import UNFORESEEN
from localcloud.sagemaker.transfer import Transfer, files_below

# In AWS these are the sync's own marks in the folder; they are never copied.
_MARKS = (".sagemaker-uploading", ".sagemaker-uploaded")
_INTERVAL_SECONDS = 1.0
_SMALL_BYTES = 32 << 20


class CheckpointSync:
    """Copies what changes in the hosts' checkpoint folders to S3, once a second or so.

    As in AWS, all hosts share one prefix, a file can be copied before it is written out, and what
    is deleted in the folder stays in S3.
    """

    def __init__(self, transfer: Transfer, uri: str, folders: Sequence[Path]) -> None:
        self._transfer, self._uri, self._folders = transfer, uri.rstrip("/") + "/", folders
        self._seen: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None

    def restore(self, proceed: Callable[[], None]) -> None:
        """Copy what S3 has into every host's folder."""
        first, *others = self._folders
        first.mkdir(parents=True, exist_ok=True)
        self._transfer.download_prefix(self._uri, first, proceed=proceed)
        for folder in others:
            shutil.copytree(first, folder, dirs_exist_ok=True)
        for folder in self._folders:
            self._seen.update({path: _signature(path) for path in files_below(folder)})

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="checkpoint sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop the background copying and copy what is left. ClientError when it is refused."""
        self.abandon()
        self.sync()

    def abandon(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def sync(self) -> None:
        """Copy every file that is new or has changed since the last time."""
        with self._lock:
            for folder in self._folders:
                for path in files_below(folder):
                    if not path.name.endswith(_MARKS):
                        self._copy(path, path.relative_to(folder).as_posix())

    def _copy(self, path: Path, relative: str) -> None:
        try:
            signature = _signature(path)
            if self._seen.get(path) == signature:
                return
            if signature[0] <= _SMALL_BYTES:
                self._transfer.put(path.read_bytes(), self._uri + relative)
            else:
                self._transfer.upload(path, self._uri + relative)
        except FileNotFoundError:
            return  # Renamed or deleted meanwhile: the next turn sees what it has become.
        self._seen[path] = signature

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            try:
                self.sync()
            except UNFORESEEN as error:
                self.error = error
                return


def _signature(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
