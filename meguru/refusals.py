"""What AWS's refusals of a call mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MISSING_CODE = re.compile(r"NotFound|DoesNotExist")
_MISSING_MESSAGE = re.compile(r"could not find|does not exist", re.IGNORECASE)


def says_missing(error: Mapping[str, str]) -> bool:
    """Whether botocore's `response["Error"]` says that what was named is not there.

    SageMaker mostly has no code for it: it says so in the message of a ValidationException, which
    is the code of much else. Any other refusal (of access, of a rate) tells nothing of it.
    """
    code = error.get("Code", "")
    if code == "ValidationException":
        return _MISSING_MESSAGE.search(error.get("Message", "")) is not None
    return _MISSING_CODE.search(code) is not None
