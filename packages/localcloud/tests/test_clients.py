"""A client that all share signs each call as whoever makes it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.awsrequest import AWSResponse

from localcloud.calls import Caller
from localcloud.clients import Clients
from localcloud.credentials import Credentials

NUM_CALLERS = 4


class Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def test_each_call_is_signed_as_whoever_makes_it() -> None:
    together = threading.Barrier(NUM_CALLERS)

    def answer(request: Any, **_: Any) -> AWSResponse:
        """The signature as the request's ID, once all have signed theirs."""
        together.wait(10)
        names = ("Authorization", "X-Amz-Security-Token")
        said = " ".join(request.headers[name].decode() for name in names)
        return AWSResponse(request.url, 200, {"x-amzn-requestid": said}, Body(b"{}"))

    clients = Clients("http://127.0.0.1:9", "us-east-1")
    lent = [
        clients.lend(
            "dynamodb", Credentials(f"KEY{n}", "secret", f"token-{n}", Caller.administrator())
        )
        for n in range(NUM_CALLERS)
    ]
    lent[0].client.meta.events.register("before-send.dynamodb", answer)
    with ThreadPoolExecutor(NUM_CALLERS) as pool:
        answers = list(pool.map(lambda one: one.list_tables(), lent))
    for number, said in enumerate(answers):
        signed = said["ResponseMetadata"]["RequestId"]
        assert f"Credential=KEY{number}/" in signed and signed.endswith(f"token-{number}")
