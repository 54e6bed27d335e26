"""LiteLLM's proxy with what it has of the same policies, in an environment of its own.

Its virtual keys need Prisma's engine, which is no Python package: a key's owner and limits come
from its own hook `custom_auth` instead, so that it writes no spending into a database. Rates,
counters and cached answers are in the same kind of Redis server as ours.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.proxies.load import Subject
from cli.synthesis import REPOSITORY
from tests.valkey_server import valkey_server

PROGRAM = REPOSITORY / ".venv-gateway" / "bin" / "litellm"
HOOKS = Path(__file__).with_name("litellm_hooks.py")
START_SECONDS = 120


@contextmanager
def litellm_proxy(folder: Path, model_port: int) -> Iterator[Subject]:
    """A proxy that asks the model server at a port."""
    if not PROGRAM.exists():
        raise FileNotFoundError(f"{PROGRAM} isn't there: run `make peers`")
    folder.mkdir()
    shutil.copy(HOOKS, folder)
    with valkey_server() as redis:
        (folder / "config.json").write_text(json.dumps(settings(redis, model_port)))
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        command = [str(PROGRAM), "--config", "config.json", "--port", str(port)]
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            # It starts without no key of its own.
            "LITELLM_MASTER_KEY": f"sk-{secrets.token_urlsafe(32)}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
        }
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1"], cwd=folder, env=told, stdout=log, stderr=log
            )
        try:
            _wait_until_alive(port, process, folder / "log")
            yield Subject(port, {"authorization": "Bearer sk-benchmark"}, "m", (process.pid,))
        finally:
            process.terminate()
            process.wait(30)


def settings(redis: str, model_port: int) -> dict[str, object]:
    """Source: LiteLLM's documentation of its proxy's config."""
    place = urlsplit(redis)
    model = {"model": "openai/m", "api_base": f"http://127.0.0.1:{model_port}/v1", "api_key": "x"}
    cache = {"type": "redis", "host": place.hostname, "port": place.port, "ttl": 300}
    rules = {
        "guardrail": "litellm_content_filter",
        "mode": "pre_call",
        "default_on": True,
        "blocked_words": [
            {"keyword": word, "action": "BLOCK"} for word in ("極秘案件", "Project X")
        ],
        "patterns": [{"pattern_type": "prebuilt", "pattern_name": "email", "action": "MASK"}],
    }
    return {
        "model_list": [{"model_name": "m", "litellm_params": model}],
        "litellm_settings": {
            "cache": True,
            "cache_params": cache,
            "callbacks": "litellm_hooks.log",
        },
        "general_settings": {"custom_auth": "litellm_hooks.user_api_key_auth"},
        "guardrails": [{"guardrail_name": "rules", "litellm_params": rules}],
    }


def _wait_until_alive(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness").close()
            return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise RuntimeError(f"the proxy did not start: {log.read_text()[-2000:]}")
