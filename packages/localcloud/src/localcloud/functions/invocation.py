"""One invocation of a function, and the ways in which it can fail."""

from __future__ import annotations

import json
import signal
import time
import uuid
from dataclasses import dataclass, field

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
# The response may carry a little more than the request, as AWS's own error message states.
MAX_RESPONSE_BYTES = 6291556
MAX_EVENT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Invocation:
    """What a process is handed. `deadline` is in `time.monotonic()` seconds.

    Processes run in real time, so a function's timeout is real too: advancing the cloud's clock
    ends no invocation.
    """

    payload: bytes
    function_arn: str
    timeout_seconds: float
    client_context: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)

    @property
    def deadline(self) -> float:
        return self.started + self.timeout_seconds

    @property
    def deadline_epoch_ms(self) -> int:
        return int((time.time() + self.deadline - time.monotonic()) * 1000)

    @property
    def trace_id(self) -> str:
        digits = self.request_id.replace("-", "")
        return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[:16]};Sampled=0"


class FunctionError(Exception):
    """The function did not answer: `payload` is the JSON its caller gets (FunctionError Unhandled).

    After a `fatal` failure the process can't be used again.
    """

    def __init__(self, error_type: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type, self.message, self.fatal = error_type, message, fatal
        self.payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()

    @classmethod
    def reported(cls, payload: bytes, *, fatal: bool = False) -> FunctionError:
        """What the runtime itself reported, passed on as it is."""
        try:
            error = json.loads(payload)
        except ValueError:
            error = None
        if not isinstance(error, dict):
            return cls("Runtime.Unknown", "the runtime reported no error object", fatal=fatal)
        error_type, message = error.get("errorType", ""), error.get("errorMessage", "")
        failure = cls(str(error_type), str(message), fatal=fatal)
        failure.payload = payload
        return failure

    @classmethod
    def timed_out(cls, request_id: str, seconds: float) -> FunctionError:
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        return cls("Sandbox.Timedout", message, fatal=True)

    @classmethod
    def exited(cls, request_id: str, status: int) -> FunctionError:
        return cls(
            "Runtime.ExitError", f"RequestId: {request_id} Error: {_exit(status)}", fatal=True
        )

    @classmethod
    def too_large(cls) -> FunctionError:
        return cls(
            "Function.ResponseSizeTooLarge",
            f"Response payload size exceeded maximum allowed payload size "
            f"({MAX_RESPONSE_BYTES} bytes).",
        )


def _exit(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    description = signal.strsignal(-status) or f"signal {-status}"
    return f"Runtime exited with error: signal: {description.lower()}"
