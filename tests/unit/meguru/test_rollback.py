"""What a rollback leaves in the registry, and what it makes of what has served."""

from __future__ import annotations

import pytest

from meguru.rollback import before_last, is_rollback, rollback_description, served_then


def test_a_rollback_has_a_name_and_a_reason() -> None:
    said = rollback_description(" hana ", "it invents prices")
    assert said == "Rollback by hana: it invents prices" and is_rollback(said)
    assert not is_rollback("Good. Rollback by hana was not needed")
    assert len(rollback_description("hana", "長" * 5000)) == 1024


@pytest.mark.parametrize(("by", "because"), [("", "it is bad"), ("hana", " ")])
def test_nobody_and_nothing_are_refused(by: str, because: str) -> None:
    with pytest.raises(ValueError, match="a rollback needs a"):
        rollback_description(by, because)


@pytest.mark.parametrize(
    ("served", "package", "back", "then"),
    [
        ("", "a", False, "a"),
        ("a", "b", False, "ab"),
        # On other instances.
        ("ab", "b", False, "ab"),
        ("abc", "b", True, "ab"),
        ("abac", "a", True, "aba"),
        ("ab", "c", True, "abc"),
        ("ab", "a", False, "aba"),
    ],
)
def test_who_goes_back_undoes_what_came_since(
    served: str, package: str, back: bool, then: str
) -> None:
    assert "".join(served_then(list(served), package, back=back)) == then


def test_what_served_before() -> None:
    assert [before_last(list(one)) for one in ("", "a", "ab", "abc")] == ["", "", "a", "b"]
    assert len(served_then([str(n) for n in range(30)], "new", back=False)) == 20
