"""What an answer in the cache is found by: all that it depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meguru.fingerprint import sha256_hex

# Of what is kept under a key: another form is found by other keys.
FORMAT = 1
# Members of a body that say how an answer is sent, and nothing of what it says.
OF_SENDING = ("stream", "stream_options")


@dataclass(frozen=True)
class Version:
    """What answers: a model version (a model package's ARN), and what is around it.

    `release` is the name of the endpoint config, which is made of the package, its prompt, its
    image and its variables: a change of any of them is another one. `index` is the version of the
    knowledge that is searched; empty: none is.
    """

    model: str
    release: str
    index: str = ""


def cache_key(consumer: str, version: Version, kind: str, body: Mapping[str, Any]) -> str:
    """64 hexadecimal digits; `body` is what the model is asked, `kind` the form of the answer.

    As it stands: a JSON schema's members come in an answer in the schema's order, so no key is
    sorted.
    """
    asked = {name: value for name, value in body.items() if name not in OF_SENDING}
    parts = [FORMAT, consumer, version.model, version.release, version.index, kind, asked]
    return sha256_hex(json.dumps(parts, allow_nan=False, separators=(",", ":")).encode())
