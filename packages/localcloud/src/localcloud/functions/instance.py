"""An instance of a function: its sandbox, started, invoked, and logged as Lambda logs it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime

from localcloud.account import Account
from localcloud.calls import Caller
from localcloud.functions.environment import Place, command, environment, is_web_server
from localcloud.functions.function import Version
from localcloud.functions.invocation import FunctionError, Invocation
from localcloud.functions.logs import LogStream, LogWriter, log_stream_name
from localcloud.functions.runtime_api import RuntimeSandbox
from localcloud.functions.sandbox import DeadlineError, ProcessExitError, Sandbox
from localcloud.functions.web_adapter import WebSandbox

# Lambda gives the init phase 10 s and, should it take longer, starts it again within the
# function's timeout; here it goes on for as long as both together.
_INIT_SECONDS = 10
_TAIL_CHARACTERS = 4096


class Instance:
    """One warm place to run a version of a function, for one invocation at a time."""

    def __init__(self, account: Account, version: Version, log_writer: LogWriter) -> None:
        self.version = version
        self._account = account
        self._log_writer = log_writer
        name = log_stream_name(version.name)
        self._stream = LogStream(version.log_group, name, version.role_arn, version.function_name)
        self._tail: deque[str] = deque(maxlen=500)
        self._init_seconds: float | None = None
        self._sandbox = self._start()

    def initialize(self) -> None:
        """Wait until the process is ready to be invoked: FunctionError when it does not get so."""
        started = time.monotonic()
        limit = _INIT_SECONDS + self.version.timeout_seconds
        try:
            self._sandbox.initialize(started + limit)
        except DeadlineError:
            self._log_init(started, "timeout")
            raise FunctionError.timed_out("", limit) from None
        except ProcessExitError as exit_:
            self._log_init(started, "error\tError Type: Runtime.ExitError")
            raise FunctionError.exited("", exit_.status) from None
        self._init_seconds = time.monotonic() - started

    @property
    def alive(self) -> bool:
        return self._sandbox.alive

    @property
    def last_used(self) -> float:
        return self._sandbox.last_used

    @property
    def tail(self) -> str:
        """The last 4 KB of what the last invocation logged."""
        return "\n".join(self._tail)[-_TAIL_CHARACTERS:]

    def end(self) -> None:
        self._sandbox.end()

    def stream(self, invocation: Invocation) -> Generator[bytes, None, None]:
        """The answer's bytes; FunctionError when there is none. Logs START, END and REPORT."""
        # The timeout is the function's own: waiting for an instance is not part of it.
        invocation = replace(invocation, started=time.monotonic())
        self._tail.clear()
        self._log(f"START RequestId: {invocation.request_id} Version: {self.version.name}")
        status = ""
        try:
            yield from self._sandbox.stream(invocation)
        except DeadlineError:
            status = "timeout"
            self._log_timeout(invocation)
            raise FunctionError.timed_out(
                invocation.request_id, self.version.timeout_seconds
            ) from None
        except ProcessExitError as exit_:
            status = "error\tError Type: Runtime.ExitError"
            raise FunctionError.exited(invocation.request_id, exit_.status) from None
        finally:
            self._sandbox.last_used = time.monotonic()
            self._log(f"END RequestId: {invocation.request_id}")
            self._report(invocation, status)

    def _start(self) -> Sandbox:
        place = Place(self._account.region, self._account.endpoint_url)
        caller = Caller.role(self.version.role_arn, self.version.function_name)
        env = environment(self.version, place, self._account.credentials(caller), self._stream.name)
        sandbox: Sandbox
        if is_web_server(self.version):
            sandbox = web = WebSandbox(self._account.processes, self._log)
            env |= {"PORT": str(web.port), "AWS_LWA_PORT": str(web.port)}
            web.serve_with(env)
        else:
            sandbox = runtime = RuntimeSandbox(self._account.processes, self._log)
            env["AWS_LAMBDA_RUNTIME_API"] = runtime.address
        sandbox.start(command(self.version), env, self.version.code.folder)
        return sandbox

    def _log(self, line: str) -> None:
        self._tail.append(line)
        self._log_writer.write(self._stream, line)

    def _log_init(self, started: float, status: str) -> None:
        milliseconds = (time.monotonic() - started) * 1000
        self._log(
            f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: init\tStatus: {status}"
        )

    def _log_timeout(self, invocation: Invocation) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        seconds = self.version.timeout_seconds
        self._log(f"{now} {invocation.request_id} Task timed out after {seconds:.2f} seconds")

    def _report(self, invocation: Invocation, status: str) -> None:
        milliseconds = (time.monotonic() - invocation.started) * 1000
        parts = [
            f"REPORT RequestId: {invocation.request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {int(milliseconds) + 1} ms",
            f"Memory Size: {self.version.memory_megabytes} MB",
            f"Max Memory Used: {self._sandbox.max_memory_megabytes} MB",
        ]
        if self._init_seconds is not None:
            parts.append(f"Init Duration: {self._init_seconds * 1000:.2f} ms")
            self._init_seconds = None
        if status:
            parts.append(f"Status: {status}")
        self._log("\t".join(parts) + "\t")
