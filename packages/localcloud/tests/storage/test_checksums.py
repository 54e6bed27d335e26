"""A body and the digests that were sent with it."""

from __future__ import annotations

import pytest

from localcloud.calls import ServiceError
from localcloud.storage.checksums import check_digests, crc32c

# What each says of b"x".
_RIGHT = {
    "ContentMD5": "ndTkYSaMgDT1yFZOFVxnpg==",
    "ChecksumCRC32": "jNwWgw==",
    "ChecksumSHA1": "EfatjsUqKYSrqv18O1FlA3hcIHI=",
    "ChecksumSHA256": "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=",
}


def test_crc32c_is_that_of_its_rfc() -> None:
    # RFC 3720, B.4: 32 bytes of zeroes, of ones, and counting up.
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize("member", [*_RIGHT, "ChecksumCRC32C"])
def test_a_wrong_digest_is_refused_by_name(member: str) -> None:
    with pytest.raises(ServiceError, match=f"{member[-3:]} you") as refused:
        check_digests({"Body": b"x", member: "AAAA"})
    assert refused.value.code == "BadDigest"


def test_right_digests_are_taken() -> None:
    check_digests({"Body": b"x"} | _RIGHT)
    check_digests({"Body": b"123456789", "ChecksumCRC32C": "4waSgw=="})
