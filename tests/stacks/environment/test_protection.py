"""Networks, boundaries, prefixes, concurrency and retention: what AWS would refuse is refused."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from stacks.environment import Environment
from stacks.environment.aws_offers import has_local_storage
from tests.stacks.environment.test_written_values import read, refusal

START = "name: acme\nmodels: {a: {}}\n"
SUBNET, OTHER_SUBNET = "subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d"
GROUP = "sg-0a1b2c3d4e5f60718"


def accepted(folder: Path, text: str) -> Environment:
    return read(folder, START + text)


def test_everything_is_off_by_default(tmp_path: Path) -> None:
    environment = accepted(tmp_path, "")
    network = environment.network
    assert not (network.is_vpc or network.isolation or network.encrypt_between_hosts)
    assert (environment.permissions_boundary, environment.role_name_prefix) == (None, "")
    assert environment.reserved_concurrency == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"network: {{subnet_ids: [{SUBNET}]}}",
            "3: network.subnet_ids: security_group_ids is missing: "
            "a VPC's subnets and security groups go together (it is a list)",
        ),
        (
            f"network: {{security_group_ids: [{GROUP}]}}",
            "3: network.security_group_ids: subnet_ids is missing: "
            "a VPC's subnets and security groups go together (it is a list)",
        ),
        (
            f"network:\n  security_group_ids: [{GROUP}]\n  subnet_ids:\n  - {SUBNET}\n  - vpc-1",
            "7: network.subnet_ids.1: an identifier such as subnet-0a1b2c3d4e5f60718 "
            "(it is 'vpc-1')",
        ),
        (
            f"network: {{subnet_ids: [{SUBNET}, {SUBNET}], security_group_ids: [{GROUP}]}}",
            f"3: network.subnet_ids: {SUBNET} stands here twice (it is a list)",
        ),
        (
            f"network: {{subnet_ids: {SUBNET}, security_group_ids: [{GROUP}]}}",
            f"3: network.subnet_ids: a list (it is '{SUBNET}')",
        ),
        (
            f"network: {{subnet_ids: [{SUBNET}], security_group_ids: "
            f"[{', '.join(f'sg-{n:08x}' for n in range(6))}]}}",
            "3: network.security_group_ids: at most 5 of them (there are 6)",
        ),
        ("network: {isolation: 1}", "3: network.isolation: true or false (it is 1)"),
        (
            "permissions_boundary: a b",
            "3: permissions_boundary: the name or the ARN of a managed policy, such as "
            "arn:aws:iam::123456789012:policy/name (it is 'a b')",
        ),
        (
            "permissions_boundary: arn:aws:iam::123456789012:role/name",
            "3: permissions_boundary: the name or the ARN of a managed policy, such as "
            "arn:aws:iam::123456789012:policy/name (it is "
            "'arn:aws:iam::123456789012:role/name')",
        ),
        (
            f"role_name_prefix: {'r' * 21}",
            "3: role_name_prefix: 1 to 20 letters, digits and signs of + = , . @ - _ "
            f"(it is '{'r' * 21}')",
        ),
        (
            "reserved_concurrency: {answer_request: 0}",
            "3: reserved_concurrency.answer_request: at least 1 (it is 0)",
        ),
        (
            "records: {checkpoint_days: 0}",
            "3: records.checkpoint_days: at least 1 (it is 0)",
        ),
        (
            "records: {inference_log_days: forever}",
            "3: records.inference_log_days: a whole number (it is 'forever')",
        ),
    ],
)
def test_what_aws_would_refuse_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, START + text + "\n") == f"FILE:{said}"


def test_an_unknown_function_is_refused_with_those_there_are(tmp_path: Path) -> None:
    found = refusal(tmp_path, START + "reserved_concurrency:\n  answer_requests: 5\n")
    assert found.startswith("FILE:4: reserved_concurrency.answer_requests: no function; they are ")
    assert ", record_feedback, " in found


def test_checkpoints_outlast_the_longest_training(tmp_path: Path) -> None:
    text = (
        "name: acme\nmodels:\n  a: {}\n  b: {training: {spot: false, max_runtime_minutes: 4321}}\n"
    )
    found = refusal(tmp_path, text + "records: {checkpoint_days: 6}\n")
    said = "at least 7: as long as the longest training (it is 6)"
    assert found == f"FILE:5: records.checkpoint_days: {said}"
    assert read(tmp_path, text + "records: {checkpoint_days: 7}\n").records.checkpoint_days == 7


@pytest.mark.parametrize(
    "boundary",
    ["team", "arn:aws:iam::123456789012:policy/team/b", "arn:aws-cn:iam::aws:policy/ReadOnly"],
)
def test_a_boundary_is_a_name_or_an_arn(tmp_path: Path, boundary: str) -> None:
    made = accepted(tmp_path, f"permissions_boundary: {boundary}\n")
    assert made.permissions_boundary == boundary


def test_subnets_of_both_lengths_are_taken(tmp_path: Path) -> None:
    text = f"network: {{subnet_ids: [{SUBNET}, {OTHER_SUBNET}], security_group_ids: [{GROUP}]}}\n"
    assert accepted(tmp_path, text).network.is_vpc


# Every family that SageMaker offers; EC2's pages list those with instance store volumes.
EBS_ONLY = (
    "c4 c5 c5n c6g c6gn c6i c6in c7g c7i c7i-flex c8g c8i c8i-flex inf1 inf2 m4 m5 m6g m6i m7i "
    "m7i-flex m8g m8i m8i-flex p2 p3 r5 r6g r6i r7i r8g r8i r8i-flex t2 t3"
)
WITH_STORAGE = (
    "c5d c6gd dl1 g4dn g5 g6 g6e g7 g7e m5d m6gd p3dn p4d p4de p5 p5e p5en p6-b200 p6-b300 "
    "p6e-gb200 r5d r6gd r7gd trn1 trn1n trn2"
)


def test_families_with_storage_of_their_own_are_told_from_the_others() -> None:
    shapes = ("ProcessingInstanceType", "TrainingInstanceType", "ProductionVariantInstanceType")
    model = botocore.session.get_session().get_service_model("sagemaker")
    offered = {name for shape in shapes for name in model.shape_for(shape).enum}
    families = {name: name.split(".")[1] for name in offered}
    assert set(families.values()) == {*EBS_ONLY.split(), *WITH_STORAGE.split()}
    found = {family for name, family in families.items() if has_local_storage(name)}
    assert found == set(WITH_STORAGE.split())
