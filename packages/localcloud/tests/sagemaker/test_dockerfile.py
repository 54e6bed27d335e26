"""Dockerfiles, as far as they are followed."""

from __future__ import annotations

import pytest

from localcloud.sagemaker.dockerfile import Copy, read_recipe

FULL = """# syntax=docker/dockerfile:1
ARG VERSION=3.11
FROM python:${VERSION} AS base
ARG NAME=world
RUN pip install a \\
    # a comment in between
    b
RUN <<EOF
COPY nothing /here
EOF
WORKDIR /app
ENV GREETING="hello $NAME" PATH=/app/bin:$PATH
ENV OLD style value
COPY --chown=1:1 src/ lib/*.py ./code/
WORKDIR sub
add ["a b.txt", "/data"]
CMD echo $GREETING
"""


def test_everything_that_is_followed() -> None:
    recipe = read_recipe(FULL, {"NAME": "Tokyo"})
    assert recipe.environment["GREETING"] == "hello Tokyo"
    assert recipe.environment["PATH"].startswith("/app/bin:/usr/local/sbin:")
    assert recipe.environment["OLD"] == "style value"
    assert recipe.working_directory == "/app/sub"
    assert recipe.copies == [Copy(("src/", "lib/*.py"), "/app/code/"), Copy(("a b.txt",), "/data")]
    assert recipe.command == ["/bin/sh", "-c", "echo $GREETING"]


def test_a_base_by_digest_and_a_virtual_environment_are_taken_as_given() -> None:
    recipe = read_recipe(
        f"ARG BASE=registry.example:5000/a/python:3.12@sha256:{'0' * 64}\n"
        "FROM --platform=linux/amd64 ${BASE}\n"
        "RUN python -m venv /opt/venv\n"
        "ENV PATH=/opt/venv/bin:$PATH\n"
        "USER 1000:1000\n"
        'ENTRYPOINT ["python", "-m", "a"]\n',
        {},
    )
    assert recipe.environment["PATH"].startswith("/opt/venv/bin:/usr/local/sbin:")
    assert recipe.entrypoint == ["python", "-m", "a"]


def test_a_shell_entrypoint_leaves_the_command_out() -> None:
    recipe = read_recipe('FROM a\nCMD ["x"]\nENTRYPOINT run it', {})
    assert (recipe.entrypoint, recipe.command) == (["/bin/sh", "-c", "run it"], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("COPY a b", "no FROM"),
        ("FROM a\nFROM b", "multi-stage"),
        ("FROM a\nCOPY --from=b c d", "--from=b is not followed"),
        ("FROM a\nADD https://example.com/x /x", "nothing is downloaded"),
        ("FROM a\nONBUILD RUN x", "ONBUILD is not followed"),
        ('FROM a\nENV A="open', "a quote is not closed"),
        ("FROM a\nCMD [broken", "no JSON list"),
        ("FROM a\nRUN x \\", "ends in the middle"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_recipe(text, {})
