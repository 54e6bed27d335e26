"""A Python whose packages are imported already: `python warm_python.py NAME -c CODE`, or a file.

What stands behind the socket forks a process for each who asks. The command itself lives as long as
that process does, has its streams, passes signals on, and ends as it ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

VARIABLE = "TESTS_WARM_PYTHON"
# What takes a second or more to import, and is asked for by the tests of several processes.
PACKAGES = (
    "torch.distributed.fsdp",
    "torch.distributed.checkpoint.hf_storage",
    "transformers.models.llama.modeling_llama",
    "peft",
    "pyarrow.parquet",
    "sacrebleu",
    "openai",
    "moto.dynamodb",
    "moto.s3",
    "aws_lambda_powertools",
    "localcloud.check",
    "schemathesis",
    "pydantic",
    "typer",
    "uvicorn",
)
_PR_SET_PDEATHSIG = 1
_MAX_REQUEST_BYTES = 1 << 20


def command() -> list[str]:
    """How to start a Python here: a warm one where tests run in several processes."""
    name = os.environ.get(VARIABLE)
    return [sys.executable, "-S", "-E", __file__, name] if name else [sys.executable]


def start_server() -> None:
    """Have everything that is started from here on find one. It ends with this process."""
    name = f"warm-python-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(f"\0{name}")
        listening.listen(64)
        number = listening.fileno()
        subprocess.Popen(
            [sys.executable, __file__, "serve", str(number), str(os.getpid())],
            pass_fds=[number],
            # Torch's threads spin while they wait for each other, and cost the other processes.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
        )
    os.environ[VARIABLE] = name
    # Local clouds fork their containers from it too.
    os.environ["LOCALCLOUD_PYTHON"] = shlex.join(command())


class Child(NamedTuple):
    """A process that was forked, a descriptor of it, and the command that it stands for."""

    pid: int
    handle: int
    asker: socket.socket

    def follow(self, descriptor: int) -> bool:
        """Pass a signal on to it, or its end to who has asked for it; whether it lives on."""
        if descriptor == self.asker.fileno():
            said = self.asker.recv(16)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, int(said or signal.SIGKILL))
            if said:
                return True
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(OSError):  # nobody asks any more
            self.asker.send(str(code).encode())
        self.close()
        return False

    def close(self) -> None:
        os.close(self.handle)
        self.asker.close()


def serve(listening: socket.socket) -> list[Any]:
    """Fork for each who asks. Returns in the forks alone: arguments, environment and folder."""
    children: dict[int, Child] = {}
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    while True:
        descriptor, _ = poll.poll()[0]
        if descriptor in children:
            both = (children[descriptor].handle, children[descriptor].asker.fileno())
            if not children[descriptor].follow(descriptor):
                for one in both:
                    poll.unregister(one)
                    del children[one]
            continue
        asker, _ = listening.accept()
        message, streams, *_ = socket.recv_fds(asker, _MAX_REQUEST_BYTES, 3)
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            _stand_alone(server, streams)
            for child in set(children.values()):
                child.close()
            asker.close()
            listening.close()
            request: list[Any] = json.loads(message)
            return request
        for stream in streams:
            os.close(stream)
        child = Child(pid, os.pidfd_open(pid), asker)
        for one in (child.handle, asker.fileno()):
            children[one] = child
            poll.register(one, select.POLLIN)


def _stand_alone(server: int, streams: Sequence[int]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for text in (sys.stdout, sys.stderr):
        assert isinstance(text, TextIOWrapper)
        text.reconfigure(write_through=True)
    random.seed()


def become(arguments: list[str], environment: dict[str, str], folder: str) -> tuple[Any, Any]:
    """Make this process what the command would be: its code, and where that runs."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    main = sys.modules["__main__"] = ModuleType("__main__")
    if "-c" in arguments:
        place = arguments.index("-c")
        code, sys.argv = arguments[place + 1], ["-c", *arguments[place + 2 :]]
        sys.path.insert(0, "")
    else:
        main.__file__, sys.argv = arguments[0], arguments
        code = Path(arguments[0]).read_text("utf-8")
        sys.path.insert(0, str(Path(arguments[0]).parent))
    return compile(code, sys.argv[0], "exec"), vars(main)


def ask(name: str, arguments: list[str]) -> int:
    """Have a process forked, and live with it; its exit status as subprocess has it."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(f"\0{name}")
    request = json.dumps([arguments, dict(os.environ), str(Path.cwd())])
    # Ctrl-C reaches the process itself, which is of the same group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: server.send(str(number).encode()))
    socket.send_fds(server, [request.encode()], [0, 1, 2])
    for stream in (0, 1, 2):
        os.close(stream)
    return int(server.recv(16) or -signal.SIGKILL)


def _end_as(code: int) -> None:
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__" and sys.argv[1] != "serve":
    _end_as(ask(sys.argv[1], sys.argv[2:]))
if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[3]):
        sys.exit("who has started it is gone")
    del sys.path[0]  # this file's folder
    gc.disable()
    for package in PACKAGES:
        importlib.import_module(package)
    gc.freeze()  # a fork that looks for garbage would copy every page it looks at
    gc.enable()
    code, names = become(*serve(socket.socket(fileno=int(sys.argv[2]))))
    exec(code, names)
