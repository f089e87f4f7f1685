"""Which version comes before which."""

from itertools import pairwise

import pytest

from edgeagent.semver import UNKNOWN, completed, rank, rank_of_any, rank_of_release


def test_versions_are_ordered_as_the_specification_has_them() -> None:
    told = (
        "0.9.10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 "
        "1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 1.10.0 2.0.0"
    )
    assert all(rank(one) < rank(other) for one, other in pairwise(told.split()))
    assert rank("1.0.0+one") == rank("1.0.0+other")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0 ", "1.0.0-a..b",
     "9999999999.0.0", "1.0.0\n", "١.0.0"],
)  # fmt: skip
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a semantic version"):
        rank(text)


def test_older_bundles_have_a_place_in_the_order() -> None:
    assert [completed(text) for text in ("1", "1.2", "104342d")] == ["1.0.0", "1.2.0", "104342d"]
    assert rank_of_any("2") == rank("2.0.0")
    assert rank_of_any("104342d") == UNKNOWN < rank("0.0.0-0")


def test_a_release_is_ordered_by_pythons_versions() -> None:
    told = ["0.2.0.dev1", "0.2.0a1", "0.2.0b2", "0.2.0rc1", "0.2.0"]
    assert all(rank_of_release(one) < rank_of_release(other) for one, other in pairwise(told))
    assert rank_of_release("0.2.0+pi") == rank_of_release("0.2.0.post1") == rank("0.2.0")
    assert rank_of_release("0.2.0rc1") == rank("0.2.0-rc.1")
    assert rank_of_release("unknown") == UNKNOWN
