"""Imports packages once and forks Python programs that need them: a program, run by its path.

Its arguments are the packages. Its standard input is a SOCK_SEQPACKET socket: it says `ready`, then
answers each request with a process id. A request is JSON (`command`, which is `python -m MODULE …`,
`environment`, `folder`) and two descriptors: for the program's output, and for its exit status,
which comes as digits when it has ended. It ends with the socket's other end, its programs with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_MAX_REQUEST_BYTES = 1 << 20


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork for each request. Returns in the forks alone: the request, everything else let go."""
    running: dict[int, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in running:
                poll.unregister(descriptor)
                _report(descriptor, *running.pop(descriptor))
                continue
            message, given, *_ = socket.recv_fds(control, _MAX_REQUEST_BYTES, 2)
            if not message:
                os._exit(0)
            output, status = given
            server, pid = os.getpid(), os.fork()
            if pid == 0:
                _stand_alone(server, output)
                for handle, (_, other) in running.items():
                    os.close(handle)
                    os.close(other)
                os.close(status)
                control.detach()  # its number is the fork's standard input now
                request: dict[str, Any] = json.loads(message)
                return request
            os.close(output)
            handle = os.pidfd_open(pid)
            running[handle] = (pid, status)
            poll.register(handle, select.POLLIN)
            control.send(str(pid).encode())


def _report(handle: int, pid: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody asks any more
        os.write(status, str(code).encode())
    os.close(status)
    os.close(handle)


def _stand_alone(server: int, output: int) -> None:
    """A session of its own, and standard streams that are not the server's."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, number)
    os.close(nothing)
    os.close(output)


def become(request: dict[str, Any]) -> str:
    """Make this process what its command would be; the module to run."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    sys.orig_argv = request["command"]
    module: str = sys.orig_argv[2]
    sys.argv = sys.orig_argv[2:]
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()  # the forks would draw the same numbers
    return module


if __name__ == "__main__":
    del sys.path[0]  # this file's folder, whose modules are none of the programs'
    for package in sys.argv[1:]:
        importlib.import_module(package)
    gc.collect()
    gc.freeze()  # a fork that looks for garbage would copy every page it looks at
    listening = socket.socket(fileno=0)
    listening.send(b"ready")
    # As the interpreter runs it: what it raises, its threads and its exit are the interpreter's.
    runpy.run_module(become(serve(listening)), run_name="__main__", alter_sys=True)
