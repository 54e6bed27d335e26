"""What YAML and AWS's tags make of an environment file, held against what a person meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks.environment import Environment, read_environment
from stacks.environment.file import InvalidEnvironment

POC = (Path(__file__).parents[3] / "environments" / "poc.yaml").read_text()
FIRST = "name: poc\n"


def read(folder: Path, text: str) -> Environment:
    path = folder / "file.yaml"
    path.write_text(text)
    return read_environment(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InvalidEnvironment) as refused:
        read(folder, text)
    return str(refused.value).replace(str(folder / "file.yaml"), "FILE")


@pytest.mark.parametrize(
    ("number", "meant"),
    [("010", "8"), ("0x10", "16"), ("0b10", "2"), ("1:30", "90"), ("-1:30.5", "-90.5")],
)
def test_a_number_that_yaml_reads_otherwise_is_refused(
    tmp_path: Path, number: str, meant: str
) -> None:
    found = refusal(tmp_path, POC.replace("  burst: 10\n", f"  burst: {number}\n"))
    line = 1 + POC[: POC.index("  burst: 10\n")].count("\n")
    assert found == (
        f"FILE:{line}: api.burst: YAML reads {number} as {meant}: "
        "write a decimal number, or text in quotation marks"
    )


def test_such_a_number_is_found_as_a_key_and_in_a_list_too(tmp_path: Path) -> None:
    assert "FILE:3: tags: YAML reads 1:30 as 90" in refusal(
        tmp_path, POC.replace(FIRST, FIRST + "tags: {1:30: a}\n")
    )
    assert "FILE:3: tags: YAML reads 010 as 8" in refusal(
        tmp_path, POC.replace(FIRST, FIRST + "tags: [010]\n")
    )


@pytest.mark.parametrize("number", ["10", "1_0", "+10", "'010'"])
def test_decimal_numbers_and_quoted_text_are_what_they_look_like(
    tmp_path: Path, number: str
) -> None:
    quoted = number.startswith("'")
    key = "tags: {cost: %s}" if quoted else "tags: {}"
    text = POC.replace(FIRST, FIRST + (key % number if quoted else key) + "\n")
    text = text if quoted else text.replace("  burst: 10\n", f"  burst: {number}\n")
    environment = read(tmp_path, text)
    assert environment.api.burst == 10
    assert environment.tags == ({"cost": "010"} if quoted else {})


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("Project: a", "tags.Project: differs from the tag project in upper and lower case only"),
        ("ENVIRONMENT: a", "tags.ENVIRONMENT: differs from the tag environment in upper and"),
        ("cost: a, Cost: b", "tags.Cost: differs from the tag cost in upper and lower case only"),
        ("'aws:cost': a", "tags.aws:cost: keys that begin with aws: are AWS's own"),
        ("AWS:cost: a", "tags.AWS:cost: keys that begin with aws: are AWS's own"),
        ("team: 'R&D'", "tags.team: tags take letters, digits, spaces and _ . : / = + - @, and "),
        ("team: '営業、経理'", "tags.team: tags take letters, digits, spaces"),
        ("'': a", "a tag's key has 1 to 127 characters"),
        (f"{'k' * 128}: a", "a tag's key has 1 to 127 characters"),
        (f"team: {'v' * 256}", "tags.team: a tag's value has at most 255 characters, this one has"),
        (", ".join(f"k{n}: a" for n in range(41)), "tags: at most 40 of them (there are 41)"),
        ("cost: 12", "tags.cost: "),
    ],
)
def test_a_tag_that_a_service_would_refuse_is_refused_first(
    tmp_path: Path, tags: str, said: str
) -> None:
    found = refusal(tmp_path, POC.replace(FIRST, FIRST + f"tags: {{{tags}}}\n"))
    assert said in found
    assert found.startswith("FILE:3: tags")


@pytest.mark.parametrize(
    "tags", ["部署: 営業 1課", "cost-center: 'a/b=c+d@e_f.g:h'", "project: own"]
)
def test_what_the_services_take_is_taken(tmp_path: Path, tags: str) -> None:
    key, _, value = tags.partition(": ")
    environment = read(tmp_path, POC.replace(FIRST, FIRST + f"tags: {{{tags}}}\n"))
    assert environment.tags == {key: value.strip("'")}
