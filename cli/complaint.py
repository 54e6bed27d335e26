"""What failed, in one line for the person at the terminal: what is wrong, and what to do."""

from __future__ import annotations

import errno

import openai
import requests
from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from cli.cloud_process import CloudFailed
from cli.loop import LoopFailed
from cli.synthesis import SynthesisFailed

EXPECTED = (
    *(CloudFailed, LoopFailed, SynthesisFailed, ValueError, OSError),
    *(BotoCoreError, Boto3Error, ClientError, openai.OpenAIError),
)
START = "start a local cloud with `meguru up`"
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_CREDENTIALS = (
    "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException",
)  # fmt: skip
_FILES = {
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "is a folder, where a file is needed",
    errno.EEXIST: "is a file, where a folder is needed",
    errno.ENOTDIR: "is in something that is a file and no folder",
    errno.EACCES: "you may not read or write it: change its permissions",
    errno.EPERM: "you may not read or write it: change its permissions",
    errno.EROFS: "can't be written: its file system is read-only",
    errno.ENAMETOOLONG: "the name is too long for a file",
    errno.ENOSPC: "the disk is full: make room, and try again",
}


def complaint(error: BaseException) -> str:
    """The line for an error of EXPECTED."""
    if isinstance(error, NoCredentialsError | NoRegionError):
        return (
            "no local cloud was started from this folder: run `meguru up` here, or give "
            "--endpoint-url; for an AWS account, configure its credentials and region "
            f"({str(error).rstrip('.')})"
        )
    if isinstance(error, EndpointConnectionError):
        return f"{error}: nothing answers there; {START}"
    if isinstance(error, ClientError):
        return _of_aws(error)
    if isinstance(error, openai.OpenAIError):
        return _of_api(error)
    if isinstance(error, requests.ConnectionError) and error.request is not None:
        return f"nothing answers at {error.request.url}; {START}"
    if isinstance(error, OSError) and error.filename is not None:
        said = _FILES.get(error.errno or 0, error.strerror or type(error).__name__)
        return f"{error.filename}: {said}"
    return str(error) or type(error).__name__


def _of_aws(error: ClientError) -> str:
    told, call = error.response.get("Error", {}), error.operation_name
    code = str(told.get("Code", "unknown"))
    said = str(told.get("Message", "")).strip().rstrip(".") or "it gives no reason"
    if code in _DENIED:
        return f"these credentials may not call {call}: have its permission given to you ({said})"
    if code in _CREDENTIALS:
        return f"AWS doesn't take these credentials: sign in again, or configure others ({said})"
    if "Throttl" in code or "TooManyRequests" in code:
        return f"AWS was asked too often: try again in a minute ({call}: {said})"
    return f"{call} was refused: {said} ({code})"


def _of_api(error: openai.OpenAIError) -> str:
    if isinstance(error, openai.APITimeoutError):
        return f"no answer in time from {error.request.url}: try again, or ask for fewer tokens"
    if isinstance(error, openai.APIConnectionError):
        return f"nothing answers at {error.request.url}; {START}"
    if isinstance(error, openai.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        return f"the API refused it with status {error.status_code}: " + str(
            body.get("message") or error.message
        )
    return str(error) or type(error).__name__
