"""What failed is said in one line that a person can do something with."""

from __future__ import annotations

import errno
from pathlib import Path

import httpx2
import openai
import pytest
import requests
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cli.complaint import EXPECTED, complaint
from cli.loop import LoopFailed

URL = "http://127.0.0.1:9/v1/chat/completions"


def refused(code: str, message: str = "Why.", call: str = "StartExecution") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, call)


def api_error(status: int, body: object) -> openai.APIStatusError:
    response = httpx2.Response(status, request=httpx2.Request("POST", URL))
    return openai.APIStatusError(f"Error code: {status} - {body}", response=response, body=body)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            refused("AccessDeniedException"),
            "these credentials may not call StartExecution: have its permission given to you (Why)",
        ),
        (
            refused("ExpiredToken"),
            "AWS doesn't take these credentials: sign in again, or configure others (Why)",
        ),
        (
            refused("ThrottlingException"),
            "AWS was asked too often: try again in a minute (StartExecution: Why)",
        ),
        (
            refused("ResourceNotFound", ""),
            "StartExecution was refused: it gives no reason (ResourceNotFound)",
        ),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
            'Could not connect to the endpoint URL: "http://127.0.0.1:9": nothing answers there; '
            "start a local cloud with `meguru up`",
        ),
        (FileNotFoundError(errno.ENOENT, "No", "x"), "x: there is no such file or folder"),
        (IsADirectoryError(errno.EISDIR, "Is", "x"), "x: is a folder, where a file is needed"),
        (OSError(errno.EIO, "Input/output error", "x"), "x: Input/output error"),
        (OSError("it broke"), "it broke"),
        (
            api_error(429, {"message": "too many tokens today", "code": "budget"}),
            "the API refused it with status 429: too many tokens today",
        ),
        (api_error(502, "<html>"), "the API refused it with status 502: Error code: 502 - <html>"),
        (
            openai.APIConnectionError(request=httpx2.Request("POST", URL)),
            f"nothing answers at {URL}; start a local cloud with `meguru up`",
        ),
        (
            openai.APITimeoutError(request=httpx2.Request("POST", URL)),
            f"no answer in time from {URL}: try again, or ask for fewer tokens",
        ),
        (
            requests.ConnectionError(request=requests.Request("GET", URL)),
            f"nothing answers at {URL}; start a local cloud with `meguru up`",
        ),
        (S3UploadFailedError("Failed to upload a to b"), "Failed to upload a to b"),
        (LoopFailed("the gate refused it"), "the gate refused it"),
        (ValueError(), "ValueError"),
    ],
)
def test_each_kind_of_error(error: Exception, said: str) -> None:
    assert isinstance(error, EXPECTED)
    assert complaint(error) == said


def test_an_account_without_credentials_is_told_of_both_ways() -> None:
    said = complaint(NoCredentialsError())
    assert "run `meguru up` here" in said and "Unable to locate credentials)" in said


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(OSError) as raised:
            path.read_bytes()
        assert complaint(raised.value).startswith(f"{path}: ")
        assert "Errno" not in complaint(raised.value)
