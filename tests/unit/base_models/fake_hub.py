"""A hub with one model, `maker/tiny`, at one commit: what huggingface_hub asks one for."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """Gives out what is in `folder`; of the weights in `false_hashes` it says another SHA-256."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        super().__init__(address, Handler)
        self.folder, self.false_hashes = folder, dict[str, str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def info(self) -> dict[str, object]:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {
            "id": "maker/tiny",
            "sha": COMMIT,
            "siblings": [self._sibling(one) for one in files],
        }

    def _sibling(self, path: Path) -> dict[str, object]:
        size = path.stat().st_size
        file = {"rfilename": path.relative_to(self.folder).as_posix(), "size": size}
        if path.suffix != ".safetensors":
            return file
        sha256 = self.false_hashes.get(path.name) or sha256_of(path)
        return {**file, "lfs": {"sha256": sha256, "size": size, "pointerSize": 130}}


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == f"/api/models/maker/tiny/revision/{COMMIT}":
            content = json.dumps(self.server.info()).encode()
            self._answer(content, {"content-type": "application/json"})
            return
        name = path.removeprefix(f"/maker/tiny/resolve/{COMMIT}/")
        file = self.server.folder / name
        if name == path:
            self._answer(b"", {"x-error-code": "RepoNotFound"}, 404)
        elif not file.is_file():
            self._answer(b"", {"x-error-code": "EntryNotFound"}, 404)
        else:
            etag = f'"{sha256_of(file)}"'
            self._answer(file.read_bytes(), {"etag": etag, "x-repo-commit": COMMIT})

    def _answer(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Nothing: what is asked for is no concern of the tests' output."""


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
