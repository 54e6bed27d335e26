"""The command line: starts a cloud, says where it is, and ends it when asked to."""

from __future__ import annotations

import argparse
import ctypes
import errno
import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.template.assembly import Assembly
from localcloud.template.given_parameters import GivenParameter, give_parameters

_DEFAULT_PORT = 4566
_EXPECTED = (ValueError, OSError, ClientError, BotoCoreError)
_PR_SET_PDEATHSIG = 1
logger = logging.getLogger("localcloud")
# What a service takes to end in order; then the process ends, and the kernel ends its children.
_STOP_SECONDS = 8.0


class Command:
    """One run of the command line: up, then down at the first signal or failure."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._cloud: Cloud | None = None
        self._work_dir = Path()
        self._ended = threading.Event()
        self._woken, self._wakeup = os.pipe()
        self._status = 0

    def run(self) -> int:
        """Exit status: 0 when asked to end, 1 where the cloud couldn't be brought up."""
        self._watch_signals()
        # Made here and not by the cloud, so that it goes even while the cloud is being made.
        try:
            self._work_dir = self._arguments.work_dir or Path(
                tempfile.mkdtemp(prefix="localcloud-")
            )
        except OSError as error:
            self._fail(_sentence(error, self._arguments.port))
            return self._status
        # Signals are the main thread's: it waits while another brings the cloud up.
        starting = threading.Thread(target=self._start, name="start", daemon=True)
        starting.start()
        os.read(self._woken, 1)
        self._ended.set()
        self._stop()
        if self._arguments.work_dir is None:
            shutil.rmtree(self._work_dir, ignore_errors=True)
        return self._status

    def _watch_signals(self) -> None:
        """Have each signal write to the pipe that the main thread reads.

        The kernel may give a signal to any thread, and a main thread that waits for a lock or an
        event then sleeps on: Python runs handlers nowhere else. A read ends on whichever thread.
        """
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)

    def _start(self) -> None:
        try:
            self._bring_up()
        except _EXPECTED as error:
            self._fail(_sentence(error, self._arguments.port))
        except Exception as error:
            if not self._ended.is_set():
                logger.exception("the cloud couldn't be brought up")
            self._fail(f"this is a fault of localcloud: {_sentence(error, 0)}")

    def _bring_up(self) -> None:
        assembly = Assembly.load(self._arguments.assembly)
        give_parameters(assembly, self._arguments.parameters)
        cloud = Cloud(assembly, port=self._arguments.port, work_dir=self._work_dir)
        self._cloud = cloud
        cloud.account.processes.adopt_orphans()
        if self._ended.is_set():
            return
        cloud.start()
        gc.freeze()
        gc.enable()
        _print_lines(f"AWS_ENDPOINT_URL={cloud.endpoint_url}", *_outputs(cloud), "ready")

    def _fail(self, sentence: str) -> None:
        if self._ended.is_set():
            return  # What was under way failed because the cloud is being ended.
        print(f"localcloud: {sentence}", file=sys.stderr, flush=True)
        self._status = 1
        self._ended.set()
        os.write(self._wakeup, b"\0")

    def _stop(self) -> None:
        watchdog = threading.Timer(_STOP_SECONDS, lambda: os._exit(self._status))
        watchdog.daemon = True
        watchdog.start()
        if self._cloud is not None:
            self._cloud.stop()
        watchdog.cancel()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process."""
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    # All that is made until the cloud is up stays as long as it does: there is nothing to collect.
    gc.disable()
    if parsed.die_with_parent:
        _die_with_parent()
    status = Command(parsed).run()
    sys.stdout.flush()
    sys.stderr.flush()
    # Calls that nobody waits for any more must not hold the end up.
    os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localcloud",
        description="Run the stacks of a CDK assembly on this machine, on one address.",
    )
    parser.add_argument("assembly", type=Path, help="the folder that `cdk synth` wrote: cdk.out")
    parser.add_argument(
        "--port",
        type=_port,
        default=_DEFAULT_PORT,
        help=f"port to answer on (default: {_DEFAULT_PORT}; 0: any free one)",
    )
    parser.add_argument(
        "--work-dir",
        type=Path,
        help="folder for what runs leave, kept at the end (default: a temporary one, removed)",
    )
    parser.add_argument(
        "--parameters",
        type=_parameter,
        action="append",
        default=[],
        metavar="[STACK:]NAME=VALUE",
        help="value of a template's parameter, for one stack or all that declare it; repeatable",
    )
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when the process that started this does"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _parameter(text: str) -> GivenParameter:
    try:
        return GivenParameter.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="localcloud-"))


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)  # The parent ended before the kernel knew that we care.


def _sentence(error: Exception, port: int) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.EADDRINUSE:
            return f"port {port} is in use: choose another with --port, or --port 0 for a free one"
        if error.errno == errno.ENOSPC:
            where = f" ({error.filename})" if error.filename else ""
            return f"the disk is full{where}: free some space and start again"
        if error.filename is not None and error.strerror:
            advice = "name another, or let this user read and write it"
            return f"{error.filename}: {error.strerror}: {advice}"
    return " ".join(str(error).split()) or type(error).__name__


def _outputs(cloud: Cloud) -> list[str]:
    """Each stack's outputs as `cdk deploy` prints them."""
    lines = []
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    for stack in stacks:
        # Of a nested stack, `cdk deploy` shows what its parent passes on.
        outputs = [] if "ParentId" in stack else stack.get("Outputs", [])
        if outputs:
            values = (
                f"{stack['StackName']}.{o['OutputKey']} = {o['OutputValue']}" for o in outputs
            )
            lines += ["", "Outputs:", *values]
    return [*lines, ""] if lines else []


def _print_lines(*lines: str) -> None:
    print("\n".join(lines), flush=True)
